import { beforeEach, describe, expect, test } from 'vitest';
import type { BlobStore } from '../../src/storage/store.ts';
import { each, keysOf, one, pattern, read, two } from './store-kit.ts';

/** What the cases about keys have to know of the store. */
export interface KeyCaseOptions {
  /** Whether a key below another is refused, or kept as any other, or kept so that one of them is not listed. */
  readonly nesting: 'refused' | 'kept' | 'unlisted';
  /** Keys in the large listing; 10,000 unless the backend is slow. */
  readonly keys?: number;
  /** Calls at a time while it is filled. */
  readonly width?: number;
  /** For a case, in milliseconds. */
  readonly timeout?: number;
}

/** The part of the suite that is about keys, and about listing them. */
export function keyCases(open: () => BlobStore, options: KeyCaseOptions): void {
  const { nesting, keys: keyCount = 10_000, width = 16, timeout = 60_000 } = options;
  let store: BlobStore;
  beforeEach(() => {
    store = open();
  });

  describe('keys', () => {
    const longest = `${'k'.repeat(255)}/`.repeat(3) + 'k'.repeat(192);
    test.for([
      ['a capital letter, escaped', 'github.com/!burnt!sushi/toml/@v/v1.0.0.mod'],
      ['a build tag of the go command', 'example.com/old/@v/v2.0.0+incompatible.zip'],
      ['the other characters of paths', 'example.com/a~b/c_d/-e/@v/v1.0.0-rc.1.info'],
      ['what names of checksum databases hold', 'sumdb/sum.golang.org/tile/8/0/x000/001.p/57'],
      ['a name of 250 bytes', `example.com/${'n'.repeat(250)}/@v/${'1'.repeat(246)}.mod`],
      ['the longest', longest],
      ['one letter', 'a'],
      ['all visible characters', 'a!"#$%&\'()*+,-.0123456789:;<=>?@[]^_`{|}~'],
      ['a name that ends with a dot', 'example.com/dots../x.'],
    ] as const)('hold %s', async ([, odd]) => {
      expect(await store.put(odd, pattern(100), { ifAbsent: true })).toBe(true);
      expect(await read(store, odd)).toEqual(pattern(100));
      expect(await keysOf(store)).toEqual([odd]);
      expect(await keysOf(store, odd.slice(0, -1))).toEqual([odd]);
      await store.delete(odd);
      expect(await store.stat(odd)).toBeUndefined();
    });

    test.for([
      ['nothing', ''],
      ['an absolute path', '/etc/passwd'],
      ['an empty element', 'a//b'],
      ['a slash at the end', 'a/b/'],
      ['the folder itself', 'a/./b'],
      ['the folder above', '../a'],
      ['the folder above, deeper', 'a/../../b'],
      ['a name that begins with a dot', 'a/.tmp'],
      ['a backslash', 'a\\b'],
      ['a space', 'a b'],
      ['a zero byte', 'a\0b'],
      ['a line break', 'a\n'],
      ['a letter that is not ASCII', 'example.com/ä'],
      ['a name of 256 bytes', 'n'.repeat(256)],
      ['more than 960 bytes', `${longest}k`],
    ] as const)('do not hold %s', async ([, bad]) => {
      const malformed = { name: 'StoaError', kind: 'malformed' };
      await expect(store.get(bad)).rejects.toMatchObject(malformed);
      await expect(store.stat(bad)).rejects.toMatchObject(malformed);
      await expect(store.put(bad, one)).rejects.toMatchObject(malformed);
      await expect(store.delete(bad)).rejects.toMatchObject(malformed);
      expect(await keysOf(store)).toEqual([]);
    });
  });

  describe('a listing', () => {
    test(`of ${keyCount} keys is complete and in order`, { timeout: 10 * timeout }, async () => {
      const keys = Array.from({ length: keyCount }, (_, i) => `example.com/m${i % 97}/@v/v1.${i}.0.info`);
      await each(keys, width, (each) => store.put(each, Buffer.from(each), { ifAbsent: true }));
      expect(await keysOf(store)).toEqual(keys.toSorted());
      const some = keys.filter((each) => each.startsWith('example.com/m1/')).toSorted();
      expect(await keysOf(store, 'example.com/m1/')).toEqual(some);
    });

    test('is in the order of the bytes of whole keys, not folder by folder', async () => {
      // By bytes: ! + - . / 0 A a ~, so that a folder stands among the names that go on after its own.
      const keys = [
        'm!x',
        'm+x/k',
        'm-b/x',
        'm.b',
        'm/a',
        'm/a-b/x',
        'm/a/x',
        'm/a0',
        'm0',
        'mA/x',
        'ma',
        'm~/x',
      ];
      const put = keys.filter((each) => nesting === 'kept' || each !== 'm/a');
      for (const each of put.toReversed()) await store.put(each, one);
      expect(await keysOf(store)).toEqual(put);
      expect(await keysOf(store, 'm/')).toEqual(put.filter((each) => each.startsWith('m/')));
    });

    test('of a prefix has all keys that begin with it, and no others', async () => {
      const keys = [
        'a/b/1',
        'a/bc/2',
        'example.com/m/@v/v1.0.0.mod',
        'example.com/m/@v/v1.0.0.zip',
        'example.com/m/v2/@v/v2.0.0.mod',
        'example.com/m2/@v/v1.0.0.mod',
        'fresh/example.com/m/list',
        'gone/1',
      ];
      for (const each of keys) await store.put(each, one);
      const prefixes = keys.flatMap((each) => Array.from(each, (_, i) => each.slice(0, i + 1)));
      for (const prefix of new Set(['', ...prefixes, 'example.com/m/@v/v1.0.0.zip0', 'b', 'a/b/1/']))
        expect(await keysOf(store, prefix), prefix).toEqual(keys.filter((each) => each.startsWith(prefix)));
    });

    test('may be left early', async () => {
      for (const each of ['a/1', 'a/2', 'b/3']) await store.put(each, one);
      for await (const first of store.list('')) {
        expect(first).toBe('a/1');
        break;
      }
      expect((await keysOf(store)).length).toBe(3);
    });

    test('during puts and deletes has what was there all the time, in order', async () => {
      const stay = Array.from({ length: 60 }, (_, i) => `example.com/stay/${String(i).padStart(2, '0')}/x`);
      await each(stay, width, (each) => store.put(each, one.subarray(0, 100)));
      let listing = true;
      const busy = (async () => {
        for (let i = 0; listing; i++) {
          await store.put(`example.com/stay/${i % 60}-/x`, two.subarray(0, 100));
          await store.delete(`example.com/stay/${(i + 30) % 60}-/x`);
        }
      })();
      for (let round = 0; round < 10; round++) {
        const seen = await keysOf(store, 'example.com/');
        expect(seen).toEqual(seen.toSorted());
        expect(seen.filter((each) => !each.includes('-'))).toEqual(stay);
      }
      listing = false;
      await busy;
    });

    test.for(['/', '../', 'a//', '.t', 'a/.tmp/', 'a b', 'ä'])(
      'of no prefix of a key is refused: %s',
      async (prefix) => {
        await expect(keysOf(store, prefix)).rejects.toMatchObject({ kind: 'malformed' });
      },
    );
  });
}
