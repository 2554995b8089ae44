import type { BigIntStats } from 'node:fs';
import { StoaError } from '../errors.ts';
import type { BufferPool } from './buffer-pool.ts';
import { blobFlags, diskError, type FileOperations, isAbsence } from './disk-files.ts';
import { cutRange } from './range.ts';
import type { Blob, BlobInfo, BlobStore, GetOptions } from './store.ts';

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

/** Blobs up to this size are read in one go into memory of their own. */
const smallBytes = 64 * 1024;

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
  const { start, end } = cutRange(info.size, options);
  let pooled: Uint8Array | undefined;
  let own: Uint8Array | undefined;
  let reading: Promise<number> | undefined;
  let closing: Promise<void> | undefined;

  /** The memory for the next piece: of the pool for a large blob while it has any, else of its own. */
  function memoryFor(bytes: number): Uint8Array {
    if (pooled === undefined && own === undefined) {
      if (bytes > smallBytes) pooled = buffers.take();
      if (pooled === undefined) own = Buffer.allocUnsafe(Math.min(bytes, smallBytes));
    }
    return (pooled ?? own)!;
  }

  function checkOpen(): void {
    if (closing !== undefined) throw new StoaError('internal', `${key}: read after it was closed`);
  }

  async function* read(): AsyncGenerator<Uint8Array> {
    for (let position = start; position < end; ) {
      // The descriptor may be another file's by now.
      checkOpen();
      const memory = memoryFor(end - position);
      const wanted = Math.min(memory.length, end - position);
      reading = files.read(fd, memory, wanted, position);
      const count = await reading.catch((error: unknown) => {
        throw diskError(`${key}: cannot be read`, error);
      });
      // The memory may be another reader's by now.
      checkOpen();
      if (count < wanted)
        throw new StoaError('storage', `${key}: ends after ${position + count} of ${info.size} bytes`);
      position += count;
      yield memory.subarray(0, count);
    }
  }

  async function release(): Promise<void> {
    await reading?.catch(() => undefined);
    if (pooled !== undefined) buffers.give(pooled);
    await files.close(fd);
  }

  function close(): Promise<void> {
    closing ??= release();
    return closing;
  }

  return { ...info, file: `${root}/${key}`, length: end - start, read, close, [Symbol.asyncDispose]: close };
}
