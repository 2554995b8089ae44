import { dirname, resolve } from 'node:path';
import { StoaError } from '../errors.ts';
import { type BufferPool, createBufferPool } from './buffer-pool.ts';
import { codeOf, diskError, type FileOperations, isAbsence, newFileFlags, nodeFiles } from './disk-files.ts';
import { createFolders, syncFolder } from './disk-folders.ts';
import { createDiskReader } from './disk-read.ts';
import { createDiskWalker } from './disk-walk.ts';
import { createDiskWriter } from './disk-write.ts';
import { createPoolGate, type PoolGate } from './pool-gate.ts';
import type { BlobStore } from './store.ts';
import { openTempFolder, type TempFolder } from './temp-folder.ts';

export interface DiskStoreOptions {
  /** The folder of the store; made where it is missing. Several processes may share it. */
  readonly root: string;
  /**
   * What writes pass on their way to libuv's threads; shared with everything else that misses hand to them.
   */
  readonly gate?: PoolGate;
  readonly buffers?: BufferPool;
  readonly files?: FileOperations;
}

/** Bytes of a large blob that are read at once: 9 MB in pieces of 1 MiB cost half the CPU of pieces of 64 KiB. */
const readBytes = 1024 * 1024;

/**
 * A store in a folder: keys are file paths below it, so that it can be served by any web server, or used as
 * `GOPROXY=file://…`. Unfinished files lie in `.tmp`, which no key can name; it marks the folder as ours,
 * too: when it is not there, the disk is not, and nothing counts as absent.
 *
 * A key below another (`a/b` and `a/b/c`) is refused with a `storage` error. Throws `storage` when the folder
 * can be neither read nor made, or its file system has no hard links. A full or read-only disk is no obstacle
 * once `.tmp` is there.
 */
export async function openDiskStore(options: DiskStoreOptions): Promise<BlobStore> {
  const { gate = createPoolGate(), files = nodeFiles } = options;
  const { buffers = createBufferPool({ bytes: readBytes, count: 48 }) } = options;
  const root = resolve(options.root);
  const folder = `${root}/.tmp`;

  async function checkRoot(): Promise<void> {
    try {
      await files.statPath(folder);
    } catch (error) {
      if (isAbsence(error))
        throw new StoaError('storage', `${root}: not there any more; is its disk mounted?`);
      throw diskError(`${root}: cannot be read`, error);
    }
  }

  try {
    await makeRoot(files, root);
    const temps = await openTempFolder({ folder, files });
    await checkLinks(files, temps, root);
    const folders = createFolders({ root, files, gate, checkRoot });
    return {
      ...createDiskReader({ root, files, buffers, checkRoot }),
      ...createDiskWriter({ root, files, gate, temps, folders, checkRoot }),
      ...createDiskWalker({ root, files, checkRoot }),
    };
  } catch (error) {
    throw diskError(`${root}: cannot be opened as a store`, error);
  }
}

/** The root and those of the folders above it that are missing, durable. */
async function makeRoot(files: FileOperations, root: string): Promise<void> {
  const first = await files.makeFolders(root);
  if (first === undefined) return;
  for (let made = root; made.length >= first.length; made = dirname(made))
    await syncFolder(files, dirname(made));
}

/**
 * Without hard links nothing can be put only where it is absent. A disk that takes no files now may do so
 * later.
 */
async function checkLinks(files: FileOperations, temps: TempFolder, root: string): Promise<void> {
  const [one, other] = [temps.path(), temps.path()];
  try {
    await files.close(await files.open(one, newFileFlags));
  } catch {
    return;
  }
  try {
    await files.link(one, other);
    await files.unlink(other);
  } catch (error) {
    if (!['EPERM', 'ENOSYS', 'ENOTSUP', 'EOPNOTSUPP'].includes(codeOf(error))) throw error;
    throw new StoaError('storage', `${root}: its file system has no hard links, which a store needs`, {
      cause: error,
    });
  } finally {
    await files.unlink(one);
  }
}
