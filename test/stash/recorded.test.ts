import { describe, expect, it } from 'vitest';
import { hashGoMod } from '../../src/module/dirhash.ts';
import type { BlobStore } from '../../src/storage/store.ts';
import { ask, type House, openHouse, readAll } from './house.ts';

const path = 'example.com/m';
const version = 'v1.0.0';
const m = { path, version };
const goMod = `module ${path}\n`;
const modules = [{ path, versions: { [version]: { files: { 'go.mod': goMod, 'm.go': 'package m\n' } } } }];

/** How often a version had been told when its hash was put. */
function watchHash(toldAt: number[], house: () => House) {
  return (store: BlobStore): BlobStore => ({
    ...store,
    put: (key, body, options) => {
      if (key.endsWith('.ziphash')) toldAt.push(house().published.length);
      return store.put(key, body, options);
    },
  });
}

describe('a version that was stored', () => {
  it('is told once, with all that is known of it, before its hash is stored', async () => {
    const toldAt: number[] = [];
    await using house: House = await openHouse({ modules, wrap: watchHash(toldAt, () => house) });
    await Promise.all(Array.from({ length: 5 }, () => readAll(house.stash.open(m, 'zip', ask()))));
    await expect.poll(() => toldAt).toEqual([1]);
    const { h1, zip } = house.upstream.fixture(path, version);
    expect(house.published).toEqual([
      { ...m, h1, size: zip.length, modH1: hashGoMod(Buffer.from(goMod)), source: house.upstream.url },
    ]);
    await house.restart();
    await readAll(house.stash.open(m, 'zip', ask()));
    expect(house.published).toHaveLength(1);
  });

  it('is told by its first reader, where its writer was killed before its hash was stored', async () => {
    const toldAt: number[] = [];
    await using house: House = await openHouse({ modules, wrap: watchHash(toldAt, () => house) });
    await readAll(house.stash.open(m, 'zip', ask()));
    await expect.poll(() => toldAt).toEqual([1]);
    await house.store.delete(`${path}/@v/${version}.ziphash`);
    await house.restart();
    await readAll(house.stash.open(m, 'zip', ask()));
    expect(toldAt).toEqual([1, 2]);
    const { h1, zip } = house.upstream.fixture(path, version);
    expect(house.published[1]).toEqual({ ...m, h1, size: zip.length });
  });

  it('is not told where only its small files are', async () => {
    await using house = await openHouse({ modules });
    await house.stash.open(m, 'mod', ask());
    await house.stash.open(m, 'info', ask());
    expect(house.published).toEqual([]);
  });
});

it('what was refused is told with its module, its source and both hashes', async () => {
  await using house = await openHouse({ modules });
  const { h1 } = house.upstream.fixture(path, version);
  await house.store.put(`${path}/@v/${version}.ziphash`, Buffer.from('h1:served='));
  await expect(readAll(house.stash.open(m, 'zip', ask()))).rejects.toMatchObject({ kind: 'integrity' });
  expect(house.told).toEqual([
    {
      kind: 'mismatch',
      module: m,
      text: `${house.upstream.url} sent a zip with ${h1}, but h1:served= was served before`,
      source: house.upstream.url,
    },
  ]);
});
