import { afterEach, beforeEach, expect, test } from 'vitest';
import { reconcile, type Shelf } from '../../src/catalog/reconcile.ts';
import { hashGoMod } from '../../src/module/dirhash.ts';
import { formatKey } from '../../src/module/target.ts';
import { describeStored } from '../../src/stash/stored-version.ts';
import { checked } from '../../src/storage/checked.ts';
import { createMemoryStore } from '../../src/storage/memory.ts';
import { namesIn, stored } from '../conformance/catalog-kit.ts';
import { type Bed, openBed } from './bed.ts';

let bed: Bed;
const store = () => checked(createMemoryStore({ maxBytes: 2 ** 30 }));
beforeEach(async () => {
  bed = await openBed();
});
afterEach(() => bed[Symbol.asyncDispose]());

/** A database that knows one of them. */
const proof: Parameters<typeof describeStored>[0]['proof'] = {
  recall: async ({ version }) =>
    version === 'v1.2.0'
      ? undefined
      : { by: 'sum.example.com', isPublic: true, sums: { zip: 'h1:v1.1.0=', mod: 'h1:mod=' } },
};

const never = new AbortController().signal;

function shelfOf(blobs: ReturnType<typeof store>): Shelf & { readonly described: string[] } {
  const described: string[] = [];
  return {
    described,
    keys: (signal) => blobs.list('', { signal }),
    describe(version, signal) {
      described.push(version.version);
      return describeStored({ store: blobs, proof }, version, signal);
    },
  };
}

test('stored versions that have no row get one, made of what is stored', async () => {
  const blobs = store();
  const put = (version: string, extension: 'info' | 'mod' | 'zip' | 'ziphash', text: string) =>
    blobs.put(formatKey('example.com/M', version, extension), Buffer.from(text));
  for (const version of ['v1.0.0', 'v1.1.0']) {
    await put(version, 'info', '{}');
    await put(version, 'mod', 'module example.com/M\n');
    await put(version, 'zip', 'as many bytes as it has');
    await put(version, 'ziphash', `h1:${version}=`);
  }
  await put('v1.2.0', 'mod', 'module example.com/M\n');
  await put('v1.3.0', 'ziphash', 'h1:swept=\n');
  await blobs.put('fresh/example.com/!m/@list', Buffer.from('v1.0.0\n'));
  await bed.catalog().apply([stored({ path: 'example.com/M', h1: 'h1:v1.0.0=', source: 'direct' })]);
  const shelf = shelfOf(blobs);
  expect(await reconcile(shelf, bed.catalog(), never, () => 5000)).toBe(2);
  expect(shelf.described).toEqual(['v1.1.0', 'v1.3.0']);
  expect(await bed.catalog().versions({ limit: 9 })).toMatchObject([
    { version: 'v1.0.0', source: 'direct' },
    {
      path: 'example.com/M',
      version: 'v1.1.0',
      h1: 'h1:v1.1.0=',
      size: 23,
      modH1: hashGoMod(Buffer.from('module example.com/M\n')),
      source: null,
      verified: 'sum.example.com',
      firstSeen: 5000,
    },
    { version: 'v1.3.0', h1: 'h1:swept=', size: null, modH1: null, verified: null },
  ]);
  expect(await reconcile(shelf, bed.catalog(), never)).toBe(0);
});

test('many are compared a few at a time', async () => {
  const blobs = store();
  for (let i = 0; i < 1100; i++)
    await blobs.put(formatKey('example.com/m', `v1.${i}.0`, 'ziphash'), Buffer.from('h1:one='));
  expect(await reconcile(shelfOf(blobs), bed.catalog(), never)).toBe(1100);
  expect(await namesIn(bed.catalog())).toHaveLength(1100);
});

test('it ends when it is told to, and what was added stays', async () => {
  const blobs = store();
  for (let i = 0; i < 1100; i++)
    await blobs.put(formatKey('example.com/m', `v1.${i}.0`, 'ziphash'), Buffer.from('h1:one='));
  const shelf = shelfOf(blobs);
  const life = new AbortController();
  const describe: Shelf['describe'] = (version, signal) => {
    if (shelf.described.length === 700) life.abort();
    return shelf.describe(version, signal);
  };
  await expect(reconcile({ ...shelf, describe }, bed.catalog(), life.signal)).rejects.toMatchObject({
    kind: 'canceled',
  });
  expect(await namesIn(bed.catalog())).toHaveLength(500);
});
