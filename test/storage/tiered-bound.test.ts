import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { each, openFolder, pattern, read } from '../conformance/store-kit.ts';
import { createRandom, seed } from '../faults/random.ts';
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

describe('the bound', () => {
  test('is kept by letting go of what was not used for longest', async () => {
    const remote = watchedRemote();
    const tiered = await open(remote, { maxBytes: 10 * mib });
    const keys = ['a', 'b', 'c', 'd'].map((name) => `example.com/${name}/@v/v1.0.0.zip`);
    for (const key of keys) await remote.inner.put(key, pattern(3 * mib));
    for (const key of keys.slice(0, 3)) await read(tiered.store, key);
    await tiered.settled();
    await read(tiered.store, keys[0]!);
    await read(tiered.store, keys[3]!);
    await tiered.settled();
    const copied = keys.filter((key) => tiered.cache.info(key) !== undefined);
    expect(copied).toEqual([keys[0], keys[2], keys[3]]);
    expect(await bytesOnDisk(path)).toBe(9 * mib);
  });

  test('holds for what is open: it stays, and what finds no room is read from the remote', async () => {
    const remote = watchedRemote();
    const tiered = await open(remote, { maxBytes: 5 * mib });
    const keys = ['a', 'b', 'c'].map((name) => `example.com/${name}/@v/v1.0.0.zip`);
    for (const key of keys) await remote.inner.put(key, pattern(2 * mib));
    for (const key of keys.slice(0, 2)) await read(tiered.store, key);
    await tiered.settled();
    const open2 = await Promise.all(keys.slice(0, 2).map((key) => tiered.store.get(key)));
    expect((await read(tiered.store, keys[2]!))!.equals(pattern(2 * mib))).toBe(true);
    await tiered.settled();
    expect(tiered.cache.info(keys[2]!)).toBeUndefined();
    for (const blob of open2) {
      expect((await stat(blob!.file!)).size).toBe(2 * mib);
      await blob!.close();
    }
    await read(tiered.store, keys[2]!);
    await tiered.settled();
    expect(tiered.cache.info(keys[2]!)).toBeDefined();
  });

  test('holds after a restart with a smaller one', async () => {
    const remote = watchedRemote();
    const keys = ['a', 'b', 'c'].map((name) => `example.com/${name}/@v/v1.0.0.zip`);
    const first = await open(remote);
    for (const key of keys) {
      await remote.inner.put(key, pattern(2 * mib));
      await read(first.store, key);
      await first.settled();
    }
    const second = await open(remote, { maxBytes: 5 * mib });
    expect(keys.filter((key) => second.cache.info(key) !== undefined)).toEqual(keys.slice(1));
    expect(await bytesOnDisk(path)).toBe(4 * mib);
  });

  test(`is never passed, whatever is read, put, deleted and held open at once (seed ${seed})`, async () => {
    const random = createRandom(8000);
    const remote = watchedRemote();
    const maxBytes = 6 * mib;
    let most = 0;
    let looking = false;
    const { files } = watchFiles(({ operation }) => {
      // Between any two operations.
      if (!looking && (operation === 'write' || operation === 'link' || operation === 'unlink')) {
        looking = true;
        return bytesOnDisk(path).then((bytes) => {
          most = Math.max(most, bytes);
          looking = false;
          return undefined;
        });
      }
      return undefined;
    });
    const tiered = await open(remote, { maxBytes, files });
    const sizes = [100, 5000, 100_000, 300_000, mib, 3 * mib];
    const keyOf = (i: number) => `example.com/m${i}/@v/v1.0.0.zip`;
    const bytesOf = (i: number) => pattern(sizes[i % sizes.length]! + i, i + 1);
    for (let i = 0; i < 60; i++) await remote.inner.put(keyOf(i), bytesOf(i));
    await each(Array.from({ length: 400 }).keys(), 8, async () => {
      const i = Math.floor(random() * 60);
      const what = random();
      if (what < 0.1) {
        await tiered.store.delete(keyOf(i));
        // Put by the same lane of keys only, so that the content is known.
        await tiered.store.put(keyOf(i), bytesOf(i), { ifAbsent: true });
      } else if (what < 0.3) {
        await using blob = await tiered.store.get(keyOf(i));
        for await (const chunk of blob?.read() ?? []) {
          expect(bytesOf(i).subarray(0, chunk.length).equals(chunk)).toBe(true);
          await read(tiered.store, keyOf((i + 7) % 60));
          break;
        }
      } else {
        const bytes = await read(tiered.store, keyOf(i));
        expect(bytes === undefined || bytes.equals(bytesOf(i))).toBe(true);
      }
      expect(tiered.cache.bytes).toBeLessThanOrEqual(maxBytes);
    });
    await tiered.settled();
    expect(most).toBeGreaterThan(maxBytes / 2);
    expect(most).toBeLessThanOrEqual(maxBytes);
    expect(await bytesOnDisk(path)).toBe(tiered.cache.bytes);
    expect(await cacheLeftOvers(path)).toEqual([]);
  });
});
