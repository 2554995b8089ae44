import { dirname, resolve } from 'node:path';
import { type BufferPool, createBufferPool } from './buffer-pool.ts';
import { loadCache } from './cache-load.ts';
import { formatCacheName } from './cache-name.ts';
import { codeOf, diskError, type FileOperations, nodeFiles } from './disk-files.ts';
import type { Folders } from './disk-folders.ts';
import { createDiskReader } from './disk-read.ts';
import { createDiskWriter } from './disk-write.ts';
import { createPoolGate, type PoolGate } from './pool-gate.ts';
import type { Blob, BlobInfo, Body, GetOptions } from './store.ts';
import { openTempFolder } from './temp-folder.ts';

/**
 * Copies of blobs in a folder, of which the least recently used go when there are too many. All together, with those that are
 * being written and those that are open although they were dropped, never take more than the bound. An open copy is not
 * dropped to make room, so that `Blob.file` is there until the blob is closed. One process uses the folder.
 */
export interface DiskCache {
  /** What is known of a copy, without looking; its identity is a tag. */
  info(key: string): BlobInfo | undefined;
  /** Opens a copy; undefined where there is none, or none that can be read. */
  open(key: string, options?: GetOptions): Promise<Blob | undefined>;
  /**
   * Takes room for a copy that is on its way. Undefined where there is none now: the bound is too small, what could go is open,
   * or it is not known yet what the folder holds; and where such a copy is on its way or there already.
   */
  begin(key: string, size: number): Promise<CacheRoom | undefined>;
  /** Drops the copy, and what is on its way. */
  drop(key: string): Promise<void>;
  /** A path for a file that is made for `publish`. */
  temp(): string;
  /** Fulfilled when it is known what the folder held at the start. */
  readonly loaded: Promise<void>;
  readonly isLoaded: boolean;
  /** Bytes that are taken, as the file system counts them. */
  readonly bytes: number;
  readonly entries: number;
}

/** Room for one copy. */
export interface CacheRoom {
  /** Makes the copy of a whole body, under the tag of its identity; false where it was dropped meanwhile, or has too long a name. */
  publish(tag: string, body: Body): Promise<boolean>;
  /** To be called once: what was written for it elsewhere is gone, and nobody reads it. Without a copy, the room is free again. */
  leave(): void;
}

/** One copy. It takes its room while its file has a name or somebody holds it. */
interface Entry {
  readonly key: string;
  readonly size: number;
  /** Bytes of the bound that it takes. */
  readonly cost: number;
  tag: string;
  name: string;
  hasFile: boolean;
  /** Those that have it open, and who brings it. */
  holds: number;
  dropped: boolean;
}

export interface DiskCacheOptions {
  /** Made where it is missing. */
  readonly folder: string;
  readonly maxBytes: number;
  readonly gate?: PoolGate;
  readonly files?: FileOperations;
  readonly buffers?: BufferPool;
}

/** Files take whole blocks of common file systems. */
const blockBytes = 4096;

/** So many copies are kept in mind at most, which takes a few hundred MB. */
const maxEntries = 500_000;

const readBytes = 1024 * 1024;

