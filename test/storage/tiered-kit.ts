import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { checked } from '../../src/storage/checked.ts';
import { type DiskCache, type DiskCacheOptions, openDiskCache } from '../../src/storage/disk-cache.ts';
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
