import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createPoolGate } from '../../src/storage/pool-gate.ts';
import { fileBody, openFolder, pattern, reusing } from '../conformance/store-kit.ts';
import { type Call, leftOvers, openChecked, watchFiles } from './disk-kit.ts';

describe('what a put to disk makes durable', () => {
  let folder: Awaited<ReturnType<typeof openFolder>>;
  let root: string;
  beforeEach(async () => {
    folder = await openFolder();
    root = join(folder.path, 'store');
  });
  afterEach(() => folder[Symbol.asyncDispose]());

  /** The folders that were synced, below the root. */
  function synced(calls: readonly Call[]): string[] {
    return calls
      .filter(({ operation }) => operation === 'sync')
      .map(({ path }) => path.slice(root.length))
      .toSorted();
  }

  test('is a new root, in the folder above it', async () => {
    const deep = join(root, 'a', 'b');
    const { files, calls } = watchFiles();
    await openChecked({ root: deep, files });
    const made = calls.filter(({ operation }) => operation === 'sync').map(({ path }) => path);
    expect(made.toSorted()).toEqual([folder.path, root, join(root, 'a')]);
  });

  test('is the file before it has its name, and the name before the put is fulfilled', async () => {
    const { files, calls } = watchFiles();
    const store = await openChecked({ root, files });
    const finished = await fileBody(folder.path, 'body', pattern(100));
    for (const ifAbsent of [true, false]) {
      for (const body of [pattern(100), reusing(pattern(300_000)), finished]) {
        const key = `example.com/m/@v/v1.${calls.length}.0.mod`;
        const before = calls.length;
        await store.put(key, body, { ifAbsent });
        const done = calls.slice(before).map(({ operation, path }) => `${operation} ${path}`);
        const file = done.findIndex((call) => call.startsWith(`syncData ${root}/.tmp/`));
        const name = done.indexOf(`${ifAbsent ? 'link' : 'rename'} ${root}/${key}`);
        const entry = done.indexOf(`sync ${root}/example.com/m/@v`);
        expect(file).toBeGreaterThanOrEqual(0);
        expect(name).toBeGreaterThan(file);
        expect(entry).toBeGreaterThan(name);
      }
    }
  });

  test('is every folder above a new one, each synced once, and later only the one that holds the file', async () => {
    const { files, calls } = watchFiles();
    const store = await openChecked({ root, files });
    calls.length = 0;
    await store.put('example.com/m/@v/v1.0.0.info', pattern(10));
    expect(synced(calls)).toEqual(['', '/example.com', '/example.com/m', '/example.com/m/@v']);
    calls.length = 0;
    await store.put('example.com/m/@v/v1.0.0.mod', pattern(10));
    expect(synced(calls)).toEqual(['/example.com/m/@v']);
    calls.length = 0;
    await store.put('example.com/n/@v/v1.0.0.mod', pattern(10));
    expect(synced(calls)).toEqual(['/example.com', '/example.com/n', '/example.com/n/@v']);
  });

  test('is a folder that was there before, since whoever made it may have been killed before it was durable', async () => {
    const { files, calls } = watchFiles();
    const store = await openChecked({ root, files });
    await mkdir(join(root, 'example.com/m/@v'), { recursive: true });
    calls.length = 0;
    await store.put('example.com/m/@v/v1.0.0.mod', pattern(10));
    expect(synced(calls)).toEqual(['', '/example.com', '/example.com/m', '/example.com/m/@v']);
  });

  test.for([
    ['by us', 'by us'],
    ['by us', 'by another process'],
    ['by another process', 'by us'],
  ] as const)('is a folder that was removed %s and made again %s', async ([removed, made]) => {
    const { files, calls } = watchFiles();
    const store = await openChecked({ root, files });
    await store.put('example.com/m/@v/v1.0.0.mod', pattern(10));
    if (removed === 'by us') await store.delete('example.com/m/@v/v1.0.0.mod');
    else await rm(join(root, 'example.com'), { recursive: true });
    if (made !== 'by us') await mkdir(join(root, 'example.com/m/@v'), { recursive: true });
    calls.length = 0;
    await store.put('example.com/m/@v/v1.0.0.mod', pattern(10));
    expect(synced(calls)).toEqual(['', '/example.com', '/example.com/m', '/example.com/m/@v']);
  });

  test('is the folder of a blob that was there already, since who is told so relies on it', async () => {
    const { files, calls } = watchFiles();
    const store = await openChecked({ root, files });
    await store.put('example.com/m/@v/v1.0.0.mod', pattern(10));
    calls.length = 0;
    expect(await store.put('example.com/m/@v/v1.0.0.mod', pattern(10), { ifAbsent: true })).toBe(false);
    expect(synced(calls)).toEqual(['/example.com/m/@v']);
  });

  test('is a delete, in the folder that remains', async () => {
    const { files, calls } = watchFiles();
    const store = await openChecked({ root, files });
    await store.put('example.com/m/@v/v1.0.0.mod', pattern(10));
    await store.put('example.com/n/@v/v1.0.0.mod', pattern(10));
    await store.put('example.com/n/@v/v1.0.0.zip', pattern(10));
    calls.length = 0;
    await store.delete('example.com/m/@v/v1.0.0.mod');
    await store.delete('example.com/n/@v/v1.0.0.mod');
    expect(synced(calls)).toEqual(['/example.com', '/example.com/n/@v']);
  });

  test('is said to be in doubt when a folder cannot be synced; the blob stays, and the next put tries again', async () => {
    let broken = true;
    const { files, calls } = watchFiles(({ operation, path }) =>
      broken && operation === 'sync' && path.endsWith('/example.com') ? 'EIO' : undefined,
    );
    const store = await openChecked({ root, files });
    const key = 'example.com/m/@v/v1.0.0.mod';
    await expect(store.put(key, pattern(10), { ifAbsent: true })).rejects.toMatchObject({
      kind: 'storage',
      message: `${key}: cannot be stored: input/output error`,
    });
    expect((await store.stat(key))!.size).toBe(10);
    broken = false;
    calls.length = 0;
    expect(await store.put(key, pattern(10), { ifAbsent: true })).toBe(false);
    expect(synced(calls)).toEqual(['/example.com', '/example.com/m/@v']);
  });

  test.for([
    ['syncData', false],
    ['link', true],
  ] as const)('an abort during %s: the blob is there: %s', async ([operation, stored]) => {
    const stop = new AbortController();
    const { files } = watchFiles((call) => {
      if (call.operation === operation && call.path.includes('.tmp') !== stored) stop.abort();
      return undefined;
    });
    const store = await openChecked({ root, files });
    const put = store.put('example.com/a', pattern(10), { ifAbsent: true, signal: stop.signal });
    if (stored) expect(await put).toBe(true);
    else await expect(put).rejects.toMatchObject({ kind: 'canceled' });
    expect((await store.stat('example.com/a')) !== undefined).toBe(stored);
    expect(await leftOvers(root)).toEqual([]);
  });

  test('does without the fsync of folders where a file system has none', async () => {
    const { files } = watchFiles(({ operation }) => (operation === 'sync' ? 'EINVAL' : undefined));
    const store = await openChecked({ root, files });
    expect(await store.put('example.com/m/@v/v1.0.0.mod', pattern(10))).toBe(true);
  });

  test.for([1, 2])(
    'passes the gate: at most %d operations of puts and deletes at a time, whatever the bodies',
    async (width) => {
      const watched = watchFiles();
      const store = await openChecked({ root, files: watched.files, gate: createPoolGate(width) });
      await Promise.all(
        Array.from({ length: 30 }, async (_, i) => {
          const bytes = pattern(50_000 + i, i);
          const bodies = [bytes, reusing(bytes), await fileBody(folder.path, `body${i}`, bytes)];
          const key = `example.com/m${i % 4}/@v/v1.${i}.0.zip`;
          await store.put(key, bodies[i % 3]!, { ifAbsent: i % 2 === 0 });
          if (i % 5 === 0) await store.delete(key);
        }),
      );
      expect(watched.busiest()).toBe(width);
      expect(watched.open.size).toBe(0);
    },
  );

  test('lets hits read while puts wait for the disk', async () => {
    const stuck = Promise.withResolvers<undefined>();
    const begun = Promise.withResolvers<void>();
    const { files } = watchFiles(({ operation }) => {
      if (operation !== 'syncData') return undefined;
      begun.resolve();
      return stuck.promise;
    });
    const store = await openChecked({ root, files });
    const first = store.put('example.com/a', pattern(10));
    await begun.promise;
    const others = Array.from({ length: 20 }, (_, i) => store.put(`example.com/b${i}`, pattern(10)));
    expect(await store.stat('example.com/a')).toBeUndefined();
    expect(await store.get('example.com/a')).toBeUndefined();
    stuck.resolve(undefined);
    await Promise.all([first, ...others]);
  });
});
