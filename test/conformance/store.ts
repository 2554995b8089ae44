import { readFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { BlobStore, Body } from '../../src/storage/store.ts';
import { type KeyCaseOptions, keyCases } from './store-keys.ts';
import {
  each,
  fileBody,
  key,
  keysOf,
  one,
  openFolder,
  pattern,
  pausing,
  read,
  reusing,
  two,
} from './store-kit.ts';
import { readCases } from './store-reads.ts';

/** A fresh and empty store, and what the suite has to know of it. */
export interface StoreUnderTest {
  readonly store: BlobStore;
  /**
   * Makes it impossible to read the blob, in the way that this backend knows (a missing permission, a failing
   * call); the answer ends that.
   */
  forbid(key: string): Promise<() => Promise<void>>;
  /**
   * What the store holds beside blobs: temporary files, empty folders, unfinished uploads. Asked for after
   * every case.
   */
  leftOvers(): Promise<readonly string[]>;
  close(): Promise<void>;
}

/**
 * What every blob store has to do, for one backend as it is used: inside `checked`. `open` is called before
 * every case.
 */
export function storeSuite(name: string, open: () => Promise<StoreUnderTest>, options: KeyCaseOptions): void {
  const { nesting, timeout = 60_000 } = options;

  describe(`${name}, as a blob store`, { timeout }, () => {
    let under: StoreUnderTest;
    let store: BlobStore;
    let folder: Awaited<ReturnType<typeof openFolder>>;

    beforeEach(async () => {
      folder = await openFolder();
      under = await open();
      store = under.store;
    });

    afterEach(async () => {
      const left = await under.leftOvers();
      await under.close();
      await folder[Symbol.asyncDispose]();
      expect(left).toEqual([]);
    });

    describe('what was put comes back', () => {
      const contents: readonly [string, Buffer][] = [
        ['nothing', Buffer.alloc(0)],
        ['one byte', Buffer.from([0])],
        ['500 bytes', pattern(500)],
        ['64 KiB, where small ends', pattern(65_536)],
        ['one byte more', pattern(65_537)],
        ['3 MiB and some', one],
      ];
      const kinds: readonly [string, (bytes: Buffer) => Promise<Body>][] = [
        ['bytes', async (bytes) => bytes],
        ['a stream that uses its memory again', async (bytes) => reusing(bytes)],
        ['a file', (bytes) => fileBody(folder.path, 'body', bytes)],
      ];
      for (const [kind, bodyOf] of kinds) {
        test.for(contents)(`${kind}: %s`, async ([, bytes]) => {
          expect(await store.put(key, await bodyOf(bytes))).toBe(true);
          expect(await store.put(`${key}.absent`, await bodyOf(bytes), { ifAbsent: true })).toBe(true);
          expect((await read(store, key))!.equals(bytes)).toBe(true);
          expect((await read(store, `${key}.absent`))!.equals(bytes)).toBe(true);
          expect((await store.stat(key))!.size).toBe(bytes.length);
        });
      }

      test('a view of a larger memory, which the caller uses again', async () => {
        const memory = pattern(1000);
        await store.put(key, memory.subarray(100, 200));
        const before = Buffer.from(memory.subarray(100, 200));
        memory.fill(0);
        expect(await read(store, key)).toEqual(before);
      });

      test('what another blob yields', async () => {
        await store.put(key, one);
        await using blob = await store.get(key);
        await store.put('example.com/copy', blob!.read());
        expect((await read(store, 'example.com/copy'))!.equals(one)).toBe(true);
      });

      test('the file that was put keeps its name and content, and the blob outlives it', async () => {
        const body = await fileBody(folder.path, 'body', one);
        await store.put(key, body, { ifAbsent: true });
        expect((await readFile(body.file)).equals(one)).toBe(true);
        await folder[Symbol.asyncDispose]();
        expect((await read(store, key))!.equals(one)).toBe(true);
      });
    });

    describe('what is absent', () => {
      test('is undefined, deletes without an error and is not listed', async () => {
        expect(await store.get(key)).toBeUndefined();
        expect(await store.stat(key)).toBeUndefined();
        await store.delete(key);
        expect(await keysOf(store)).toEqual([]);
      });

      test('is what lies above, below and beside a blob', async () => {
        await store.put('example.com/m/x', one);
        for (const other of ['example.com', 'example.com/m', 'example.com/m/x/y', 'example.com/m/xy']) {
          expect(await store.get(other), other).toBeUndefined();
          expect(await store.stat(other), other).toBeUndefined();
          await store.delete(other);
        }
        expect(await keysOf(store)).toEqual(['example.com/m/x']);
      });

      test('is not what may not be read', async () => {
        await store.put(key, one);
        const allow = await under.forbid(key);
        try {
          await expect(store.get(key)).rejects.toMatchObject({ name: 'StoaError', kind: 'storage' });
          await expect(store.stat(key)).rejects.toMatchObject({ name: 'StoaError', kind: 'storage' });
        } finally {
          await allow();
        }
        expect((await read(store, key))!.equals(one)).toBe(true);
      });

      test('is a blob after it was deleted, and only that', async () => {
        await store.put(key, one);
        await store.put('example.com/m/@v/v1.0.0.mod', two);
        await store.delete(key);
        expect(await store.get(key)).toBeUndefined();
        expect(await keysOf(store)).toEqual(['example.com/m/@v/v1.0.0.mod']);
        await store.delete('example.com/m/@v/v1.0.0.mod');
        expect(await keysOf(store)).toEqual([]);
      });
    });

    describe('putting where there is something', () => {
      test('replaces it in one step, and its identity', async () => {
        await store.put(key, one);
        const before = await store.stat(key);
        expect(await store.put(key, two)).toBe(true);
        const after = await store.stat(key);
        expect(after!.size).toBe(two.length);
        expect(after!.identity).not.toBe(before!.identity);
        expect((await read(store, key))!.equals(two)).toBe(true);
      });

      test('changes the identity also where the size stays', async () => {
        await store.put(key, pattern(500, 1));
        const before = await store.stat(key);
        await store.put(key, pattern(500, 2));
        expect((await store.stat(key))!.identity).not.toBe(before!.identity);
      });

      test('answers false if it must be absent, whatever the body, and changes nothing', async () => {
        await store.put(key, one, { ifAbsent: true });
        const before = await store.stat(key);
        expect(await store.put(key, two, { ifAbsent: true })).toBe(false);
        expect(await store.put(key, reusing(two), { ifAbsent: true })).toBe(false);
        expect(await store.put(key, await fileBody(folder.path, 'b', two), { ifAbsent: true })).toBe(false);
        expect(await store.put(key, Buffer.alloc(0), { ifAbsent: true })).toBe(false);
        expect(await store.stat(key)).toEqual(before);
        expect((await read(store, key))!.equals(one)).toBe(true);
      });

      test('is possible again after a delete', async () => {
        await store.put(key, one, { ifAbsent: true });
        await store.delete(key);
        expect(await store.put(key, two, { ifAbsent: true })).toBe(true);
        expect((await read(store, key))!.equals(two)).toBe(true);
      });

      test('takes the same file twice', async () => {
        const body = await fileBody(folder.path, 'body', one);
        expect(await store.put(key, body)).toBe(true);
        expect(await store.put(key, body)).toBe(true);
        expect((await read(store, key))!.equals(one)).toBe(true);
      });

      test('the name of a folder is free when nothing lies below it any more', async () => {
        await store.put('example.com/d/e/f', one);
        await store.put('example.com/d/g', one);
        await store.delete('example.com/d/e/f');
        await store.delete('example.com/d/g');
        expect(await store.put('example.com/d', two, { ifAbsent: true })).toBe(true);
        expect((await read(store, 'example.com/d'))!.equals(two)).toBe(true);
      });

      test('a key below another, or above, is refused or kept, and harms neither', async () => {
        await store.put('example.com/a', one);
        await store.put('example.com/d/e', one);
        for (const [other, ifAbsent] of [
          ['example.com/a/b', true],
          ['example.com/a/b/c', false],
          ['example.com/d', true],
          ['example.com/d', false],
        ] as const) {
          const put = store.put(other, two, { ifAbsent });
          if (nesting === 'refused')
            await expect(put, other).rejects.toMatchObject({ name: 'StoaError', kind: 'storage' });
          else await put;
        }
        expect((await read(store, 'example.com/a'))!.equals(one)).toBe(true);
        expect((await read(store, 'example.com/d/e'))!.equals(one)).toBe(true);
        if (nesting !== 'unlisted') expect((await keysOf(store)).length).toBe(nesting === 'refused' ? 2 : 5);
      });
    });

    describe('many at once', () => {
      test('of fifty writers who put if absent exactly one wins, and its content stands', async () => {
        const bodies = Array.from({ length: 50 }, (_, i) => pattern(100_000 + i, i + 1));
        const won = await Promise.all(
          bodies.map(async (bytes, i) => {
            const kinds = [bytes, reusing(bytes), await fileBody(folder.path, `race${i}`, bytes)];
            return store.put(key, kinds[i % 3]!, { ifAbsent: true });
          }),
        );
        expect(won.filter((answer) => answer).length).toBe(1);
        expect((await read(store, key))!.equals(bodies[won.indexOf(true)]!)).toBe(true);
        expect(await keysOf(store)).toEqual([key]);
      });

      test('of twenty writers who replace, every reader sees one content whole', async () => {
        const bodies = Array.from({ length: 20 }, (_, i) => pattern(150_000 + i, i + 1));
        await store.put(key, bodies[0]!);
        let writing = true;
        const readers = Array.from({ length: 4 }, async () => {
          while (writing) {
            const seen = await read(store, key);
            expect(bodies.some((bytes) => bytes.equals(seen!))).toBe(true);
          }
        });
        await Promise.all(bodies.map((bytes) => store.put(key, bytes)));
        writing = false;
        await Promise.all(readers);
      });

      test('puts and deletes in one folder leave what was put last', async () => {
        await each(Array.from({ length: 8 }).keys(), 8, async (lane) => {
          const mine = `example.com/busy/@v/v1.${lane}.0.mod`;
          for (let round = 0; round < 15; round++) {
            expect(await store.put(mine, pattern(50, round), { ifAbsent: true })).toBe(true);
            if (round < 14 || lane % 2 === 0) await store.delete(mine);
          }
        });
        expect(await keysOf(store)).toEqual(
          [1, 3, 5, 7].map((lane) => `example.com/busy/@v/v1.${lane}.0.mod`),
        );
      });

      test('twenty readers of a large blob all get it whole', async () => {
        await store.put(key, one);
        await each(Array.from({ length: 20 }).keys(), 20, async () => {
          expect((await read(store, key))!.equals(one)).toBe(true);
        });
      });

      test('two open blobs are read in turns', async () => {
        await store.put(key, one);
        await store.put('example.com/other', two);
        await using first = await store.get(key);
        await using second = await store.get('example.com/other');
        const got: Buffer[][] = [[], []];
        const [a, b] = [first!, second!].map((blob) => blob.read()[Symbol.asyncIterator]());
        for (let open = true; open; ) {
          const steps = [await a!.next(), await b!.next()];
          steps.forEach((step, i) => {
            if (!step.done) got[i]!.push(Buffer.from(step.value));
          });
          open = steps.some((step) => !step.done);
        }
        expect(Buffer.concat(got[0]!).equals(one)).toBe(true);
        expect(Buffer.concat(got[1]!).equals(two)).toBe(true);
      });
    });

    describe('a put that does not end well', () => {
      test('is invisible before its end', async () => {
        const { body, reached, resume } = pausing(one, two);
        const put = store.put(key, body, { ifAbsent: true });
        await reached;
        expect(await store.get(key)).toBeUndefined();
        expect(await store.stat(key)).toBeUndefined();
        expect(await keysOf(store)).toEqual([]);
        resume();
        expect(await put).toBe(true);
        expect((await store.stat(key))!.size).toBe(one.length + two.length);
      });

      test('leaves nothing when it is aborted midway, although the next chunk never comes', async () => {
        const { body, reached } = pausing(one);
        const stop = new AbortController();
        const put = store.put(key, body, { ifAbsent: true, signal: stop.signal });
        await reached;
        stop.abort();
        await expect(put).rejects.toMatchObject({ name: 'StoaError', kind: 'canceled' });
        expect(await store.get(key)).toBeUndefined();
        expect(await keysOf(store)).toEqual([]);
        expect(await under.leftOvers()).toEqual([]);
      });

      test('leaves what was there when it is aborted midway', async () => {
        await store.put(key, two);
        const { body, reached } = pausing(one);
        const stop = new AbortController();
        const put = store.put(key, body, { signal: stop.signal });
        await reached;
        stop.abort(new Error('the client left'));
        await expect(put).rejects.toMatchObject({ kind: 'canceled' });
        expect((await read(store, key))!.equals(two)).toBe(true);
      });

      test('ends with the error of its stream, and leaves nothing', async () => {
        const broken = Object.assign(new Error('connection reset'), { code: 'ECONNRESET' });
        async function* body(): AsyncGenerator<Uint8Array> {
          yield one;
          throw broken;
        }
        await expect(store.put(key, body())).rejects.toBe(broken);
        await expect(store.put(key, body(), { ifAbsent: true })).rejects.toBe(broken);
        expect(await store.get(key)).toBeUndefined();
        expect(await under.leftOvers()).toEqual([]);
      });

      test.for([one.length - 1, one.length + 1])(
        'refuses a file that has not the %d bytes it is said to have',
        async (size) => {
          const { file } = await fileBody(folder.path, 'body', one);
          const put = store.put(key, { file, size }, { ifAbsent: true });
          await expect(put).rejects.toMatchObject({ kind: 'storage' });
          expect(await store.get(key)).toBeUndefined();
        },
      );

      test('refuses a file that is not there', async () => {
        const put = store.put(key, { file: `${folder.path}/none`, size: 5 }, { ifAbsent: true });
        await expect(put).rejects.toMatchObject({ kind: 'storage' });
        expect(await store.get(key)).toBeUndefined();
      });
    });

    describe('an aborted signal', () => {
      test('ends every call before it begins', async () => {
        await store.put(key, one);
        const signal = AbortSignal.abort();
        const canceled = { name: 'StoaError', kind: 'canceled' };
        await expect(store.get(key, { signal })).rejects.toMatchObject(canceled);
        await expect(store.stat(key, { signal })).rejects.toMatchObject(canceled);
        await expect(store.put(key, two, { signal })).rejects.toMatchObject(canceled);
        await expect(store.delete(key, { signal })).rejects.toMatchObject(canceled);
        await expect(store.list('', { signal })[Symbol.asyncIterator]().next()).rejects.toMatchObject(
          canceled,
        );
        expect((await read(store, key))!.equals(one)).toBe(true);
      });

      test('ends a read between two chunks', async () => {
        await store.put(key, one);
        const stop = new AbortController();
        await using blob = await store.get(key, { signal: stop.signal });
        const chunks = blob!.read()[Symbol.asyncIterator]();
        expect((await chunks.next()).done).toBe(false);
        stop.abort();
        await expect(chunks.next()).rejects.toMatchObject({ kind: 'canceled' });
      });
    });

    readCases(() => store);
    keyCases(() => store, options);
  });
}
