import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync, type SQLInputValue } from 'node:sqlite';
import {
  CompiledQuery,
  Kysely,
  SqliteAdapter,
  type SqliteDatabase,
  SqliteDriver,
  SqliteIntrospector,
  SqliteQueryCompiler,
  type SqliteStatement,
} from 'kysely';
import type { Db, Tables } from './schema.ts';

/** A database in a file. */
export interface Sqlite {
  readonly db: Db;
  close(): Promise<void>;
}

/** Milliseconds for which a write waits for one of another process. */
const busyMs = 5000;

/**
 * Opens a file, which several processes may share, on a local disk; one that is missing is made, unless it is only to
 * be read. Its calls keep the thread until SQLite has answered, so it belongs in one where nobody waits. What was
 * committed is on disk. Throws the error of SQLite or of the file system.
 */
export function openSqlite(file: string, options: { readonly readOnly?: boolean } = {}): Sqlite {
  const { readOnly = false } = options;
  if (!readOnly) mkdirSync(dirname(file), { recursive: true });
  const database = new DatabaseSync(file, { timeout: busyMs, readOnly });
  try {
    if (!readOnly) {
      useWriteAheadLog(database);
      database.exec('PRAGMA synchronous = FULL');
    }
  } catch (error) {
    database.close();
    throw error;
  }
  const driver = new SqliteDriver({ database: adapt(database) });
  // A transaction that begins as a reader cannot become a writer once another wrote, however long it waits.
  driver.beginTransaction = async (connection) => {
    await connection.executeQuery(CompiledQuery.raw('begin immediate'));
  };
  const db = new Kysely<Tables>({
    dialect: {
      createDriver: () => driver,
      createAdapter: () => new SqliteAdapter(),
      createIntrospector: (kysely) => new SqliteIntrospector(kysely),
      createQueryCompiler: () => new SqliteQueryCompiler(),
    },
  });
  return {
    db,
    async close() {
      await db.destroy();
      if (database.isOpen) database.close();
    },
  };
}

/** SQLite waits for no lock in this one statement, and of processes that open a new file at once only one gets it. */
function useWriteAheadLog(database: DatabaseSync): void {
  const deadline = Date.now() + busyMs;
  for (;;) {
    try {
      database.exec('PRAGMA journal_mode = WAL');
      return;
    } catch (error) {
      if (!isBusy(error) || Date.now() > deadline) throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
    }
  }
}

/** SQLITE_BUSY, in any of its extended forms. */
function isBusy(error: unknown): boolean {
  const { errcode } = error as { readonly errcode?: number };
  return errcode !== undefined && (errcode & 0xff) === 5;
}

/** Prepared statements that are kept: the catalog has a few dozen. */
const maxStatements = 200;

/** The database in the form of better-sqlite3, which Kysely knows; it knows no node:sqlite. */
function adapt(database: DatabaseSync): SqliteDatabase {
  const statements = new Map<string, SqliteStatement>();
  return {
    prepare(sql) {
      const known = statements.get(sql);
      if (known !== undefined) return known;
      const statement = prepare(database, sql);
      if (statements.size >= maxStatements) statements.clear();
      statements.set(sql, statement);
      return statement;
    },
    close() {
      statements.clear();
      database.close();
    },
  };
}

function prepare(database: DatabaseSync, sql: string): SqliteStatement {
  const statement = database.prepare(sql);
  const values = (parameters: readonly unknown[]) => parameters as readonly SQLInputValue[];
  return {
    reader: statement.columns().length > 0,
    all: (parameters) => statement.all(...values(parameters)),
    run: (parameters) => statement.run(...values(parameters)),
    iterate: (parameters) => statement.iterate(...values(parameters)),
  };
}
