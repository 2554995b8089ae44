import { join } from 'node:path';
import { migrate } from '../../src/catalog/migrations.ts';
import { createSqlCatalog } from '../../src/catalog/sql-catalog.ts';
import { openSqlite } from '../../src/catalog/sqlite.ts';
import { catalogSuite } from '../conformance/catalog.ts';
import { start } from '../conformance/catalog-kit.ts';
import { openFolder } from '../conformance/store-kit.ts';
import { type OtherConnection, openElsewhere } from './other-connection.ts';

async function open() {
  const folder = await openFolder();
  const file = join(folder.path, 'catalog.db');
  const time = new Float64Array(new SharedArrayBuffer(8));
  time[0] = start;
  const { db, close } = openSqlite(file);
  await migrate(db, file, () => undefined);
  const others: OtherConnection[] = [];
  return {
    catalog: createSqlCatalog({ db, where: file, now: () => time[0]! }),
    async another() {
      const other = await openElsewhere(file, time);
      others.push(other);
      return other.catalog;
    },
    clock: {
      get now() {
        return time[0]!;
      },
      set now(value) {
        time[0] = value;
      },
    },
    async close() {
      for (const other of others) await other[Symbol.asyncDispose]();
      await close();
      await folder[Symbol.asyncDispose]();
    },
  };
}

catalogSuite('a file of SQLite', open);
