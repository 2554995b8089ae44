import { StoaError } from '../errors.ts';
import { readBody } from './body.ts';
import { cutRange } from './range.ts';
import type { Blob, BlobInfo, BlobStore, Body, GetOptions } from './store.ts';

export interface MemoryStoreOptions {
  /** Bytes that all blobs together may have; a put beyond them throws `storage`. 256 MiB by default. */
  readonly maxBytes?: number;
}

/**
 * A store that is gone with its process: for tests, and for trying Stoa out. Like the disk store it refuses a
 * key below another with a `storage` error.
 */
export function createMemoryStore({ maxBytes = 256 * 1024 * 1024 }: MemoryStoreOptions = {}): BlobStore {
  const blobs = new Map<string, Stored>();
  /** How many blobs lie below each folder. */
  const folders = new Map<string, number>();
  /** Of the blobs and of what is being put. */
  let bytesHeld = 0;
  let generation = 0;

  function insert(key: string, bytes: Uint8Array): void {
    if (folders.has(key))
      throw new StoaError('storage', `${key}: cannot be stored: a folder of other blobs is in its place`);
    const above = foldersOf(key);
    if (above.some((folder) => blobs.has(folder)))
      throw new StoaError('storage', `${key}: cannot be stored: a blob is in the place of its folder`);
    const replaced = blobs.get(key);
    if (replaced === undefined)
      for (const folder of above) folders.set(folder, (folders.get(folder) ?? 0) + 1);
    bytesHeld -= replaced?.size ?? 0;
    blobs.set(key, { bytes, size: bytes.length, identity: `${++generation}-${bytes.length}` });
  }

  function remove(key: string): void {
    const blob = blobs.get(key);
    if (blob === undefined) return;
    blobs.delete(key);
    bytesHeld -= blob.size;
    for (const folder of foldersOf(key)) {
      const left = folders.get(folder)! - 1;
      if (left > 0) folders.set(folder, left);
      else folders.delete(folder);
    }
  }

  /** A copy of the body, whose owner may use its memory again; held until it is stored or dropped. */
  async function collect(key: string, body: Body): Promise<Uint8Array> {
    const chunks: Uint8Array[] = [];
    let size = 0;
    try {
      for await (const chunk of readBody(body)) {
        if (bytesHeld + chunk.length > maxBytes)
          throw new StoaError('storage', `${key}: cannot be stored: memory store full`);
        bytesHeld += chunk.length;
        size += chunk.length;
        chunks.push(Uint8Array.from(chunk));
      }
    } catch (error) {
      bytesHeld -= size;
      throw error;
    }
    return Buffer.concat(chunks, size);
  }

  return {
    async get(key, options = {}) {
      const stored = blobs.get(key);
      return stored === undefined ? undefined : openBytes(stored, options);
    },
    async stat(key) {
      const stored = blobs.get(key);
      return stored === undefined ? undefined : { size: stored.size, identity: stored.identity };
    },
    async put(key, body, { ifAbsent = false } = {}) {
      const bytes = await collect(key, body);
      let stored = false;
      try {
        if (!ifAbsent || !blobs.has(key)) {
          insert(key, bytes);
          stored = true;
        }
      } finally {
        if (!stored) bytesHeld -= bytes.length;
      }
      return stored;
    },
    async delete(key) {
      remove(key);
    },
    async *list(prefix) {
      // Keys are ASCII, so that this is the order of their bytes.
      yield* [...blobs.keys()].filter((key) => key.startsWith(prefix)).sort();
    },
  };
}

/** Bytes in memory, and what is known of them as a blob. */
export interface Stored extends BlobInfo {
  readonly bytes: Uint8Array;
}

/** A blob that is in memory. */
export function openBytes({ bytes, size, identity }: Stored, options: GetOptions): Blob {
  const { start, end } = cutRange(size, options);
  async function* readRange(range: GetOptions): AsyncGenerator<Uint8Array> {
    const { start, end } = cutRange(size, range);
    for (let position = start; position < end; position += chunkBytes)
      yield bytes.subarray(position, Math.min(position + chunkBytes, end));
  }
  async function close(): Promise<void> {}
  return {
    size,
    identity,
    length: end - start,
    read: () => readRange({ start, end }),
    readRange,
    close,
    [Symbol.asyncDispose]: close,
  };
}

const chunkBytes = 1024 * 1024;

/** `a` and `a/b` for `a/b/c`. */
function foldersOf(key: string): string[] {
  const folders: string[] = [];
  for (let at = key.indexOf('/'); at !== -1; at = key.indexOf('/', at + 1)) folders.push(key.slice(0, at));
  return folders;
}