/** Opens the folder; what it holds is found out behind. Throws `storage` where it cannot be made or read. */
export async function openDiskCache(options: DiskCacheOptions): Promise<DiskCache> {
  const { maxBytes, gate = createPoolGate(), files = nodeFiles } = options;
  const { buffers = createBufferPool({ bytes: readBytes, count: 48 }) } = options;
  const root = resolve(options.folder);
  const tempFolder = `${root}/.tmp`;
  const temps = await files
    .makeFolders(root)
    .then(() => openTempFolder({ folder: tempFolder, files }))
    .catch((error: unknown) => {
      throw diskError(`${root}: cannot be opened as a cache`, error);
    });
  const checkRoot = async (): Promise<void> => void (await files.statPath(tempFolder));
  const folders = plainFolders(root, files, gate);
  const reader = createDiskReader({ root, files, buffers, checkRoot });
  const writer = createDiskWriter({ root, files, gate, temps, folders, checkRoot });

  /** By key, the least recently used first. */
  const entries = new Map<string, Entry>();
  /** On their way. */
  const coming = new Map<string, Entry>();
  /** What was dropped before it was known whether it is there. */
  const droppedEarly = new Set<string>();
  let bytes = 0;
  let isLoaded = false;

  function makeEntry(key: string, size: number, holds: number): Entry {
    const cost = Math.ceil(size / blockBytes) * blockBytes;
    return { key, size, cost, tag: '', name: '', hasFile: false, holds, dropped: false };
  }

  function settle({ hasFile, holds, cost }: Entry): void {
    if (!hasFile && holds === 0) bytes -= cost;
  }

  function release(entry: Entry): void {
    entry.holds--;
    settle(entry);
  }

  /** Where its file cannot be removed it goes on taking its room. */
  async function removeFile(entry: Entry): Promise<void> {
    const path = `${root}/${entry.name}`;
    await gate
      .run(() => files.unlink(path))
      .catch((error: unknown) => {
        if (codeOf(error) !== 'ENOENT') throw error;
      });
    entry.hasFile = false;
    settle(entry);
    await folders.prune(dirname(path));
  }

  async function remove(entry: Entry): Promise<void> {
    if (entries.get(entry.key) !== entry) return;
    entries.delete(entry.key);
    await removeFile(entry);
  }

  function oldest(): Entry | undefined {
    for (const entry of entries.values()) if (entry.holds === 0) return entry;
    return undefined;
  }

  async function makeRoom(cost: number): Promise<boolean> {
    if (cost > maxBytes) return false;
    while (bytes + cost > maxBytes || entries.size > maxEntries) {
      const victim = oldest();
      if (victim === undefined) return false;
      await remove(victim);
    }
    bytes += cost;
    return true;
  }

  function use(entry: Entry): void {
    entries.delete(entry.key);
    entries.set(entry.key, entry);
  }

  async function publish(entry: Entry, tag: string, body: Body): Promise<boolean> {
    const name = formatCacheName({ key: entry.key, tag });
    if (entry.dropped || name === undefined) return false;
    entry.tag = tag;
    entry.name = name;
    await writer.put(name, body);
    entry.hasFile = true;
    if (entry.dropped) {
      await removeFile(entry);
      return false;
    }
    coming.delete(entry.key);
    use(entry);
    return true;
  }

  function leave(entry: Entry): void {
    if (coming.get(entry.key) === entry) coming.delete(entry.key);
    release(entry);
  }

  async function load(): Promise<void> {
    for (const { name, key, tag, size } of await loadCache({ root, files, checkRoot })) {
      const entry = { ...makeEntry(key, size, 0), tag, name, hasFile: true };
      bytes += entry.cost;
      const other = entries.get(key);
      if (other !== undefined) await remove(other);
      if (droppedEarly.has(key)) await removeFile(entry);
      else entries.set(key, entry);
    }
    isLoaded = true;
    droppedEarly.clear();
    await makeRoom(0);
  }

  const loaded = load();
  loaded.catch(() => undefined);
  return {
    info(key) {
      const entry = entries.get(key);
      return entry && { size: entry.size, identity: entry.tag };
    },
    async open(key, options = {}) {
      const entry = entries.get(key);
      if (entry === undefined) return undefined;
      use(entry);
      entry.holds++;
      try {
        const blob = await reader.get(entry.name, options);
        if (blob?.size === entry.size)
          return held(blob, entry.tag, {
            release: () => release(entry),
            broken: () => void remove(entry).catch(() => undefined),
          });
        await blob?.close();
        await remove(entry);
      } catch {
        // Whoever asks has the store it is a copy of.
      }
      release(entry);
      return undefined;
    },
    async begin(key, size) {
      if (!isLoaded || coming.has(key) || entries.has(key)) return undefined;
      const entry = makeEntry(key, size, 1);
      // At once, so that a drop finds it.
      coming.set(key, entry);
      const hasRoom = await makeRoom(entry.cost).catch(() => false);
      if (!hasRoom) {
        coming.delete(key);
        return undefined;
      }
      return { publish: (tag, body) => publish(entry, tag, body), leave: () => leave(entry) };
    },
    async drop(key) {
      if (!isLoaded) droppedEarly.add(key);
      const arriving = coming.get(key);
      if (arriving !== undefined) arriving.dropped = true;
      coming.delete(key);
      const entry = entries.get(key);
      if (entry !== undefined) await remove(entry);
    },
    temp: temps.path,
    loaded,
    get isLoaded() {
      return isLoaded;
    },
    get bytes() {
      return bytes;
    },
    get entries() {
      return entries.size;
    },
  };
}

/** A blob under the tag it has in the cache, which is held until it is closed; one that cannot be read is `broken`. */
function held(blob: Blob, tag: string, on: { release(): void; broken(): void }): Blob {
  let closing: Promise<void> | undefined;
  function close(): Promise<void> {
    closing ??= blob.close().finally(on.release);
    return closing;
  }
  function watched(chunks: AsyncIterable<Uint8Array>): AsyncIterableIterator<Uint8Array> {
    const iterator = chunks[Symbol.asyncIterator]();
    const failed = (error: unknown): never => {
      on.broken();
      throw error;
    };
    return {
      next: () => iterator.next().catch(failed),
      return: async () => (await iterator.return?.()) ?? { done: true, value: undefined },
      [Symbol.asyncIterator]() {
        return this;
      },
    };
  }
  return {
    ...blob,
    identity: tag,
    read: () => watched(blob.read()),
    readRange: (range) => watched(blob.readRange!(range)),
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** Folders as the cache needs them: what is lost with the machine can be had again. */
function plainFolders(root: string, files: FileOperations, gate: PoolGate): Folders {
  async function make(folder: string): Promise<void> {
    await gate.run(() => files.makeFolders(folder));
  }
  return {
    make,
    prepare: (folder) => make(folder).catch(() => undefined),
    sync: async () => undefined,
    async prune(folder) {
      for (let empty = folder; empty !== root; empty = dirname(empty)) {
        const current = empty;
        try {
          await gate.run(() => files.removeFolder(current));
        } catch {
          return;
        }
      }
    },
  };
}
