import { describe, expect, test } from 'vitest';
import type { Blob, BlobStore } from '../../src/storage/store.ts';
import { collect } from '../conformance/store-kit.ts';
import { createRandom, noise } from '../faults/random.ts';
import { ask, openHouse, readAll } from './house.ts';

const path = 'example.com/m';
const version = 'v1.0.0';
const key = `${path}/@v/${version}.zip`;
const modules = [
  {
    path,
    versions: {
      [version]: {
        files: { 'go.mod': `module ${path}\n`, 'data.bin': noise(createRandom(9100), 400_000) },
        compress: false,
      },
    },
  },
];

/** A store as a remote one is: no files, nothing that is kept open, and chunks whose memory is used again at once. */
function remote(store: BlobStore): BlobStore {
  return {
    ...store,
    async get(key, options) {
      const blob = await store.get(key, options);
      return blob && withoutFile(blob);
    },
  };
}

function withoutFile(blob: Blob): Blob {
  const { size, identity, length, close } = blob;
  const memory = Buffer.alloc(10_000);
  return {
    size,
    identity,
    length,
    async *read() {
      for await (const chunk of blob.read())
        for (let at = 0; at < chunk.length; at += memory.length) {
          const part = chunk.subarray(at, at + memory.length);
          memory.set(part);
          yield memory.subarray(0, part.length);
          memory.fill(0xee);
        }
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

describe('in a store that has no local files', () => {
  // Not in memory: each is read from the store.
  const options = { modules, limits: { memoryFileBytes: 0 }, wrap: remote };

  test.each([true, false])(
    'a stored zip is checked by its first reader, who may stream: %s',
    async (mayStream) => {
      await using house = await openHouse(options);
      const { zip, h1 } = house.upstream.fixture(path, version);
      await readAll(house.stash.open({ path, version }, 'zip', ask()));
      await house.restart();
      const got = await readAll(house.stash.open({ path, version }, 'zip', ask({ mayStream })));
      expect(got.equals(zip)).toBe(true);
      const again = await house.stash.open({ path, version }, 'zip', ask());
      expect(again.etag).toBe(`"${h1}-${zip.length}"`);
      expect(await house.leftOvers()).toEqual([]);
      expect(house.events).toEqual([]);
    },
  );

  test.each([true, false])(
    'a rotten one is refused before its end, also to who may stream: %s',
    async (mayStream) => {
      await using house = await openHouse(options);
      await readAll(house.stash.open({ path, version }, 'zip', ask()));
      const rotten = Buffer.from(house.upstream.fixture(path, version).zip);
      rotten[rotten.length >> 1]! ^= 1;
      await house.store.delete(key);
      await house.store.put(key, rotten);
      await house.restart();
      const reading = readAll(house.stash.open({ path, version }, 'zip', ask({ mayStream })));
      await expect(reading).rejects.toMatchObject({ kind: 'integrity' });
      expect(await house.leftOvers()).toEqual([]);
    },
  );

  test('a zip without a published hash is hashed by its first reader', async () => {
    await using house = await openHouse(options);
    await readAll(house.stash.open({ path, version }, 'zip', ask()));
    await house.store.delete(`${path}/@v/${version}.ziphash`);
    await house.restart();
    const { zip, h1 } = house.upstream.fixture(path, version);
    expect((await readAll(house.stash.open({ path, version }, 'zip', ask()))).equals(zip)).toBe(true);
    await using hash = await house.store.get(`${path}/@v/${version}.ziphash`);
    expect((await collect(hash!.read())).toString()).toBe(h1);
  });
});
