import { existsSync } from 'node:fs';
import { StoaError } from '../errors.ts';
import type { Catalog } from './catalog.ts';
import { readSchema } from './migrations.ts';
import { createSqlCatalog } from './sql-catalog.ts';
import { createGuard } from './sql-guard.ts';
import { openSqlite } from './sqlite.ts';

/**
 * What `read` makes of the catalog in a file, which a server may have open. It is only read, and in this thread. Throws `catalog`
 * where there is none, and `config` for one of a newer version of Stoa.
 */
export async function readCatalog<T>(file: string, read: (catalog: Catalog) => Promise<T>): Promise<T> {
  if (!existsSync(file))
    throw new StoaError('catalog', `${file}: there is no catalog; a server makes it when it starts`);
  const guarded = createGuard(file);
  return guarded(async () => {
    const { db, close } = openSqlite(file, { readOnly: true });
    try {
      if ((await readSchema(db, file)) === undefined)
        throw new StoaError('catalog', `${file}: holds no catalog`);
      return await read(createSqlCatalog({ db, where: file }));
    } finally {
      await close();
    }
  }, undefined);
}
