import { expect, test } from 'vitest';
import { checked } from '../../src/storage/checked.ts';
import { createMemoryStore } from '../../src/storage/memory.ts';
import type { BlobStore } from '../../src/storage/store.ts';
import { storeSuite } from '../conformance/store.ts';
import { pattern, pausing, read } from '../conformance/store-kit.ts';

async function open() {
  const memory = createMemoryStore();
  let forbidden: string | undefined;
  const refuse = (key: string) => {
    if (key === forbidden) throw new Error('permission denied');
  };
  const backend: BlobStore = {
    ...memory,
    async get(key, options) {
      refuse(key);
      return memory.get(key, options);
    },
    async stat(key) {
      refuse(key);
      return memory.stat(key);
    },
  };
  return {
    store: checked(backend),
    async forbid(key: string) {
      forbidden = key;
      return async () => {
        forbidden = undefined;
      };
    },
    leftOvers: async () => [],
    close: async () => undefined,
  };
}

storeSuite('memory', open, { nesting: 'refused' });

test('a full memory store takes no more, says so, and goes on when there is room again', async () => {
  const store = checked(createMemoryStore({ maxBytes: 1000 }));
  await store.put('a', pattern(600));
  const full = { kind: 'storage', message: 'b: cannot be stored: memory store full' };
  await expect(store.put('b', pattern(401))).rejects.toMatchObject(full);
  expect(await store.put('b', pattern(400))).toBe(true);
  await expect(store.put('b', pattern(1))).rejects.toMatchObject(full);
  await store.delete('a');
  expect(await store.put('c', pattern(600), { ifAbsent: true })).toBe(true);
});

test('what is being put counts as long as it is being put', async () => {
  const store = checked(createMemoryStore({ maxBytes: 1000 }));
  const { body, reached, resume } = pausing(pattern(800), pattern(100));
  const put = store.put('a', body);
  await reached;
  await expect(store.put('b', pattern(300))).rejects.toMatchObject({ kind: 'storage' });
  resume();
  await put;
  // A put that fails, or is refused, gives its room back.
  async function* broken(): AsyncGenerator<Uint8Array> {
    yield pattern(50);
    throw new Error('connection reset');
  }
  await expect(store.put('b', broken())).rejects.toThrow('connection reset');
  await expect(store.put('a', pattern(50), { ifAbsent: true })).resolves.toBe(false);
  await expect(store.put('a/b', pattern(50))).rejects.toMatchObject({ kind: 'storage' });
  expect(await store.put('b', pattern(100))).toBe(true);
  expect((await read(store, 'a'))!.length).toBe(900);
});
