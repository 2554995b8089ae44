import { matchesPatterns } from '../module/pattern.ts';
import type { SumdbClient } from './client.ts';
import { type Database, type DatabaseList, databasesOf } from './database-list.ts';

/** The checksum databases of the settings. */
export interface Databases {
  /** The one that answers for a module path; undefined where none does: then none may hear of it. */
  choose(path: string): SumdbClient | undefined;
  /** The one of a name. */
  named(name: string): SumdbClient | undefined;
  readonly names: readonly string[];
}

export interface DatabasesOptions {
  readonly list: DatabaseList;
  /** Patterns of modules that are looked up in no database. */
  readonly noSumdb: string;
  /** Patterns of modules that are looked up only where a rule of the list names them. */
  readonly private: string;
  /** The client of a database; called once for each. */
  readonly open: (database: Database) => SumdbClient;
}

export function createDatabases({ list, noSumdb, private: privates, open }: DatabasesOptions): Databases {
  const clients = new Map(databasesOf(list).map((database) => [database.name, open(database)]));

  /**
   * A toolchain is in no go.sum: the go command verifies it whatever GONOSUMDB says, and its path is no secret. With no
   * database there is nothing to verify it with.
   */
  function databaseFor(path: string): Database | undefined {
    const isToolchain = path === 'golang.org/toolchain';
    if (!isToolchain && matchesPatterns(noSumdb, path)) return undefined;
    const rule = list.rules.find(({ patterns }) => matchesPatterns(patterns, path));
    if (rule !== undefined) return rule.database;
    return !isToolchain && matchesPatterns(privates, path) ? undefined : list.fallback;
  }

  return {
    choose(path) {
      const database = databaseFor(path);
      return database && clients.get(database.name);
    },
    named: (name) => clients.get(name),
    names: [...clients.keys()],
  };
}
