import type { Transaction } from 'kysely';
import type { ModuleVersion } from '../module/version.ts';
import type { Applied, Catalog, Jobs, Position, VersionRow } from './catalog.ts';
import type { Entry } from './entry.ts';
import type { Db, Tables } from './schema.ts';
import { createGuard } from './sql-guard.ts';
import { addJob, createSqlJobs } from './sql-jobs.ts';

/** What the parts of a catalog over a database share. */
export interface SqlOptions {
  readonly db: Db;
  /** Names the database in messages. */
  readonly where: string;
  readonly now?: () => number;
}

/** A transaction under way. */
type Trx = Transaction<Tables>;

const dayMs = 24 * 60 * 60 * 1000;

/** A catalog over a database whose schema is up to date. Its SQL is that of SQLite, PostgreSQL and MySQL alike. */
export function createSqlCatalog(options: SqlOptions): Catalog {
  const { db, where, now = Date.now } = options;
  const guarded = createGuard(where);
  const jobs: Jobs = createSqlJobs({ db, now, guarded });

  /** Makes the row of a segment, unless there is one: two may try at once, and a transaction would end with that. */
  async function begin(segment: string): Promise<void> {
    try {
      await db.insertInto('segments').values({ segment, bytes: 0, applied_at: now() }).execute();
    } catch (error) {
      if ((await positionOf(db, segment)) === undefined) throw error;
    }
  }

  /** Takes the piece of the segment for this transaction; false where it is not the next one. */
  async function take(trx: Trx, { segment, from, to }: Position): Promise<boolean> {
    const { numUpdatedRows } = await trx
      .updateTable('segments')
      .set({ bytes: to, applied_at: now() })
      .where('segment', '=', segment)
      .where('bytes', '=', from)
      .executeTakeFirst();
    return numUpdatedRows > 0n;
  }

  async function positionOf(trx: Trx | Db, segment: string): Promise<number | undefined> {
    const row = await trx
      .selectFrom('segments')
      .select('bytes')
      .where('segment', '=', segment)
      .executeTakeFirst();
    return row?.bytes;
  }

  async function applyAll(entries: readonly Entry[], position: Position | undefined): Promise<Applied> {
    if (position?.from === 0) await begin(position.segment);
    return db.transaction().execute(async (trx) => {
      if (position !== undefined && !(await take(trx, position)))
        return { done: false, reached: (await positionOf(trx, position.segment)) ?? 0 };
      const index = createIndexClock(trx, now);
      for (const entry of entries) await applyEntry(trx, entry, index);
      await index.keep();
      return { done: true, reached: position?.to ?? 0 };
    });
  }

  return {
    apply: (entries, position, signal) => guarded(() => applyAll(entries, position), signal),

    asked: (versions, at, signal) =>
      guarded(async () => {
        for (const some of pieces(versions))
          await db
            .updateTable('versions')
            .set({ last_asked: at })
            .where(({ eb, refTuple, tuple }) =>
              eb(
                refTuple('path', 'version'),
                'in',
                some.map(({ path, version }) => tuple(path, version)),
              ),
            )
            .where((eb) => eb.or([eb('last_asked', 'is', null), eb('last_asked', '<', at)]))
            .execute();
      }, signal),

    versions: ({ path, verified, sinceUs, limit }, signal) =>
      guarded(async () => {
        let query = db.selectFrom('versions').selectAll().orderBy('indexed_us').limit(limit);
        if (path !== undefined) query = query.where('path', '=', path);
        if (verified !== undefined) query = query.where('verified', '=', verified);
        if (sinceUs !== undefined) query = query.where('indexed_us', '>=', sinceUs);
        return (await query.execute()).map(toVersionRow);
      }, signal),

    missing: (versions, signal) =>
      guarded(async () => {
        const absent: ModuleVersion[] = [];
        for (const some of pieces(versions)) {
          const rows = await db
            .selectFrom('versions')
            .select(['path', 'version'])
            .where(({ eb, refTuple, tuple }) =>
              eb(
                refTuple('path', 'version'),
                'in',
                some.map(({ path, version }) => tuple(path, version)),
              ),
            )
            .execute();
          const there = new Set(rows.map(({ path, version }) => `${path}@${version}`));
          absent.push(...some.filter(({ path, version }) => !there.has(`${path}@${version}`)));
        }
        return absent;
      }, signal),

    events: ({ kind, path, since, limit }, signal) =>
      guarded(async () => {
        let query = db.selectFrom('events').selectAll().orderBy('at', 'desc').orderBy('id').limit(limit);
        if (kind !== undefined) query = query.where('kind', '=', kind);
        if (path !== undefined) query = query.where('path', '=', path);
        if (since !== undefined) query = query.where('at', '>=', since);
        return (await query.execute()).map((row) => ({ ...row, detail: JSON.parse(row.detail) }));
      }, signal),

    prune: (signal) =>
      guarded(async () => {
        const at = now();
        await db
          .deleteFrom('events')
          .where('at', '<', at - 365 * dayMs)
          .execute();
        await db
          .deleteFrom('segments')
          .where('applied_at', '<', at - 30 * dayMs)
          .execute();
        await db
          .deleteFrom('jobs')
          .where('state', '=', 'failed')
          .where('not_before', '<', at - 30 * dayMs)
          .execute();
      }, signal),

    jobs,
  };
}

