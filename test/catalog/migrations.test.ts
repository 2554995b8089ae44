import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { readCatalog } from '../../src/catalog/read-catalog.ts';
import { openSqlite } from '../../src/catalog/sqlite.ts';
import { openSqliteCatalog } from '../../src/catalog/sqlite-catalog.ts';
import { namesIn, stored } from '../conformance/catalog-kit.ts';
import { openFolder } from '../conformance/store-kit.ts';

let folder: Awaited<ReturnType<typeof openFolder>>;
let file: string;
beforeEach(async () => {
  folder = await openFolder();
  file = join(folder.path, 'below', 'catalog.db');
});
afterEach(() => folder[Symbol.asyncDispose]());

/** Opens, does something, closes; says whether there was no catalog before. */
async function opened(work: (catalog: Awaited<ReturnType<typeof openSqliteCatalog>>['catalog']) => unknown) {
  let first = 0;
  const { catalog, close } = await openSqliteCatalog(file, () => first++);
  await work(catalog);
  await close();
  return first;
}

test('a file that is missing is made, and what is in it stays', async () => {
  expect(await opened((catalog) => catalog.apply([stored()]))).toBe(1);
  expect(await opened(async (catalog) => expect(await namesIn(catalog)).toHaveLength(1))).toBe(0);
  expect(await readCatalog(file, namesIn)).toEqual(['example.com/m@v1.0.0']);
});

test('a schema of a newer version is refused, with a sentence', async () => {
  await opened(() => undefined);
  const { db, close } = openSqlite(file);
  await db.updateTable('stoa_schema').set({ version: 7 }).execute();
  await close();
  const refused = {
    kind: 'config',
    message: `${file}: written by a newer version of Stoa (its schema is 7, this version knows 1); start that version, or name another catalog`,
  };
  await expect(openSqliteCatalog(file, () => undefined)).rejects.toMatchObject(refused);
  await expect(readCatalog(file, namesIn)).rejects.toMatchObject(refused);
});

test('a file of something else is refused, and stays as it is', async () => {
  file = join(folder.path, 'catalog.db');
  await writeFile(file, 'no database at all, but longer than its header would be: '.repeat(40));
  await expect(openSqliteCatalog(file, () => undefined)).rejects.toMatchObject({
    kind: 'catalog',
    message: `${file}: file is not a database`,
  });
  await expect(readCatalog(file, namesIn)).rejects.toMatchObject({ kind: 'catalog' });
});

test('reading makes no file', async () => {
  await expect(readCatalog(file, namesIn)).rejects.toMatchObject({
    kind: 'catalog',
    message: `${file}: there is no catalog; a server makes it when it starts`,
  });
});

test('processes that open a new file at once make one catalog of it', { timeout: 60_000 }, async () => {
  const program = fileURLToPath(new URL('./open-child.ts', import.meta.url));
  const children = Array.from({ length: 6 }, () =>
    spawn(process.execPath, [program, file], { stdio: ['pipe', 'pipe', 'inherit'] }),
  );
  // Their code is loaded when they say so; then they open it in the same moment.
  await Promise.all(children.map(({ stdout }) => once(stdout, 'data')));
  const said = children.map(async ({ stdin, stdout }) => {
    const data = once(stdout, 'data');
    stdin.end('go\n');
    const [text] = await Promise.race([data, once(stdout, 'end').then(() => ['nothing'])]);
    return String(text).trim();
  });
  const answers = await Promise.all(said);
  expect(answers.filter((answer) => answer === 'first')).toHaveLength(1);
  expect(answers.filter((answer) => answer === 'there')).toHaveLength(5);
  expect(await readCatalog(file, namesIn)).toHaveLength(6);
});
