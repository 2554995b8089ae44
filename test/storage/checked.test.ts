import { setImmediate } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { StoaError } from '../../src/errors.ts';
import { checked } from '../../src/storage/checked.ts';
import { createMemoryStore } from '../../src/storage/memory.ts';
import type { Blob, BlobStore } from '../../src/storage/store.ts';
import { collect, key, keysOf, pattern, pausing, read } from '../conformance/store-kit.ts';

/** A checked store over a memory store, parts of which lie or fail. */
function over(parts: Partial<BlobStore>): BlobStore {
  return checked({ ...createMemoryStore(), ...parts });
}

/** A backend's blob of ten bytes, parts of which lie or fail; it counts how often it was closed. */
function blob(parts: Partial<Blob> = {}) {
  let closed = 0;
  const close = async () => {
    closed++;
  };
  const whole: Blob = {
    size: 10,
    length: 10,
    identity: '1',
    async *read() {
      yield pattern(10);
    },
    close,
    [Symbol.asyncDispose]: close,
    ...parts,
  };
  return { get: async () => whole, closed: () => closed };
}

describe('checked: a backend that fails', () => {
  test('with an error of its own is described by key and operation, on one line, with the cause', async () => {
    const cause = new Error('connect ECONNREFUSED 127.0.0.1:9000\n    at a line nobody should see');
    const fail = async () => {
      throw cause;
    };
    const store = over({
      get: fail,
      stat: fail,
      put: fail,
      delete: fail,
      // biome-ignore lint/correctness/useYield: it fails before its first key
      async *list() {
        throw cause;
      },
    });
    const says = (text: string) => ({
      name: 'StoaError',
      kind: 'storage',
      cause,
      message: `${text}: connect ECONNREFUSED 127.0.0.1:9000`,
    });
    await expect(store.get(key)).rejects.toMatchObject(says(`${key}: cannot be read`));
    await expect(store.stat(key)).rejects.toMatchObject(says(`${key}: cannot be looked up`));
    await expect(store.put(key, pattern(1))).rejects.toMatchObject(says(`${key}: cannot be stored`));
    await expect(store.delete(key)).rejects.toMatchObject(says(`${key}: cannot be deleted`));
    await expect(keysOf(store)).rejects.toMatchObject(says('the store: cannot be listed'));
    await expect(keysOf(store, 'example.com/')).rejects.toMatchObject(says('example.com/: cannot be listed'));
  });

  test('with a StoaError is left to say so itself', async () => {
    const error = new StoaError('storage', `${key}: cannot be stored: disk full`);
    const store = over({
      async put() {
        throw error;
      },
    });
    await expect(store.put(key, pattern(1))).rejects.toBe(error);
  });

  test('because it was aborted is canceled, whatever it says', async () => {
    const stop = new AbortController();
    const store = over({
      async stat() {
        stop.abort();
        throw new Error('socket hang up');
      },
    });
    await expect(store.stat(key, { signal: stop.signal })).rejects.toMatchObject({
      kind: 'canceled',
      message: `${key}: canceled`,
    });
  });

  test('while a stream is put does not hide that the stream failed first', async () => {
    const reset = new Error('connection reset');
    const store = over({
      async put(_, body) {
        await collect(body as AsyncIterable<Uint8Array>).catch(() => undefined);
        throw new Error('upload incomplete');
      },
    });
    // biome-ignore lint/correctness/useYield: it fails before its first chunk
    async function* body(): AsyncGenerator<Uint8Array> {
      throw reset;
    }
    await expect(store.put(key, body())).rejects.toBe(reset);
  });

  test('in the middle of a stream ends the stream', async () => {
    let ended = false;
    async function* body(): AsyncGenerator<Uint8Array> {
      try {
        yield pattern(10);
        yield pattern(10);
      } finally {
        await setImmediate();
        ended = true;
      }
    }
    const store = over({
      async put(_, chunks) {
        for await (const __ of chunks as AsyncIterable<Uint8Array>) throw new Error('disk full');
        return true;
      },
    });
    await expect(store.put(key, body())).rejects.toMatchObject({ kind: 'storage' });
    expect(ended).toBe(true);
  });
});

