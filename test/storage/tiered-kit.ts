import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { StoaError } from '../../src/errors.ts';
import { checked } from '../../src/storage/checked.ts';
import { type DiskCache, type DiskCacheOptions, openDiskCache } from '../../src/storage/disk-cache.ts';
import { createMemoryStore } from '../../src/storage/memory.ts';
import type { BlobStore } from '../../src/storage/store.ts';
import { createTieredStore, type TieredStore } from '../../src/storage/tiered.ts';

export interface Tiered extends TieredStore {
  readonly cache: DiskCache;
}

/** A remote behind a cache in the folder, as it is used. */
export async function openTiered(
  remote: BlobStore,
  folder: string,
  options: Partial<DiskCacheOptions> = {},
): Promise<Tiered> {
  const cache = await openDiskCache({ folder, maxBytes: 64 * 1024 * 1024, ...options });
  const tiered = createTieredStore({ remote, cache, ...(options.files && { files: options.files }) });
  return { ...tiered, store: checked(tiered.store), cache };
}

/** Files that are no copies, and folders that hold none, in the folder of a cache. */
export async function cacheLeftOvers(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const temporary = join(folder, '.tmp');
  const full = new Set(entries.map((entry) => entry.parentPath));
  return entries
    .filter((entry) => entry.parentPath === temporary || entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => path !== temporary && !full.has(path));
}

/** A remote that tells what it was asked, and may be down. */
export function watchedRemote() {
  const asked: string[] = [];
  const inner = checked(createMemoryStore());
  let isDown = false;
  const ask = (what: string): void => {
    asked.push(what);
    if (isDown) throw new StoaError('storage', `${what}: connect ECONNREFUSED`);
  };
  const store: BlobStore = {
    async get(key, options) {
      ask(`get ${key}`);
      return inner.get(key, options);
    },
    async stat(key, options) {
      ask(`stat ${key}`);
      return inner.stat(key, options);
    },
    async put(key, body, options) {
      ask(`put ${key}`);
      return inner.put(key, body, options);
    },
    async delete(key, options) {
      ask(`delete ${key}`);
      return inner.delete(key, options);
    },
    async *list(prefix, options) {
      ask(`list ${prefix}`);
      yield* inner.list(prefix, options);
    },
  };
  return {
    store,
    inner,
    /** What was asked since the last time. */
    asked: () => asked.splice(0),
    goDown() {
      isDown = true;
    },
  };
}

export type WatchedRemote = ReturnType<typeof watchedRemote>;

/** The bytes of all files in the folder as the file system counts them, those that somebody has open by no name excluded. */
export async function bytesOnDisk(path: string): Promise<number> {
  const entries = await readdir(path, { recursive: true, withFileTypes: true });
  const sizes = entries
    .filter((entry) => entry.isFile())
    .map((entry) => stat(join(entry.parentPath, entry.name)).catch(() => undefined));
  // A file of two names is there once.
  const files = new Map((await Promise.all(sizes)).map((file) => [file?.ino, file?.size ?? 0]));
  return [...files.values()].reduce((sum, size) => sum + Math.ceil(size / 4096) * 4096, 0);
}
