import { readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { VersionRow } from '../../src/catalog/catalog.ts';
import { readCatalog } from '../../src/catalog/read-catalog.ts';
import { openSqlite } from '../../src/catalog/sqlite.ts';
import { type Stoa, startStoa } from '../fakes/stoa.ts';
import { type FakeUpstream, startUpstream } from '../fakes/upstream.ts';

const path = 'example.com/m';
const versions = ['v1.0.0', 'v1.1.0', 'v1.2.0', 'v1.3.0'];
let upstream: FakeUpstream;
let stoa: Stoa;
beforeEach(async () => {
  const files = { files: { 'go.mod': `module ${path}\n` } };
  upstream = await startUpstream({
    modules: [{ path, versions: Object.fromEntries(versions.map((version) => [version, files])) }],
  });
  stoa = await startStoa({ upstream: upstream.url });
});
afterEach(async () => {
  await stoa[Symbol.asyncDispose]();
  await upstream.close();
});

const file = () => join(stoa.data, 'catalog.db');

const rows = (): Promise<readonly VersionRow[]> =>
  readCatalog(file(), (catalog) => catalog.versions({ limit: 100 })).catch(() => []);

const stored = async () => (await rows()).map(({ version }) => version).sort();

const isThere = () => readCatalog(file(), async () => true).catch(() => false);

async function get(target: string, url = stoa.url): Promise<string> {
  const answer = await fetch(`${url}/${target}`);
  return `${answer.status} ${(await answer.text()).trimEnd()}`;
}

async function expectServed(...names: string[]): Promise<void> {
  for (const version of names)
    for (const extension of ['zip', 'mod', 'info'])
      expect(await get(`${path}/@v/${version}.${extension}`)).toMatch(/^200 /);
}

/** Looks until it is so: a database says nothing when it changes. */
async function until(isSo: () => Promise<boolean> | boolean): Promise<void> {
  while (!(await isSo())) await sleep(5);
}

const broken = 'no database at all, but longer than its header would be: '.repeat(40);

test('what was served first and last stands in the catalog when the server has ended', async () => {
  await expectServed('v1.0.0');
  await until(async () => (await stored()).length === 1);
  await get(`${path}/@v/v1.0.0.mod`);
  await stoa.stop();
  expect(await rows()).toMatchObject([
    {
      path,
      version: 'v1.0.0',
      h1: upstream.fixture(path, 'v1.0.0').h1,
      size: upstream.fixture(path, 'v1.0.0').zip.length,
      modH1: expect.stringMatching(/^h1:/),
      source: upstream.url,
      firstSeen: expect.any(Number),
      lastAsked: expect.any(Number),
    },
  ]);
  expect(await readdir(join(stoa.data, 'outbox'))).toEqual([]);
});

test('a catalog that another program has locked keeps nobody waiting, and has everything later', async () => {
  await until(isThere);
  const { db, close } = openSqlite(file());
  const locked = Promise.withResolvers<void>();
  const holding = db.transaction().execute(async (transaction) => {
    await transaction.selectFrom('stoa_schema').selectAll().execute();
    await locked.promise;
  });
  await expectServed('v1.0.0', 'v1.1.0');
  expect(await get('readyz')).toBe('200 ok');
  await until(async () => (await get('readyz')).includes('degraded: the catalog does not follow'));
  expect(await get('readyz')).toMatch(/^200 degraded: .*catalog\.db: database is locked$/);
  expect(await get('metrics')).toContain('stoa_catalog_degraded 1');
  await expectServed('v1.0.0', 'v1.2.0');
  locked.resolve();
  await holding;
  await close();
  await until(async () => (await stored()).length === 3);
  await until(async () => (await get('readyz')) === '200 ok');
  expect(stoa.log.filter(({ message }) => message.includes('the catalog cannot be written'))).toHaveLength(1);
});

test('a catalog that is broken fails nothing, and what happened is kept over a killed server', async () => {
  await stoa.stop();
  await writeFile(file(), broken);
  await stoa.start();
  await expectServed('v1.0.0', 'v1.1.0');
  await until(async () => (await get('readyz')).includes('file is not a database'));
  await stoa.kill();
  await rm(file());
  // Without the source's word: what storage can tell does not say where a version came from.
  await stoa.start();
  await until(async () => (await stored()).length === 2);
  expect((await rows()).map(({ source }) => source)).toEqual([upstream.url, upstream.url]);
  expect(await get('readyz')).toBe('200 ok');
});

test('a catalog that is lost is made again from storage', async () => {
  await expectServed('v1.0.0', 'v1.1.0');
  await stoa.stop();
  await rm(file());
  await stoa.start();
  await until(async () => (await stored()).length === 2);
  expect((await rows()).map(({ source }) => source)).toEqual([null, null]);
});

test('a catalog of a newer version ends the server with a sentence', async () => {
  await until(isThere);
  await stoa.stop();
  const { db, close } = openSqlite(file());
  await db.updateTable('stoa_schema').set({ version: 1000 }).execute();
  await close();
  await stoa.start();
  await until(() => stoa.log.some(({ message }) => message.includes('written by a newer version of Stoa')));
  await expect(stoa.stop()).rejects.toThrow('the server ended with 2');
});

test('two servers on one data folder share the catalog', async () => {
  await using other = await startStoa({ upstream: upstream.url, data: stoa.data });
  await Promise.all([
    expectServed('v1.0.0', 'v1.1.0'),
    ...['v1.2.0', 'v1.3.0', 'v1.0.0'].map((version) => get(`${path}/@v/${version}.zip`, other.url)),
  ]);
  await until(async () => (await stored()).length === 4);
  expect(await stored()).toEqual(versions);
  await other.stop();
  await expectServed('v1.3.0');
  await stoa.stop();
  expect((await rows()).every(({ lastAsked }) => lastAsked !== null)).toBe(true);
});

test('beside a store in memory the catalog is gone when the server has ended', async () => {
  const before = await temporary();
  await using memory = await startStoa({ upstream: upstream.url, env: { STOA_STORAGE_TYPE: 'memory' } });
  expect(await get(`${path}/@v/v1.0.0.zip`, memory.url)).toMatch(/^200 /);
  await until(async () => (await get('metrics', memory.url)).includes('stoa_catalog_entries_total 1'));
  expect((await temporary()).length).toBe(before.length + 1);
  expect(await readdir(memory.data)).toEqual([]);
  await memory.stop();
  expect(await temporary()).toEqual(before);
});

async function temporary(): Promise<string[]> {
  return (await readdir(tmpdir())).filter((name) => name.startsWith('stoa-catalog-'));
}
