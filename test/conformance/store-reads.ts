import { beforeEach, describe, expect, test } from 'vitest';
import type { BlobStore } from '../../src/storage/store.ts';
import { collect, key, one, read, two } from './store-kit.ts';

/** The part of the suite that is about open blobs: what a reader sees while others write, and ranges. */
export function readCases(open: () => BlobStore): void {
  let store: BlobStore;
  beforeEach(() => {
    store = open();
  });

  describe('an open blob', () => {
    test('is read whole when its key is replaced meanwhile', async () => {
      await store.put(key, one);
      await using blob = await store.get(key);
      const chunks = blob!.read()[Symbol.asyncIterator]();
      const first = Buffer.from((await chunks.next()).value!);
      await store.put(key, two);
      const rest = await collect({ [Symbol.asyncIterator]: () => chunks });
      expect(Buffer.concat([first, rest]).equals(one)).toBe(true);
      expect((await read(store, key))!.equals(two)).toBe(true);
    });

    test('is read whole when its key is deleted meanwhile', async () => {
      await store.put(key, one);
      await using blob = await store.get(key);
      await store.delete(key);
      expect(await store.get(key)).toBeUndefined();
      expect((await collect(blob!.read())).equals(one)).toBe(true);
    });

    test('has the size and identity that stat tells, each time the same', async () => {
      await store.put(key, one);
      const info = await store.stat(key);
      await using blob = await store.get(key, { start: 5, end: 10 });
      expect({ size: blob!.size, identity: blob!.identity }).toEqual(info);
      expect(await store.stat(key)).toEqual(info);
    });

    test('may be left early, closed twice, and not be read afterwards', async () => {
      await store.put(key, one);
      const blob = await store.get(key);
      for await (const chunk of blob!.read()) {
        expect(one.subarray(0, chunk.length).equals(chunk)).toBe(true);
        break;
      }
      await blob!.close();
      await blob!.close();
      expect(() => blob!.read()).toThrow(/read twice|closed/);
      const unread = await store.get(key);
      await unread!.close();
      expect(() => unread!.read()).toThrow('read after it was closed');
    });

    test('is read once', async () => {
      await store.put(key, one);
      await using blob = await store.get(key);
      await collect(blob!.read());
      expect(() => blob!.read()).toThrow('read twice');
    });

    test.for(ranges)('is read in part: %s', async ([, range, [start, end]]) => {
      await store.put(key, one);
      await using blob = await store.get(key, range);
      expect(blob!.length).toBe(end - start);
      expect(blob!.size).toBe(size);
      expect((await collect(blob!.read())).equals(one.subarray(start, end))).toBe(true);
    });

    test.for(noRanges)('is not opened for a range that is none: %o', async (range) => {
      await store.put(key, one);
      await expect(store.get(key, range)).rejects.toMatchObject({ kind: 'internal' });
    });
  });

  // Where an open blob costs much to keep, it has no such method, and there is nothing to see.
  describe('an open blob that can be kept', () => {
    test.for(ranges)(
      'is read by range, also of what it was not opened for: %s',
      async ([, range, [start, end]]) => {
        await store.put(key, one);
        await using blob = await store.get(key, { start: 100, end: 200 });
        if (blob!.readRange === undefined) return;
        expect((await collect(blob!.readRange(range))).equals(one.subarray(start, end))).toBe(true);
      },
    );

    test('is read again and again, and by several at once', async () => {
      await store.put(key, one);
      await using blob = await store.get(key);
      if (blob!.readRange === undefined) return;
      await collect(blob!.read());
      const wanted = Array.from({ length: 20 }, (_, i) => ({ start: i * 1000, end: size - i * 50_000 }));
      for (let round = 0; round < 3; round++) {
        const got = await Promise.all(wanted.map((range) => collect(blob!.readRange!(range))));
        for (const [i, { start, end }] of wanted.entries())
          expect(got[i]!.equals(one.subarray(start, end))).toBe(true);
      }
    });

    test('keeps its bytes when its key is replaced or deleted', async () => {
      await store.put(key, one);
      await using blob = await store.get(key);
      if (blob!.readRange === undefined) return;
      await store.put(key, two);
      expect((await collect(blob!.readRange({}))).equals(one)).toBe(true);
      await store.delete(key);
      expect((await collect(blob!.readRange({ start: size - 10 }))).equals(one.subarray(size - 10))).toBe(
        true,
      );
    });

    test('may be left in the middle of a range, which stops nobody else', async () => {
      await store.put(key, one);
      await using blob = await store.get(key);
      if (blob!.readRange === undefined) return;
      const other = blob!.readRange({})[Symbol.asyncIterator]();
      const first = Buffer.from((await other.next()).value!);
      for await (const chunk of blob!.readRange({})) {
        expect(one.subarray(0, chunk.length).equals(chunk)).toBe(true);
        break;
      }
      const rest = await collect({ [Symbol.asyncIterator]: () => other });
      expect(Buffer.concat([first, rest]).equals(one)).toBe(true);
    });

    test('ends one range at its own abort', async () => {
      await store.put(key, one);
      await using blob = await store.get(key);
      if (blob!.readRange === undefined) return;
      const stop = new AbortController();
      const left = blob!.readRange({ signal: stop.signal })[Symbol.asyncIterator]();
      await left.next();
      stop.abort();
      await expect(left.next()).rejects.toMatchObject({ kind: 'canceled' });
      expect((await collect(blob!.readRange({}))).equals(one)).toBe(true);
    });

    test.for(noRanges)('refuses a range that is none: %o', async (range) => {
      await store.put(key, one);
      await using blob = await store.get(key);
      if (blob!.readRange === undefined) return;
      expect(() => blob!.readRange!(range)).toThrow('asked for from');
    });

    test('is not read by range after it was closed, nor goes on', async () => {
      await store.put(key, one);
      const blob = await store.get(key);
      const begun = blob!.readRange?.({})[Symbol.asyncIterator]();
      await begun?.next();
      await blob!.close();
      if (blob!.readRange === undefined) return;
      await expect(begun!.next()).rejects.toMatchObject({ kind: 'internal' });
      expect(() => blob!.readRange!({})).toThrow('read after it was closed');
    });
  });
}

const size = one.length;

/** Ranges of `one`, and where they begin and end. */
const ranges = [
  ['from the start', { end: 10 }, [0, 10]],
  ['to the end', { start: size - 10 }, [size - 10, size]],
  ['in the middle, over chunks', { start: 1_000_000, end: 2_500_000 }, [1_000_000, 2_500_000]],
  ['one byte', { start: 7, end: 8 }, [7, 8]],
  ['everything', { start: 0, end: size }, [0, size]],
  ['nothing', { start: 100, end: 100 }, [100, 100]],
  ['nothing at the end', { start: size }, [size, size]],
  ['an end beyond the size is cut', { start: size - 5, end: size + 5 }, [size - 5, size]],
  ['all beyond the size is nothing', { start: size + 5, end: size + 10 }, [size, size]],
  ['a start beyond the size is nothing', { start: size + 5 }, [size, size]],
] as const;

/** What is no range. */
const noRanges = [
  { start: -1 },
  { start: 1.5 },
  { start: 5, end: 4 },
  { end: -1 },
  { end: Number.NaN },
  { start: 2 ** 60 },
];
