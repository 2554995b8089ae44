import type { BigIntStats } from 'node:fs';
import { StoaError } from '../errors.ts';
import type { BufferPool } from './buffer-pool.ts';
import { blobFlags, diskError, type FileOperations, isAbsence } from './disk-files.ts';
import { cutRange } from './range.ts';
import type { Blob, BlobInfo, BlobStore, GetOptions } from './store.ts';
import { createWarmPages } from './warm-pages.ts';

/** What reading a disk store needs. */
export interface DiskReaderParts {
  readonly root: string;
  readonly files: FileOperations;
  readonly buffers: BufferPool;
  /**
   * Throws unless the folder of the store is where it was: nothing is absent from a disk that is not there.
   */
  readonly checkRoot: () => Promise<void>;
}

/**
 * The reading half of a disk store. A get opens the file once and reads it by position, so that a replaced or
 * deleted key changes nothing for it. Only regular files are blobs: a folder is absence, all else (a symbolic
 * link, a pipe) an error.
 */
export function createDiskReader(parts: DiskReaderParts): Pick<BlobStore, 'get' | 'stat'> {
  const { root, files, checkRoot } = parts;

  async function openFile(key: string): Promise<number | undefined> {
    try {
      return await files.open(`${root}/${key}`, blobFlags);
    } catch (error) {
      if (!isAbsence(error)) throw diskError(`${key}: cannot be opened`, error);
      await checkRoot();
      return undefined;
    }
  }

  return {
    async get(key, options = {}) {
      const fd = await openFile(key);
      if (fd === undefined) return undefined;
      try {
        const info = describe(key, await files.stat(fd));
        if (info !== undefined) return openBlob(parts, key, fd, info, options);
      } catch (error) {
        await files.close(fd);
        throw diskError(`${key}: cannot be opened`, error);
      }
      await files.close(fd);
      return undefined;
    },
    async stat(key) {
      try {
        return describe(key, await files.statPath(`${root}/${key}`));
      } catch (error) {
        if (!isAbsence(error)) throw diskError(`${key}: cannot be looked up`, error);
        await checkRoot();
        return undefined;
      }
    },
  };
}

/** Up to this size memory of its own is cheaper than the pool's. */
const smallBytes = 8 * 1024;

/** The largest memory of its own, where the pool has none left. */
const ownBytes = 64 * 1024;

/** Size and identity of a regular file; undefined for a folder. */
function describe(key: string, stats: BigIntStats): BlobInfo | undefined {
  if (stats.isDirectory()) return undefined;
  if (!stats.isFile()) throw new StoaError('storage', `${key}: not a regular file`);
  return {
    size: Number(stats.size),
    identity: `${stats.ino}-${stats.size}-${stats.mtimeNs}-${stats.ctimeNs}`,
  };
}

function openBlob(
  { root, files, buffers }: DiskReaderParts,
  key: string,
  fd: number,
  info: BlobInfo,
  options: GetOptions,
): Blob {
  const warm = createWarmPages(info.size, () => performance.now());
  const lent = new Set<Uint8Array>();
  const reading = new Set<Promise<unknown>>();
  let closing: Promise<void> | undefined;

  /** The memory for a range: of the pool for a large one while it has any, else of its own. */
  function memoryFor(bytes: number): Uint8Array {
    const pooled = bytes > smallBytes ? buffers.take() : undefined;
    if (pooled !== undefined) lent.add(pooled);
    return pooled ?? Buffer.allocUnsafe(Math.min(bytes, ownBytes));
  }

  function giveBack(memory: Uint8Array | undefined): void {
    if (memory !== undefined && lent.delete(memory)) buffers.give(memory);
  }

  function checkOpen(): void {
    if (closing !== undefined) throw new StoaError('internal', `${key}: read after it was closed`);
  }

  /** Undefined where a page of it may have to come from the disk. */
  function readWarm(memory: Uint8Array, wanted: number, position: number): number | undefined {
    if (!warm.has(position, position + wanted)) return undefined;
    try {
      return files.readNow(fd, memory, wanted, position);
    } catch (error) {
      throw diskError(`${key}: cannot be read`, error);
    }
  }

  async function readCold(memory: Uint8Array, wanted: number, position: number): Promise<number> {
    const work = files.read(fd, memory, wanted, position);
    reading.add(work);
    const count = await work
      .catch((error: unknown) => {
        throw diskError(`${key}: cannot be read`, error);
      })
      .finally(() => reading.delete(work));
    // The memory may be another reader's by now.
    checkOpen();
    warm.mark(position, position + count);
    return count;
  }

  async function* readRange(range: GetOptions): AsyncGenerator<Uint8Array> {
    const { start, end } = cutRange(info.size, range);
    let memory: Uint8Array | undefined;
    try {
      for (let position = start; position < end; ) {
        memory ??= memoryFor(end - start);
        const wanted = Math.min(memory.length, end - position);
        // The descriptor may be another file's by now.
        checkOpen();
        const count = readWarm(memory, wanted, position) ?? (await readCold(memory, wanted, position));
        if (count < wanted)
          throw new StoaError('storage', `${key}: ends after ${position + count} of ${info.size} bytes`);
        position += wanted;
        yield memory.subarray(0, wanted);
      }
    } finally {
      giveBack(memory);
    }
  }

  async function release(): Promise<void> {
    await Promise.allSettled(reading);
    for (const memory of lent) giveBack(memory);
    await files.close(fd);
  }

  function close(): Promise<void> {
    closing ??= release();
    return closing;
  }

  const { start, end } = cutRange(info.size, options);
  return {
    ...info,
    file: `${root}/${key}`,
    length: end - start,
    read: () => readRange({ start, end }),
    readRange,
    close,
    [Symbol.asyncDispose]: close,
  };
}
