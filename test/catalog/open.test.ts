import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Published } from '../../src/catalog/entry.ts';
import type { JobHandlers } from '../../src/catalog/job-runner.ts';
import { openCatalog, type ServerCatalog } from '../../src/catalog/open.ts';
import { readCatalog } from '../../src/catalog/read-catalog.ts';
import { openSqlite } from '../../src/catalog/sqlite.ts';
import { formatKey } from '../../src/module/target.ts';
import { createMetrics, type Metrics } from '../../src/observe/metrics.ts';
import { createPoolGate } from '../../src/storage/pool-gate.ts';
import { namesIn } from '../conformance/catalog-kit.ts';
import { openFolder } from '../conformance/store-kit.ts';
import { quietLog } from '../fakes/quiet.ts';

let folder: Awaited<ReturnType<typeof openFolder>>;
let file: string;
let opened: ServerCatalog[];
/** What storage has. */
let shelf: Published[];
let log: string[];
beforeEach(async () => {
  folder = await openFolder();
  file = join(folder.path, 'catalog.db');
  opened = [];
  shelf = [];
  log = [];
});
afterEach(async () => {
  for (const catalog of opened) await catalog.close();
  await folder[Symbol.asyncDispose]();
});

async function open(
  handlers: JobHandlers = {},
  more: { readonly maxOutboxBytes?: number } = {},
): Promise<ServerCatalog & { readonly metrics: Metrics }> {
  const metrics = createMetrics({ version: 'test' });
  const catalog = await openCatalog({
    file,
    outbox: join(folder.path, 'outbox'),
    gate: createPoolGate(),
    log: {
      ...quietLog,
      info: (message) => void log.push(message),
      error: (message) => void log.push(message),
    },
    metrics,
    handlers,
    ...more,
    shelf: {
      async *keys() {
        for (const { path, version } of shelf) yield formatKey(path, version, 'ziphash');
      },
      describe: async ({ version }) => shelf.find((each) => each.version === version),
    },
  });
  opened.push(catalog);
  return Object.assign(Object.create(catalog), { metrics });
}

function version(name: string): Published {
  return { path: 'example.com/m', version: name, size: 100, h1: 'h1:one=', source: 'direct' };
}

/** Looks until it is so: a database says nothing when it changes. */
async function until(isSo: () => Promise<boolean> | boolean): Promise<void> {
  while (!(await isSo())) await sleep(2);
}

const stored = () => readCatalog(file, namesIn);

async function gauge(metrics: Metrics, name: string): Promise<number> {
  return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec((await metrics.render()).text)![1]);
}

test('what is told comes into the catalog, also what was told before it was open', async () => {
  const catalog = await open({});
  await catalog.published(version('v1.0.0'));
  catalog.event('moved_tag', version('v1.0.0'), 'its tag is gone', { pinned: 'abc' });
  expect(await gauge(catalog.metrics, 'stoa_outbox_bytes')).toBeGreaterThan(100);
  await catalog.ready();
  await catalog.addJob({ kind: 'verify', key: 'example.com/m@v1.0.0', payload: { path: 'example.com/m' } });
  await until(async () => (await gauge(catalog.metrics, 'stoa_catalog_entries_total')) === 3);
  await until(async () => (await gauge(catalog.metrics, 'stoa_jobs_waiting')) === 1);
  expect(await gauge(catalog.metrics, 'stoa_outbox_bytes')).toBe(0);
  expect(await gauge(catalog.metrics, 'stoa_outbox_oldest_seconds')).toBe(0);
  expect(await gauge(catalog.metrics, 'stoa_catalog_degraded')).toBe(0);
  expect((await catalog.metrics.render()).text).toContain('stoa_events_total{event="moved_tag"} 1');
  expect(await stored()).toEqual(['example.com/m@v1.0.0']);
  expect(await catalog.catalog.events({ limit: 9 })).toMatchObject([
    {
      kind: 'moved_tag',
      path: 'example.com/m',
      version: 'v1.0.0',
      text: 'its tag is gone',
      detail: { pinned: 'abc' },
    },
  ]);
});

test('what was told last, and what was asked for, is there after the end', async () => {
  const catalog = await open();
  await catalog.ready();
  await catalog.published(version('v1.0.0'));
  await until(async () => (await stored()).length === 1);
  catalog.asked('example.com/m/@v/v1.0.0.zip');
  await catalog.published(version('v1.1.0'));
  await catalog.close();
  const rows = await readCatalog(file, (read) => read.versions({ limit: 9 }));
  expect(rows.map((row) => [row.version, row.lastAsked !== null])).toEqual([
    ['v1.0.0', true],
    ['v1.1.0', false],
  ]);
});

