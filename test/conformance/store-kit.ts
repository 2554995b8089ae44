import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BlobStore, FileBody, GetOptions } from '../../src/storage/store.ts';

/** Bytes that differ from place to place and from seed to seed. */
export function pattern(size: number, seed = 1): Buffer {
  const bytes = Buffer.alloc(size);
  let state = seed >>> 0;
  for (let i = 0; i < size; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    bytes[i] = state >>> 24;
  }
  return bytes;
}

/** The key of most cases, and two contents of several chunks. */
export const key = 'example.com/m/@v/v1.0.0.zip';
export const one = pattern(3 * 1024 * 1024 + 17, 1);
export const two = pattern(2 * 1024 * 1024 + 5, 2);

/**
 * The bytes as a stream in chunks of uneven sizes, all in the same memory, as a store's own `read` may yield
 * them.
 */
export async function* reusing(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  const memory = Buffer.alloc(100_000);
  for (let at = 0, turn = 0; at < bytes.length; turn++) {
    const part = bytes.subarray(at, at + [1, 70_000, 4_096, 100_000][turn % 4]!);
    memory.set(part);
    yield memory.subarray(0, part.length);
    memory.fill(0xee);
    at += part.length;
  }
}

/** What the iterable yields, copied chunk by chunk. */
export async function collect(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const copies: Buffer[] = [];
  for await (const chunk of chunks) copies.push(Buffer.from(chunk));
  return Buffer.concat(copies);
}

/** A blob's bytes; undefined where it is absent. */
export async function read(store: BlobStore, key: string, options?: GetOptions): Promise<Buffer | undefined> {
  await using blob = await store.get(key, options);
  return blob === undefined ? undefined : await collect(blob.read());
}

/** The keys that are listed. */
export async function keysOf(store: BlobStore, prefix = ''): Promise<string[]> {
  const keys: string[] = [];
  for await (const key of store.list(prefix)) keys.push(key);
  return keys;
}

/** Runs the work on every item, `width` at a time. */
export async function each<T>(items: Iterable<T>, width: number, work: (item: T) => Promise<unknown>) {
  const rest = items[Symbol.iterator]();
  const lane = async () => {
    for (let next = rest.next(); !next.done; next = rest.next()) await work(next.value);
  };
  await Promise.all(Array.from({ length: width }, lane));
}

/** A folder that is gone at the end of the scope. */
export async function openFolder(parent = tmpdir()): Promise<{ path: string } & AsyncDisposable> {
  const path = await mkdtemp(join(parent, 'stoa-store-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

/** A finished file in the folder, as a body. */
export async function fileBody(folder: string, name: string, bytes: Uint8Array): Promise<FileBody> {
  const file = join(folder, name);
  await writeFile(file, bytes);
  return { file, size: bytes.length };
}

/** A stream that yields the bytes and then nothing until it is told to go on, or for ever. */
export function pausing(first: Uint8Array, rest?: Uint8Array) {
  const reached = Promise.withResolvers<void>();
  const resume = Promise.withResolvers<void>();
  async function* chunks(): AsyncGenerator<Uint8Array> {
    yield first;
    reached.resolve();
    await resume.promise;
    if (rest !== undefined) yield rest;
  }
  return { body: chunks(), reached: reached.promise, resume: resume.resolve };
}