/** Index timestamps of one transaction. */
interface IndexClock {
  next(): Promise<number>;
  /** Keeps the last one that was given, for the transactions to come. */
  keep(): Promise<void>;
}

/** From the first timestamp to the commit no other transaction gets one, so that they rise as rows become visible. */
function createIndexClock(trx: Trx, now: () => number): IndexClock {
  let last: number | undefined;

  async function begin(): Promise<number> {
    // Waits for a transaction that has the row. Only who changes a row is certain to see what others wrote to it since it began.
    await trx
      .updateTable('clock')
      .set(({ eb }) => ({ value: eb('value', '+', 1) }))
      .where('name', '=', 'index')
      .execute();
    const { value } = await trx
      .selectFrom('clock')
      .select('value')
      .where('name', '=', 'index')
      .executeTakeFirstOrThrow();
    return Math.max(value, now() * 1000);
  }

  return {
    async next() {
      last = last === undefined ? await begin() : last + 1;
      return last;
    },
    async keep() {
      if (last !== undefined)
        await trx.updateTable('clock').set({ value: last }).where('name', '=', 'index').execute();
    },
  };
}

async function applyEntry(trx: Trx, entry: Entry, index: IndexClock): Promise<void> {
  switch (entry.type) {
    case 'version':
      return applyVersion(trx, entry, index);
    case 'verified':
      await trx
        .updateTable('versions')
        .set({ verified: entry.by })
        .where('path', '=', entry.path)
        .where('version', '=', entry.version)
        .where('h1', '=', entry.h1)
        .execute();
      return;
    case 'gone':
      // Another process may have stored the right content by now, and told it sooner.
      await trx
        .deleteFrom('versions')
        .where('path', '=', entry.path)
        .where('version', '=', entry.version)
        .where('first_seen', '<=', entry.at)
        .where('h1', '!=', entry.except ?? '')
        .execute();
      return;
    case 'event':
      return applyEvent(trx, entry);
    case 'job':
      return addJob(trx, entry);
  }
}

/** The first to tell of a content is right about it; a later one only adds what was not known. Another content takes its place. */
async function applyVersion(
  trx: Trx,
  entry: Extract<Entry, { type: 'version' }>,
  index: IndexClock,
): Promise<void> {
  const { path, version, at, h1 } = entry;
  const told = {
    size: entry.size ?? null,
    mod_h1: entry.modH1 ?? null,
    source: entry.source ?? null,
    verified: entry.verified ?? null,
  };
  const row = await trx
    .selectFrom('versions')
    .select(['h1', 'first_seen', 'size', 'mod_h1', 'source', 'verified'])
    .where('path', '=', path)
    .where('version', '=', version)
    .executeTakeFirst();
  if (row === undefined) {
    const fresh = { path, version, h1, first_seen: at, last_asked: null, indexed_us: await index.next() };
    await trx
      .insertInto('versions')
      .values({ ...fresh, ...told })
      .execute();
    return;
  }
  const known = { size: row.size, mod_h1: row.mod_h1, source: row.source, verified: row.verified };
  const values =
    row.h1 === h1
      ? { ...told, ...Object.fromEntries(Object.entries(known).filter(([, value]) => value !== null)) }
      : row.first_seen <= at && { ...told, h1, first_seen: at, indexed_us: await index.next() };
  if (values !== false)
    await trx
      .updateTable('versions')
      .set(values)
      .where('path', '=', path)
      .where('version', '=', version)
      .execute();
}

async function applyEvent(trx: Trx, entry: Extract<Entry, { type: 'event' }>): Promise<void> {
  const { id, at, kind, module, text, detail } = entry;
  const before = await trx.selectFrom('events').select('id').where('id', '=', id).executeTakeFirst();
  if (before !== undefined) return;
  const subject = { path: module?.path ?? null, version: module?.version ?? null };
  await trx
    .insertInto('events')
    .values({ id, at, kind, text, ...subject, detail: JSON.stringify(detail ?? {}) })
    .execute();
}

function toVersionRow(row: Tables['versions']): VersionRow {
  const { path, version, size, h1, source, verified } = row;
  return {
    path,
    version,
    size,
    h1,
    modH1: row.mod_h1,
    source,
    verified,
    firstSeen: row.first_seen,
    lastAsked: row.last_asked,
    indexedUs: row.indexed_us,
  };
}

/** As many as one statement takes. */
const pieceSize = 500;

function* pieces<T>(items: readonly T[]): Generator<readonly T[]> {
  for (let at = 0; at < items.length; at += pieceSize) yield items.slice(at, at + pieceSize);
}