test('a job with more than can be kept is refused', async () => {
  const catalog = await open();
  await expect(
    catalog.addJob({ kind: 'verify', key: 'a', payload: 'x'.repeat(20_000) }),
  ).rejects.toMatchObject({
    kind: 'internal',
    message: 'verify a: no job that can be kept',
  });
});

test('jobs are done, and one that is given up is an event', async () => {
  const done: unknown[] = [];
  const catalog = await open({
    verify: { attempts: 1, timeoutMs: 60_000, run: async (payload) => void done.push(payload) },
    broken: { attempts: 1, timeoutMs: 60_000, run: () => Promise.reject(new Error('no')) },
  });
  await catalog.ready();
  await catalog.addJob({ kind: 'verify', key: 'a', payload: 'this' });
  await catalog.addJob({ kind: 'broken', key: 'b' });
  await until(async () => (await catalog.catalog.events({ kind: 'job_failed', limit: 9 })).length === 1);
  await until(() => done.length === 1);
  expect(done).toEqual(['this']);
  expect(await catalog.catalog.jobs.list({ limit: 9 })).toMatchObject([{ kind: 'broken', state: 'failed' }]);
});

describe('a catalog that is new', () => {
  test('is filled from storage', async () => {
    shelf = [version('v1.0.0'), version('v1.1.0')];
    const catalog = await open();
    await catalog.ready();
    await until(() => log.includes('the catalog was compared with storage'));
    expect(await stored()).toEqual(['example.com/m@v1.0.0', 'example.com/m@v1.1.0']);
    await catalog.close();
    log.length = 0;
    shelf.push(version('v1.2.0'));
    const again = await open();
    await again.ready();
    await again.close();
    expect(log).toEqual([]);
  });

  test('takes the place of one that was taken away under it', async () => {
    const catalog = await open();
    await catalog.ready();
    await until(() => log.includes('the catalog was compared with storage'));
    shelf = [version('v1.0.0')];
    await catalog.published(version('v1.0.0'));
    await until(async () => (await stored()).length === 1);
    for (const end of ['', '-wal', '-shm']) await rm(file + end, { force: true });
    await catalog.published(version('v1.1.0'));
    await until(async () => (await stored().catch(() => [])).length === 2);
    expect(catalog.trouble).toBeUndefined();
  });
});

describe('a catalog that cannot be opened', () => {
  test('of a newer version ends the start with its sentence', async () => {
    const catalog = await open();
    await catalog.ready();
    await catalog.close();
    const { db, close } = openSqlite(file);
    await db.updateTable('stoa_schema').set({ version: 9 }).execute();
    await close();
    await expect((await open()).ready()).rejects.toMatchObject({
      kind: 'config',
      message: expect.stringContaining('written by a newer version of Stoa'),
    });
  });

  test('lets everything be told, says so, and has it all when it can be', async () => {
    await writeFile(file, 'no database at all, but longer than its header would be: '.repeat(40));
    const catalog = await open();
    await catalog.ready();
    await catalog.published(version('v1.0.0'));
    expect(catalog.trouble).toBe(`${file}: file is not a database`);
    expect(await gauge(catalog.metrics, 'stoa_catalog_degraded')).toBe(1);
    expect(await gauge(catalog.metrics, 'stoa_outbox_bytes')).toBeGreaterThan(100);
    expect(await gauge(catalog.metrics, 'stoa_outbox_oldest_seconds')).toBeGreaterThanOrEqual(0);
    await rm(file);
    await until(() => catalog.trouble === undefined);
    expect(await stored()).toEqual(['example.com/m@v1.0.0']);
    expect(log.filter((line) => line.includes('cannot be written'))).toHaveLength(1);
    expect(log).toContain('the catalog is written again');
  });

  test('loses what is more than the outbox may hold, says so, and finds the versions again in storage', async () => {
    await writeFile(file, 'no database at all, but longer than its header would be: '.repeat(40));
    const catalog = await open({}, { maxOutboxBytes: 1000 });
    await catalog.ready();
    shelf = Array.from({ length: 20 }, (_, i) => version(`v1.${i}.0`));
    for (const each of shelf) await catalog.published(each);
    expect(catalog.trouble).toMatch(/^its outbox was full, and 1\d entries are lost: .*not a database$/);
    expect((await catalog.metrics.render()).text).toMatch(
      /stoa_events_total{event="catalog_entry_lost"} 1\d/,
    );
    expect(log).toContain('the outbox of the catalog is full: entries are lost');
    await rm(file);
    await until(() => catalog.trouble === undefined);
    expect(await stored()).toHaveLength(20);
  });
});
