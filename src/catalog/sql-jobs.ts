import type { Transaction } from 'kysely';
import type { Claim, ClaimedJob, JobRow, JobState, Jobs, Outcome } from './catalog.ts';
import { bounds, type Entry } from './entry.ts';
import type { Db, Tables } from './schema.ts';
import type { Guarded } from './sql-guard.ts';

type Job = Tables['jobs'];

/** The queue over a database. */
export function createSqlJobs(options: {
  readonly db: Db;
  readonly now: () => number;
  readonly guarded: Guarded;
}): Jobs {
  const { db, now, guarded } = options;

  /** Jobs that wait and are due, and those whose owner let the lease run out. */
  function due(from: Db | Transaction<Tables>, { kinds, limit }: Claim) {
    const at = now();
    return from
      .selectFrom('jobs')
      .select(['kind', 'job_key', 'payload', 'attempts'])
      .where('kind', 'in', kinds)
      .where((eb) =>
        eb.or([
          eb.and([eb('state', '=', 'waiting'), eb('not_before', '<=', at)]),
          eb.and([eb('state', '=', 'running'), eb('lease_until', '<=', at)]),
        ]),
      )
      .orderBy('not_before')
      .limit(limit);
  }

  async function claim(wanted: Claim): Promise<readonly ClaimedJob[]> {
    // Mostly there is nothing to do, and looking needs no lock.
    if (wanted.kinds.length === 0 || (await due(db, wanted).execute()).length === 0) return [];
    return db.transaction().execute(async (trx) => {
      const rows = await due(trx, wanted).execute();
      const claimed: ClaimedJob[] = [];
      for (const { kind, job_key, payload, attempts } of rows) {
        const { numUpdatedRows } = await trx
          .updateTable('jobs')
          .set({
            state: 'running',
            owner: wanted.owner,
            lease_until: now() + wanted.leaseMs,
            attempts: attempts + 1,
          })
          .where('kind', '=', kind)
          .where('job_key', '=', job_key)
          // Nobody took it since it was read.
          .where('attempts', '=', attempts)
          .executeTakeFirst();
        if (numUpdatedRows > 0n)
          claimed.push({ kind, key: job_key, payload: JSON.parse(payload), attempts: attempts + 1 });
      }
      return claimed;
    });
  }

  return {
    claim: (wanted, signal) => guarded(() => claim(wanted), signal),

    renew: (owner, leaseMs, signal) =>
      guarded(async () => {
        await db
          .updateTable('jobs')
          .set({ lease_until: now() + leaseMs })
          .where('owner', '=', owner)
          .where('state', '=', 'running')
          .execute();
        const rows = await db
          .selectFrom('jobs')
          .select(['kind', 'job_key'])
          .where('owner', '=', owner)
          .where('state', '=', 'running')
          .execute();
        return rows.map(({ kind, job_key }) => ({ kind, key: job_key }));
      }, signal),

    settle: (owner, { kind, key }, outcome, signal) =>
      guarded(async () => {
        if (outcome.state === 'done') {
          const { numDeletedRows } = await db
            .deleteFrom('jobs')
            .where('kind', '=', kind)
            .where('job_key', '=', key)
            .where('owner', '=', owner)
            .executeTakeFirst();
          return numDeletedRows > 0n;
        }
        const { numUpdatedRows } = await db
          .updateTable('jobs')
          .set({ owner: null, lease_until: null, ...change(outcome, now()) })
          .$if(outcome.state === 'released', (query) =>
            query.set(({ eb }) => ({ attempts: eb('attempts', '-', 1) })),
          )
          .where('kind', '=', kind)
          .where('job_key', '=', key)
          .where('owner', '=', owner)
          .executeTakeFirst();
        return numUpdatedRows > 0n;
      }, signal),

    list: ({ kind, state, limit }, signal) =>
      guarded(async () => {
        let query = db.selectFrom('jobs').selectAll().orderBy('not_before').orderBy('job_key').limit(limit);
        if (kind !== undefined) query = query.where('kind', '=', kind);
        if (state !== undefined) query = query.where('state', '=', state);
        return (await query.execute()).map(toJobRow);
      }, signal),

    count: (signal) =>
      guarded(async () => {
        const counts: Record<JobState, number> = { waiting: 0, running: 0, failed: 0 };
        const rows = await db
          .selectFrom('jobs')
          .select(({ fn }) => ['state', fn.countAll().as('count')])
          .groupBy('state')
          .execute();
        for (const { state, count } of rows) counts[state] = Number(count);
        return counts;
      }, signal),
  };
}

/** Adds a job where there is none for its key; one that failed begins anew, one that waits or runs stays as it is. */
export async function addJob(
  trx: Transaction<Tables>,
  entry: Extract<Entry, { type: 'job' }>,
): Promise<void> {
  const { kind, key, payload = null, at, notBefore = at } = entry;
  const row = await trx
    .selectFrom('jobs')
    .select('state')
    .where('kind', '=', kind)
    .where('job_key', '=', key)
    .executeTakeFirst();
  const values = {
    state: 'waiting',
    payload: JSON.stringify(payload),
    not_before: notBefore,
    attempts: 0,
  } as const;
  if (row === undefined) {
    const fresh = { kind, job_key: key, added_at: at, last_error: null, owner: null, lease_until: null };
    await trx
      .insertInto('jobs')
      .values({ ...fresh, ...values })
      .execute();
  } else if (row.state === 'failed') {
    await trx.updateTable('jobs').set(values).where('kind', '=', kind).where('job_key', '=', key).execute();
  }
}

function change(outcome: Outcome, now: number) {
  if (!('error' in outcome)) return { state: 'waiting', not_before: now } as const;
  const not_before = outcome.state === 'waiting' ? outcome.notBefore : now;
  return { state: outcome.state, not_before, last_error: outcome.error.slice(0, bounds.text) };
}

function toJobRow(row: Job): JobRow {
  return {
    kind: row.kind,
    key: row.job_key,
    state: row.state,
    payload: JSON.parse(row.payload),
    attempts: row.attempts,
    notBefore: row.not_before,
    lastError: row.last_error,
    owner: row.owner,
    leaseUntil: row.lease_until,
    addedAt: row.added_at,
  };
}
