import { StoaError } from '../errors.ts';
import { bounds } from './entry.ts';
import type { Db } from './schema.ts';

/** How a schema becomes the next one. What was released is never changed, only followed by another. */
const migrations: readonly ((db: Db) => Promise<void>)[] = [createTables];

/**
 * Brings the schema up to date, in one transaction that no other process shares. Throws `config` for a schema of a newer
 * version of Stoa. `beforeFirst` is called when there was none, before there is one. `where` names the database.
 */
export async function migrate(db: Db, where: string, beforeFirst: () => void): Promise<void> {
  if ((await readSchema(db, where)) === migrations.length) return;
  await db.transaction().execute(async (transaction) => {
    const version = (await readSchema(transaction, where)) ?? 0;
    if (version === migrations.length) return;
    if (version === 0) beforeFirst();
    for (const migration of migrations.slice(version)) await migration(transaction);
    await transaction.updateTable('stoa_schema').set({ version: migrations.length }).execute();
  });
}

/** The schema that is there; undefined for none. Throws `config` for one of a newer version of Stoa. */
export async function readSchema(db: Db, where: string): Promise<number | undefined> {
  const tables = await db.introspection.getTables();
  if (!tables.some(({ name }) => name === 'stoa_schema')) return undefined;
  const row = await db.selectFrom('stoa_schema').select('version').executeTakeFirst();
  const version = row?.version ?? 0;
  if (version > migrations.length)
    throw new StoaError(
      'config',
      `${where}: written by a newer version of Stoa (its schema is ${version}, this version knows ${migrations.length}); start that version, or name another catalog`,
    );
  return version;
}

async function createTables(db: Db): Promise<void> {
  const { schema } = db;
  await schema
    .createTable('versions')
    .addColumn('path', `varchar(${bounds.path})`, (column) => column.notNull())
    .addColumn('version', `varchar(${bounds.version})`, (column) => column.notNull())
    .addColumn('size', 'bigint')
    .addColumn('h1', `varchar(${bounds.name})`, (column) => column.notNull())
    .addColumn('mod_h1', `varchar(${bounds.name})`)
    .addColumn('source', `varchar(${bounds.name})`)
    .addColumn('verified', `varchar(${bounds.name})`)
    .addColumn('first_seen', 'bigint', (column) => column.notNull())
    .addColumn('last_asked', 'bigint')
    .addColumn('indexed_us', 'bigint', (column) => column.notNull().unique())
    .addPrimaryKeyConstraint('versions_key', ['path', 'version'])
    .execute();
  await schema.createIndex('versions_verified').on('versions').column('verified').execute();

  await schema
    .createTable('events')
    .addColumn('id', `varchar(${bounds.word})`, (column) => column.primaryKey())
    .addColumn('at', 'bigint', (column) => column.notNull())
    .addColumn('kind', `varchar(${bounds.word})`, (column) => column.notNull())
    .addColumn('path', `varchar(${bounds.path})`)
    .addColumn('version', `varchar(${bounds.version})`)
    .addColumn('text', `varchar(${bounds.text})`, (column) => column.notNull())
    .addColumn('detail', 'text', (column) => column.notNull())
    .execute();
  await schema.createIndex('events_at').on('events').column('at').execute();
  await schema.createIndex('events_path').on('events').columns(['path', 'at']).execute();

  await schema
    .createTable('jobs')
    .addColumn('kind', `varchar(${bounds.word})`, (column) => column.notNull())
    .addColumn('job_key', `varchar(${bounds.key})`, (column) => column.notNull())
    .addColumn('state', 'varchar(16)', (column) => column.notNull())
    .addColumn('payload', 'text', (column) => column.notNull())
    .addColumn('not_before', 'bigint', (column) => column.notNull())
    .addColumn('attempts', 'integer', (column) => column.notNull())
    .addColumn('last_error', `varchar(${bounds.text})`)
    .addColumn('owner', `varchar(${bounds.name})`)
    .addColumn('lease_until', 'bigint')
    .addColumn('added_at', 'bigint', (column) => column.notNull())
    .addPrimaryKeyConstraint('jobs_key', ['kind', 'job_key'])
    .execute();
  await schema.createIndex('jobs_due').on('jobs').columns(['state', 'not_before']).execute();

  await schema
    .createTable('segments')
    .addColumn('segment', `varchar(${bounds.name})`, (column) => column.primaryKey())
    .addColumn('bytes', 'bigint', (column) => column.notNull())
    .addColumn('applied_at', 'bigint', (column) => column.notNull())
    .execute();

  await schema
    .createTable('clock')
    .addColumn('name', `varchar(${bounds.word})`, (column) => column.primaryKey())
    .addColumn('value', 'bigint', (column) => column.notNull())
    .execute();
  await db.insertInto('clock').values({ name: 'index', value: 0 }).execute();

  await schema
    .createTable('stoa_schema')
    .addColumn('version', 'integer', (column) => column.notNull())
    .execute();
  await db.insertInto('stoa_schema').values({ version: 0 }).execute();
}