describe('checked: a blob that is not what it says', () => {
  const nine = {
    async *read() {
      yield pattern(9);
    },
  };
  const eleven = {
    async *read() {
      yield pattern(6);
      yield pattern(5);
    },
  };
  test.for([
    ['too short', nine, 'fewer than 10 bytes came'],
    ['too long', eleven, 'more than 10 bytes came'],
  ] as const)('%s fails at its end', async ([, parts, reason]) => {
    const backend = blob(parts);
    const store = over({ get: backend.get });
    await expect(read(store, key)).rejects.toMatchObject({
      kind: 'storage',
      message: `${key}: cannot be read: ${reason}`,
    });
    expect(backend.closed()).toBe(1);
  });

  test('too long never yields more than its length', async () => {
    const store = over({ get: blob(eleven).get });
    await using opened = await store.get(key);
    const seen: number[] = [];
    await expect(
      (async () => {
        for await (const chunk of opened!.read()) seen.push(chunk.length);
      })(),
    ).rejects.toThrow('more than');
    expect(seen).toEqual([6]);
  });

  test.for([
    ['a length other than the range has', { length: 9 }, 'offered'],
    ['a size that is none', { size: Number.NaN }, 'no size or identity'],
    ['no identity', { identity: '' }, 'no size or identity'],
  ] as const)('%s is refused, and closed', async ([, parts, reason]) => {
    const backend = blob(parts);
    const store = over({ get: backend.get });
    await expect(store.get(key)).rejects.toMatchObject({
      kind: 'storage',
      message: expect.stringContaining(reason),
    });
    expect(backend.closed()).toBe(1);
  });

  test('a range that was not cut is refused', async () => {
    const store = over({ get: blob({ length: 10 }).get });
    await expect(store.get(key, { start: 5 })).rejects.toMatchObject({ kind: 'storage' });
  });

  test('empty chunks are passed over', async () => {
    const store = over({
      get: blob({
        async *read() {
          yield pattern(0);
          yield pattern(10);
          yield pattern(0);
        },
      }).get,
    });
    await using opened = await store.get(key);
    const chunks: number[] = [];
    for await (const chunk of opened!.read()) chunks.push(chunk.length);
    expect(chunks).toEqual([10]);
  });

  test('closed between two chunks, it yields no more', async () => {
    const store = over({
      get: blob({
        async *read() {
          yield pattern(5);
          yield pattern(5);
        },
      }).get,
    });
    const opened = await store.get(key);
    const chunks = opened!.read()[Symbol.asyncIterator]();
    await chunks.next();
    await opened!.close();
    await expect(chunks.next()).rejects.toMatchObject({
      kind: 'internal',
      message: `${key}: read after it was closed`,
    });
  });

  test('whose next chunk does not come ends with the abort', async () => {
    const { body, reached } = pausing(pattern(5));
    const stop = new AbortController();
    const store = over({ get: blob({ read: () => body }).get });
    await using opened = await store.get(key, { signal: stop.signal });
    const chunks = opened!.read()[Symbol.asyncIterator]();
    await chunks.next();
    const next = chunks.next();
    await reached;
    stop.abort();
    await expect(next).rejects.toMatchObject({ kind: 'canceled' });
  });
});

describe('checked: a listing that is not what it says', () => {
  const listing = (...keys: string[]) =>
    over({
      async *list() {
        yield* keys;
      },
    });
  test.for([
    ['out of order', ['b', 'a']],
    ['with a key twice', ['a', 'a']],
  ] as const)('%s fails', async ([, keys]) => {
    await expect(keysOf(listing(...keys))).rejects.toMatchObject({
      kind: 'storage',
      message: expect.stringContaining('listed out of order'),
    });
  });

  test('with a key outside the prefix fails', async () => {
    await expect(keysOf(listing('a/1', 'b/1'), 'a/')).rejects.toMatchObject({ kind: 'storage' });
  });

  test('has what is no key of ours passed over, as in a shared bucket', async () => {
    expect(await keysOf(listing('.hidden', 'a/', 'a/b', 'c d', 'e'))).toEqual(['a/b', 'e']);
  });

  test('is ended when its reader leaves', async () => {
    let ended = false;
    const store = over({
      async *list() {
        try {
          yield 'a';
          yield 'b';
        } finally {
          ended = true;
        }
      },
    });
    for await (const _ of store.list('')) break;
    expect(ended).toBe(true);
  });
});

describe('checked: a body that is none', () => {
  test.for([
    ['a file of a size that is none', { file: 'x', size: -1 }],
    ['a file of an unknown size', { file: 'x', size: Number.NaN }],
    ['a text', 'text' as unknown as Uint8Array],
    ['an object', {} as unknown as Uint8Array],
  ] as const)('%s is a fault of the caller', async ([, body]) => {
    await expect(over({}).put(key, body)).rejects.toMatchObject({ name: 'StoaError', kind: 'internal' });
  });
});
