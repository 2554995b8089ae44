import { statSync } from 'node:fs';
import type { Catalog } from './catalog.ts';
import { migrate } from './migrations.ts';
import { createSqlCatalog } from './sql-catalog.ts';
import { createGuard } from './sql-guard.ts';
import { openSqlite } from './sqlite.ts';

/** A catalog that is open. */
export interface OpenCatalog {
  readonly catalog: Catalog;
  /** False when what is open is not what its name leads to any more, so that what is written would be lost. */
  isCurrent(): boolean;
  close(): Promise<void>;
}

/**
 * Opens the catalog in a file, and brings its schema up to date; a file that is missing is made. `beforeFirst` is called when it
 * held no catalog yet. Throws `catalog`, and `config` for a schema of a newer version.
 */
export async function openSqliteCatalog(file: string, beforeFirst: () => void): Promise<OpenCatalog> {
  const guarded = createGuard(file);
  return guarded(async () => {
    const { db, close } = openSqlite(file);
    try {
      await migrate(db, file, beforeFirst);
      const opened = inode(file);
      return {
        catalog: createSqlCatalog({ db, where: file }),
        isCurrent: () => inode(file) === opened,
        close,
      };
    } catch (error) {
      await close();
      throw error;
    }
  }, undefined);
}

/** Undefined where it cannot be told: to open it again says why. */
function inode(file: string): bigint | undefined {
  try {
    return statSync(file, { bigint: true }).ino;
  } catch {
    return undefined;
  }
}
