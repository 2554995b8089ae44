import { dirname } from 'node:path';
import { StoaError } from '../errors.ts';
import { checkBodySize, isFileBody, readBody } from './body.ts';
import { blobFlags, codeOf, diskError, type FileOperations, isAbsence, newFileFlags } from './disk-files.ts';
import type { Folders } from './disk-folders.ts';
import type { PoolGate } from './pool-gate.ts';
import { allSettled } from './settled.ts';
import type { BlobStore, Body, FileBody } from './store.ts';
import type { TempFolder } from './temp-folder.ts';

/** What writing a disk store needs. */
export interface DiskWriterParts {
  readonly root: string;
  readonly files: FileOperations;
  readonly gate: PoolGate;
  readonly temps: TempFolder;
  readonly folders: Folders;
  /** Throws unless the folder of the store is where it was. */
  readonly checkRoot: () => Promise<void>;
}

/**
 * The writing half of a disk store. A put makes a whole and durable file under a temporary name, links it
 * into place (`ifAbsent`) or renames it, and syncs the folder. A finished file is linked, never copied,
 * unless it is on another file system. Once the blob is in place, an abort comes too late, and a failing
 * fsync of the folder throws although readers see the blob: taking it away again could take it from one who
 * was told that it is there.
 */
export function createDiskWriter(parts: DiskWriterParts): Pick<BlobStore, 'put' | 'delete'> {
  const { root, files, gate, temps, folders, checkRoot } = parts;

  /**
   * Gives the blob its name; false where that is taken. Its folder may vanish until then: deletes remove
   * empty ones.
   */
  async function publish(temp: string, key: string, ifAbsent: boolean): Promise<boolean> {
    const path = `${root}/${key}`;
    for (let tries = 1; ; tries++) {
      try {
        await gate.run(() => (ifAbsent ? files.link(temp, path) : files.rename(temp, path)));
        return true;
      } catch (error) {
        if (ifAbsent && codeOf(error) === 'EEXIST') {
          // A folder of other blobs takes the name as well as a blob does.
          if (await isFolder(path))
            throw new StoaError(
              'storage',
              `${key}: cannot be stored: a folder of other blobs is in its place`,
            );
          return false;
        }
        if (codeOf(error) !== 'ENOENT' || tries === maxTries) throw error;
      }
      await folders.make(dirname(path));
    }
  }

  /** Makes the whole file, and beside it the folder, then gives the blob its name. */
  async function place(
    temp: string,
    key: string,
    body: Body,
    ifAbsent: boolean,
    signal: AbortSignal | undefined,
  ): Promise<boolean> {
    const folder = dirname(`${root}/${key}`);
    await allSettled([stage(parts, temp, body, signal), folders.prepare(folder)]);
    if (signal?.aborted) throw new StoaError('canceled', 'canceled', { cause: signal.reason });
    return publish(temp, key, ifAbsent);
  }

  async function isFolder(path: string): Promise<boolean> {
    const found = await gate.run(() => files.statPath(path)).catch(() => undefined);
    return found?.isDirectory() ?? false;
  }

  /** Also after a rename: one between two names of the same file leaves both. */
  async function remove(temp: string): Promise<void> {
    await gate
      .run(() => files.unlink(temp))
      .catch((error: unknown) => {
        if (codeOf(error) !== 'ENOENT') throw error;
      });
  }

  return {
    async put(key, body, { ifAbsent = false, signal } = {}) {
      const folder = dirname(`${root}/${key}`);
      const temp = temps.path();
      try {
        const stored = await place(temp, key, body, ifAbsent, signal).catch(async (error: unknown) => {
          await folders.prune(folder).catch(() => undefined);
          throw error;
        });
        // Where it was there, too: who is told so goes on as if it had stored it.
        await allSettled([remove(temp), folders.sync(folder)]);
        return stored;
      } catch (error) {
        // What cannot be removed now is removed when the store is opened the next time.
        await remove(temp).catch(() => undefined);
        if (isAbsence(error)) await gate.run(checkRoot);
        throw diskError(`${key}: cannot be stored`, error);
      }
    },
    async delete(key) {
      const path = `${root}/${key}`;
      try {
        await gate.run(() => files.unlink(path));
        await folders.prune(dirname(path));
      } catch (error) {
        if (isAbsence(error) || (await isFolder(path))) return;
        throw diskError(`${key}: cannot be deleted`, error);
      }
    },
  };
}

/**
 * How often a put looks for its folder. Each time takes a delete that emptied it in the moment between making
 * and linking.
 */
const maxTries = 100;

/** Makes a whole and durable file of the body under a temporary name. */
async function stage(parts: DiskWriterParts, temp: string, body: Body, signal?: AbortSignal): Promise<void> {
  const { files, gate } = parts;
  if (body instanceof Uint8Array) {
    await gate.run(async () => {
      const fd = await files.open(temp, newFileFlags);
      try {
        await files.write(fd, body);
        await files.syncData(fd);
      } finally {
        await files.close(fd);
      }
    }, signal);
  } else if (!isFileBody(body) || !(await gate.run(() => stageLink(parts, temp, body), signal))) {
    await stageCopy(parts, temp, body, signal);
  }
}

/** Takes a finished file by another name; false where it can only be copied. */
async function stageLink(
  { files, checkRoot }: DiskWriterParts,
  temp: string,
  body: FileBody,
): Promise<boolean> {
  try {
    await files.link(body.file, temp);
  } catch (error) {
    // Another file system; too many names; a file of somebody else's (fs.protected_hardlinks).
    if (['EXDEV', 'EMLINK', 'EPERM'].includes(codeOf(error))) return false;
    if (isAbsence(error)) await checkRoot();
    throw diskError(`${body.file}: cannot be linked`, error);
  }
  const fd = await files.open(temp, blobFlags);
  try {
    const found = await files.stat(fd);
    if (!found.isFile()) throw new StoaError('storage', `${body.file}: not a regular file`);
    checkBodySize(body, Number(found.size));
    await files.syncData(fd);
  } finally {
    await files.close(fd);
  }
  return true;
}

/** Copies a body, holding no place of the gate while it waits for the next chunk. */
async function stageCopy(
  { files, gate }: DiskWriterParts,
  temp: string,
  body: Body,
  signal?: AbortSignal,
): Promise<void> {
  const fd = await gate.run(() => files.open(temp, newFileFlags), signal);
  try {
    for await (const chunk of readBody(body, gate)) await gate.run(() => files.write(fd, chunk), signal);
    await gate.run(() => files.syncData(fd), signal);
  } finally {
    await gate.run(() => files.close(fd));
  }
}
