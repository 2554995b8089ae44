import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Report } from '../../src/catalog/keeper.ts';
import { createCatalogThread, type ThreadOptions } from '../../src/catalog/thread.ts';
import { event, namesIn, stored } from '../conformance/catalog-kit.ts';
import { type Bed, openBed } from './bed.ts';

let bed: Bed;
beforeEach(async () => {
  bed = await openBed();
});
afterEach(() => bed[Symbol.asyncDispose]());

function openThread(more: Partial<ThreadOptions> = {}) {
  const reports: Report[] = [];
  const deaths: unknown[] = [];
  const unreadable: string[] = [];
  let hear = Promise.withResolvers<void>();
  const thread = createCatalogThread({
    file: bed.file,
    folder: bed.folder,
    owner: bed.owner,
    report: (report) => {
      reports.push(report);
      hear.resolve();
      hear = Promise.withResolvers();
    },
    unreadable: (_, line) => void unreadable.push(line),
    died: (error) => void deaths.push(error),
    restartMs: 1,
    ...more,
  });
  /** The first report that is so, of those that came and those that come. */
  async function reported(wanted: (report: Report) => boolean): Promise<Report> {
    for (;;) {
      const found = reports.find(wanted);
      if (found !== undefined) return found;
      await hear.promise;
    }
  }
  return { ...thread, reports, deaths, unreadable, reported };
}

test('a thread answers as the catalog it has', async () => {
  const thread = openThread();
  thread.start();
  await thread.catalog.apply([stored(), event('one')]);
  expect(await namesIn(thread.catalog)).toEqual(['example.com/m@v1.0.0']);
  expect(await thread.catalog.missing([{ path: 'example.com/m', version: 'v1.1.0' }])).toHaveLength(1);
  expect(await thread.catalog.events({ limit: 1 })).toMatchObject([{ id: 'one' }]);
  expect(await thread.catalog.jobs.count()).toEqual({ waiting: 0, running: 0, failed: 0 });
  const broken = stored({ path: null as unknown as string });
  await expect(thread.catalog.apply([broken])).rejects.toMatchObject({ name: 'StoaError', kind: 'catalog' });
  const gone = AbortSignal.abort();
  await expect(thread.catalog.versions({ limit: 1 }, gone)).rejects.toMatchObject({ kind: 'canceled' });
  await thread.close();
});

test('a thread brings in what it is told was written, and all of it at the end', async () => {
  const thread = openThread();
  thread.start();
  await thread.reported(({ trouble }) => trouble === undefined);
  const outbox = bed.outbox();
  await outbox.append(event('one'));
  await outbox.append({ type: 'job', at: 1, kind: 'verify', key: 'a' });
  thread.poke();
  const report = await thread.reported(({ written }) => written === 2);
  expect(report).toMatchObject({ left: { bytes: 0 }, jobsAdded: true, jobs: { waiting: 1 } });
  await outbox.append(event('two'));
  await outbox.close();
  await thread.close();
  expect(await bed.lines()).toEqual({});
  expect((await bed.catalog().events({ limit: 9 })).map(({ id }) => id).sort()).toEqual(['one', 'two']);
});

test('a thread that is not started, or was closed, says that the catalog is not open', async () => {
  const thread = openThread();
  thread.poke();
  const refused = { kind: 'catalog', message: `${bed.file}: not open` };
  await expect(thread.catalog.jobs.count()).rejects.toMatchObject(refused);
  thread.start();
  await thread.close();
  await thread.close();
  await expect(thread.catalog.jobs.count()).rejects.toMatchObject(refused);
  expect(thread.deaths).toEqual([]);
});

test('a thread that died is started again, and who waited is told', async () => {
  const thread = openThread({ program: new URL('./dying-worker.ts', import.meta.url) });
  thread.start();
  await expect(thread.catalog.jobs.count()).rejects.toMatchObject({
    kind: 'catalog',
    message: 'the thread of the catalog ended',
  });
  await thread.reported(() => true);
  expect(thread.deaths).toHaveLength(1);
  expect(await readFile(join(bed.folder, 'died'), 'utf8')).toBe('once');
  await thread.close();
});

test('a call that is not answered in time fails, and the end comes all the same', async () => {
  const program = new URL('./silent-worker.ts', import.meta.url);
  const thread = openThread({ program, answerMs: 50, closeMs: 50 });
  thread.start();
  await expect(thread.catalog.jobs.count()).rejects.toMatchObject({
    kind: 'catalog',
    message: `${bed.file}: no answer within 50 ms`,
  });
  await thread.close();
});

test('a line that nobody can read is told', async () => {
  await bed.leave(7, `not at all\n`);
  const thread = openThread();
  thread.start();
  await thread.reported(({ left }) => left.bytes === 0);
  expect(thread.unreadable).toEqual(['not at all']);
  await thread.close();
});
