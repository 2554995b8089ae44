/** A process that opens the catalog FILE when it is told to, adds a row, and says whether there was none: `open-child.ts FILE`. */
import { once } from 'node:events';
import { openSqliteCatalog } from '../../src/catalog/sqlite-catalog.ts';
import { stored } from '../conformance/catalog-kit.ts';

const [file] = process.argv.slice(2);
process.stdout.write('ready\n');
await once(process.stdin, 'data');
let said = 'there';
const { catalog, close } = await openSqliteCatalog(file!, () => {
  said = 'first';
});
await catalog.apply([stored({ path: `example.com/${process.pid}` })]);
await close();
process.stdout.write(`${said}\n`);
