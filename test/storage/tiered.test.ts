import { rm, stat, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { BlobStore } from '../../src/storage/store.ts';
import { collect, each, fileBody, keysOf, openFolder, pattern, read } from '../conformance/store-kit.ts';
import { watchFiles } from './disk-kit.ts';
import {
  bytesOnDisk,
  cacheLeftOvers,
  openTiered,
  type Tiered,
  type WatchedRemote,
  watchedRemote,
} from './tiered-kit.ts';

const mib = 1024 * 1024;
const zip = 'example.com/m/@v/v1.0.0.zip';
const info = 'example.com/m/@v/v1.0.0.info';
const large = pattern(2 * mib + 17, 1);
const small = pattern(300, 2);

let folder: Awaited<ReturnType<typeof openFolder>>;
let path: string;
beforeEach(async () => {
  folder = await openFolder();
  path = join(folder.path, 'cache');
});
afterEach(() => folder[Symbol.asyncDispose]());

async function open(remote: WatchedRemote, options: Parameters<typeof openTiered>[2] = {}): Promise<Tiered> {
  const tiered = await openTiered(remote.store, path, options);
  await tiered.cache.loaded;
  return tiered;
}

describe('a hit', () => {
  test.for([
    ['small', small],
    ['large', large],
  ] as const)('does not touch the remote: a %s blob that was read before', async ([, bytes]) => {
    const remote = watchedRemote();
    await remote.inner.put(zip, bytes);
    const tiered = await open(remote);
    const before = await tiered.store.stat(zip);
    expect((await read(tiered.store, zip))!.equals(bytes)).toBe(true);
    await tiered.settled();
    remote.asked();
    expect((await read(tiered.store, zip))!.equals(bytes)).toBe(true);
    expect(await read(tiered.store, zip, { start: 10, end: 200 })).toEqual(bytes.subarray(10, 200));
    expect(await tiered.store.stat(zip)).toEqual(before);
    expect(remote.asked()).toEqual([]);
    await using blob = await tiered.store.get(zip);
    expect((await stat(blob!.file!)).size).toBe(bytes.length);
    expect((await collect(blob!.readRange!({ start: 5, end: 50 }))).equals(bytes.subarray(5, 50))).toBe(true);
  });

  test('does not touch the remote either when the blob was put here', async () => {
    const remote = watchedRemote();
    const tiered = await open(remote);
    const body = await fileBody(folder.path, 'body', large);
    await tiered.store.put(zip, body, { ifAbsent: true });
    await tiered.store.put(info, small, { ifAbsent: true });
    await rm(body.file);
    await tiered.settled();
    remote.asked();
    expect((await read(tiered.store, zip))!.equals(large)).toBe(true);
    expect(await read(tiered.store, info)).toEqual(small);
    expect(remote.asked()).toEqual([]);
    expect(await cacheLeftOvers(path)).toEqual([]);
  });

  test('outlives a restart', async () => {
    const remote = watchedRemote();
    await remote.inner.put(zip, large);
    const first = await open(remote);
    await read(first.store, zip);
    await first.settled();
    const identity = (await first.store.stat(zip))!.identity;
    const second = await open(remote);
    remote.asked();
    expect((await read(second.store, zip))!.equals(large)).toBe(true);
    expect((await second.store.stat(zip))!.identity).toBe(identity);
    expect(remote.asked()).toEqual([]);
    expect(second.cache.bytes).toBe(first.cache.bytes);
  });

  test('is there while the remote is down, all else says that it is', async () => {
    const remote = watchedRemote();
    const tiered = await open(remote);
    await remote.inner.put(info, small);
    await remote.inner.put(zip, large);
    await read(tiered.store, zip);
    await tiered.settled();
    remote.goDown();
    expect((await read(tiered.store, zip))!.equals(large)).toBe(true);
    await expect(tiered.store.get(info)).rejects.toMatchObject({ kind: 'storage' });
    await expect(tiered.store.stat(info)).rejects.toMatchObject({ kind: 'storage' });
    await expect(tiered.store.put(zip, small, { ifAbsent: true })).rejects.toMatchObject({ kind: 'storage' });
    await expect(keysOf(tiered.store)).rejects.toMatchObject({ kind: 'storage' });
  });

  test('is there while the remote is down, also before it is known what the folder holds', async () => {
    const remote = watchedRemote();
    await remote.inner.put(zip, large);
    const first = await open(remote);
    await read(first.store, zip);
    await first.settled();
    remote.goDown();
    const walk = Promise.withResolvers<undefined>();
    const { files } = watchFiles(({ operation }) => (operation === 'entries' ? walk.promise : undefined));
    const opening = openTiered(remote.store, path, { files });
    walk.resolve(undefined);
    const second = await opening;
    expect(second.cache.isLoaded).toBe(false);
    expect((await read(second.store, zip))!.equals(large)).toBe(true);
    expect((await second.store.stat(zip))!.size).toBe(large.length);
  });
});

describe('the remote alone', () => {
  test.for([
    'fresh/example.com/m/@list',
    'gone/0001',
    'example.com/m/@v/list',
    'sumdb/sum.golang.org/head/00ff',
  ])('keeps what changes: %s', async (key) => {
    const remote = watchedRemote();
    const tiered = await open(remote);
    await tiered.store.put(key, small);
    await read(tiered.store, key);
    await tiered.settled();
    remote.asked();
    await read(tiered.store, key);
    expect(remote.asked()).toEqual([`get ${key}`]);
    expect(tiered.cache.entries).toBe(0);
  });

  test.for(['sumdb/sum.golang.org/tile/8/0/x000/001', 'sumdb/sum.golang.org/lookup/example.com/m@v1.0.0'])(
    'is not asked twice for what does not change: %s',
    async (key) => {
      const remote = watchedRemote();
      const tiered = await open(remote);
      await remote.inner.put(key, small);
      await read(tiered.store, key);
      await tiered.settled();
      remote.asked();
      expect(await read(tiered.store, key)).toEqual(small);
      expect(remote.asked()).toEqual([]);
    },
  );

  test('decides who was first, whatever copies there are', async () => {
    const remote = watchedRemote();
    const tiered = await open(remote);
    await remote.inner.put(zip, large);
    await read(tiered.store, zip);
    await tiered.settled();
    expect(await tiered.store.put(zip, small, { ifAbsent: true })).toBe(false);
    // Another process took it away, and ours does not know yet.
    await remote.inner.delete(zip);
    expect(await tiered.store.put(zip, small, { ifAbsent: true })).toBe(true);
    expect(await read(tiered.store, zip)).toEqual(small);
    await tiered.settled();
    expect(await read(tiered.store, zip)).toEqual(small);
  });

  test('is asked once by many who miss the same, and each gets it whole', async () => {
    const remote = watchedRemote();
    const tiered = await open(remote);
    await remote.inner.put(zip, large);
    await each(Array.from({ length: 20 }).keys(), 20, async () => {
      expect((await read(tiered.store, zip))!.equals(large)).toBe(true);
    });
    expect(remote.asked()).toEqual([`get ${zip}`]);
  });
});

describe('what was taken away', () => {
  test('is dropped when this process deletes it', async () => {
    const remote = watchedRemote();
    const tiered = await open(remote);
    await tiered.store.put(info, small, { ifAbsent: true });
    await tiered.settled();
    await tiered.store.delete(info);
    expect(await tiered.store.get(info)).toBeUndefined();
    expect(await bytesOnDisk(path)).toBe(0);
    expect(tiered.cache.bytes).toBe(0);
  });

  test('is dropped when it is to be forgotten, also before it is known what the folder holds', async () => {
    const remote = watchedRemote();
    await remote.inner.put(zip, large);
    await remote.inner.put(info, small);
    const first = await open(remote);
    await read(first.store, zip);
    await read(first.store, info);
    await first.settled();
    await remote.inner.delete(zip);
    await first.forget([zip]);
    expect(await first.store.get(zip)).toBeUndefined();

    await remote.inner.delete(info);
    const second = await openTiered(remote.store, path);
    expect(second.cache.isLoaded).toBe(false);
    await second.forget([info]);
    await second.cache.loaded;
    expect(await second.store.get(info)).toBeUndefined();
    expect(await bytesOnDisk(path)).toBe(0);
  });

  test.for([
    ['small', small],
    ['large', large],
  ] as const)('is not kept when it was on its way: a %s blob', async ([, bytes]) => {
    const remote = watchedRemote();
    await remote.inner.put(zip, bytes);
    const reached = Promise.withResolvers<void>();
    const resume = Promise.withResolvers<void>();
    const get: BlobStore['get'] = async (key, options) => {
      const blob = await remote.store.get(key, options);
      reached.resolve();
      await resume.promise;
      return blob;
    };
    const tiered = await openTiered({ ...remote.store, get }, path);
    await tiered.cache.loaded;
    const reading = read(tiered.store, zip);
    await reached.promise;
    await tiered.store.delete(zip);
    resume.resolve();
    // It was there when it was asked for.
    expect((await reading)!.equals(bytes)).toBe(true);
    await tiered.settled();
    expect(await tiered.store.get(zip)).toBeUndefined();
    expect(tiered.cache.entries).toBe(0);
    expect(await bytesOnDisk(path)).toBe(0);
  });

  test('takes its room until nobody reads it any more', async () => {
    const remote = watchedRemote();
    await remote.inner.put(zip, large);
    const tiered = await open(remote);
    await read(tiered.store, zip);
    await tiered.settled();
    const blob = await tiered.store.get(zip);
    await tiered.store.delete(zip);
    expect(tiered.cache.bytes).toBeGreaterThan(large.length);
    expect((await collect(blob!.read())).equals(large)).toBe(true);
    await blob!.close();
    expect(tiered.cache.bytes).toBe(0);
  });
});

describe('a copy on its way', () => {
  /** A remote blob that comes only as far as it is told. */
  function slowRemote(bytes: Buffer) {
    const remote = watchedRemote();
    const resume = Promise.withResolvers<void>();
    const get: BlobStore['get'] = async (key, options) => {
      const blob = await remote.store.get(key, options);
      if (options?.start !== undefined && options.start > 0) return blob;
      return (
        blob && {
          ...blob,
          async *read() {
            yield bytes.subarray(0, mib);
            await resume.promise;
            yield bytes.subarray(mib);
          },
        }
      );
    };
    return { remote, store: { ...remote.store, get }, resume: () => resume.resolve() };
  }

  test('is read while it comes, by all who ask, and what is far behind is asked for directly', async () => {
    const bytes = pattern(20 * mib, 5);
    const { remote, store, resume } = slowRemote(bytes);
    await remote.inner.put(zip, bytes);
    const tiered = await openTiered(store, path);
    await tiered.cache.loaded;
    await using first = await tiered.store.get(zip);
    await using second = await tiered.store.get(zip, { start: 1000 });
    const chunks = [first, second].map((blob) => blob!.read()[Symbol.asyncIterator]());
    const firsts = await Promise.all(
      chunks.map(async (iterator) => Buffer.from((await iterator.next()).value!)),
    );
    expect(bytes.subarray(0, firsts[0]!.length).equals(firsts[0]!)).toBe(true);
    expect((await read(tiered.store, zip, { start: 19 * mib }))!.equals(bytes.subarray(19 * mib))).toBe(true);
    expect(remote.asked()).toEqual([`get ${zip}`, `get ${zip}`]);
    resume();
    // Nobody reads on, and the copy is made nevertheless.
    await expect.poll(() => tiered.cache.info(zip)?.size).toBe(bytes.length);
    const rest = await collect({ [Symbol.asyncIterator]: () => chunks[1]! });
    expect(Buffer.concat([firsts[1]!, rest]).equals(bytes.subarray(1000))).toBe(true);
  });

  test('that cannot be written is read on from the remote', async () => {
    const bytes = pattern(20 * mib, 5);
    const { remote, store, resume } = slowRemote(bytes);
    await remote.inner.put(zip, bytes);
    let isFull = false;
    const { files } = watchFiles(({ operation }) => (isFull && operation === 'write' ? 'ENOSPC' : undefined));
    const tiered = await openTiered(store, path, { files });
    await tiered.cache.loaded;
    await using blob = await tiered.store.get(zip);
    const chunks = blob!.read()[Symbol.asyncIterator]();
    const begin = Buffer.from((await chunks.next()).value!);
    isFull = true;
    resume();
    const rest = await collect({ [Symbol.asyncIterator]: () => chunks });
    expect(Buffer.concat([begin, rest]).equals(bytes)).toBe(true);
    await blob!.close();
    await tiered.settled();
    expect(tiered.cache.bytes).toBe(0);
    expect(await bytesOnDisk(path)).toBe(0);
  });

  test('of a blob of which less comes than was told is not made', async () => {
    const { remote, store, resume } = slowRemote(large.subarray(0, large.length - 1));
    await remote.inner.put(zip, large);
    const tiered = await openTiered(store, path);
    await tiered.cache.loaded;
    resume();
    // Whoever reads gets the rest from where it is whole.
    expect((await read(tiered.store, zip))!.equals(large)).toBe(true);
    await tiered.settled();
    expect(tiered.cache.entries).toBe(0);
  });
});

describe('a cache that fails', () => {
  test.for(['open', 'write', 'link', 'rename', 'makeFolders', 'unlink', 'syncData'] as const)(
    'fails no request: no %s works',
    async (broken) => {
      const remote = watchedRemote();
      let isBroken = false;
      const { files } = watchFiles(({ operation }) => (isBroken && operation === broken ? 'EIO' : undefined));
      const tiered = await open(remote, { files });
      isBroken = true;
      expect(await tiered.store.put(info, small, { ifAbsent: true })).toBe(true);
      const body = await fileBody(folder.path, 'body', large);
      expect(await tiered.store.put(zip, body, { ifAbsent: true })).toBe(true);
      await tiered.settled();
      for (let round = 0; round < 2; round++) {
        expect(await read(tiered.store, info)).toEqual(small);
        expect((await read(tiered.store, zip))!.equals(large)).toBe(true);
        await tiered.settled();
      }
      await tiered.store.delete(info).catch(() => undefined);
      expect(await tiered.store.get(info)).toBeUndefined();
    },
  );

  test('is asked no more for a copy that cannot be read', async () => {
    const remote = watchedRemote();
    await remote.inner.put(zip, large);
    let isBroken = false;
    const { files } = watchFiles(({ operation }) => (isBroken && operation === 'read' ? 'EIO' : undefined));
    const tiered = await open(remote, { files });
    await read(tiered.store, zip);
    await tiered.settled();
    isBroken = true;
    await expect(read(tiered.store, zip)).rejects.toMatchObject({ kind: 'storage' });
    isBroken = false;
    remote.asked();
    expect((await read(tiered.store, zip))!.equals(large)).toBe(true);
    expect(remote.asked()).toEqual([`get ${zip}`]);
    await tiered.settled();
  });

  test.for<[string, (file: string) => Promise<unknown>]>([
    ['vanished', (file) => rm(file)],
    ['was cut', (file) => truncate(file, 100)],
  ])('gives no copy that %s', async ([, harm]) => {
    const remote = watchedRemote();
    await remote.inner.put(zip, large);
    const tiered = await open(remote);
    await read(tiered.store, zip);
    await tiered.settled();
    const blob = await tiered.store.get(zip);
    await blob!.close();
    await harm(blob!.file!);
    expect((await read(tiered.store, zip))!.equals(large)).toBe(true);
    await tiered.settled();
    expect((await read(tiered.store, zip))!.equals(large)).toBe(true);
    expect(await bytesOnDisk(path)).toBe(tiered.cache.bytes);
  });
});
