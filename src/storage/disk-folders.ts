import { constants } from 'node:fs';
import { dirname } from 'node:path';
import { codeOf, type FileOperations } from './disk-files.ts';
import type { PoolGate } from './pool-gate.ts';
import { allSettled } from './settled.ts';

/** What keeping folders needs. */
export interface FolderParts {
  readonly root: string;
  readonly files: FileOperations;
  readonly gate: PoolGate;
  /** Throws unless the folder of the store is where it was. */
  readonly checkRoot: () => Promise<void>;
}

/** The folders of a disk store: made when a blob needs them, durable before it is, removed when they are empty. */
export interface Folders {
  make(folder: string): Promise<void>;
  /**
   * Makes a folder that is not known to be there, and begins to make it durable, beside the writing of the blob it is for.
   * Never fails: what is in the way is met again when the blob gets its name.
   */
  prepare(folder: string): Promise<void>;
  /** Makes durable what lies in the folder, and that the folder and those above it are there at all. */
  sync(folder: string): Promise<void>;
  /**
   * Removes the folder and those above it while they are empty, as far as it gets; what is gone is durably
   * gone. Never removes the root.
   */
  prune(folder: string): Promise<void>;
}

/**
 * A folder counts as durable only when this process has synced the one above it: that it exists says nothing,
 * since another put, or another process that was killed, may have made it a moment ago. It is remembered for
 * the folders used last, so that a put into a known folder costs one fsync of a folder.
 */
export function createFolders({ root, files, gate, checkRoot }: FolderParts): Folders {
  const durable = new Map<string, Promise<void>>();

  async function syncEntries(folder: string): Promise<void> {
    await gate.run(() => syncFolder(files, folder));
  }

  /** That the folder above has an entry for this one, synced once. */
  function entryOf(folder: string): Promise<void> {
    const known = durable.get(folder);
    if (known !== undefined) return known;
    const synced = syncEntries(dirname(folder)).catch((error: unknown) => {
      durable.delete(folder);
      throw error;
    });
    durable.set(folder, synced);
    const [oldest] = durable.keys();
    if (durable.size > maxRemembered && oldest !== undefined) durable.delete(oldest);
    return synced;
  }

  function chain(folder: string): string[] {
    const folders: string[] = [];
    for (let current = folder; current !== root; current = dirname(current)) folders.push(current);
    return folders;
  }

  async function make(folder: string): Promise<void> {
    // Else a root that was unmounted would be made anew, below its mount point.
    await gate.run(checkRoot);
    const first = await gate.run(() => files.makeFolders(folder));
    if (first === undefined) return;
    for (const made of chain(folder)) if (made.length >= first.length) durable.delete(made);
  }

  return {
    make,
    async prepare(folder) {
      if (durable.has(folder)) return;
      try {
        await make(folder);
        for (const made of chain(folder)) entryOf(made).catch(() => undefined);
      } catch {
        // The blob says it, when it finds no folder.
      }
    },
    async sync(folder) {
      await allSettled([syncEntries(folder), ...chain(folder).map(entryOf)]);
    },
    async prune(folder) {
      let current = folder;
      for (; current !== root; current = dirname(current)) {
        const empty = current;
        // Before it is gone: another put may make it anew, and must not take it for durable.
        durable.delete(empty);
        const removed = await gate
          .run(() => files.removeFolder(empty))
          .then(
            () => true,
            () => false,
          );
        if (!removed) break;
      }
      await syncEntries(current);
    },
  };
}

/** Folders known to be durable; one that is forgotten costs another fsync. */
const maxRemembered = 10_000;

/** Makes the entries of a folder durable. A folder that is gone has none. */
export async function syncFolder(files: FileOperations, folder: string): Promise<void> {
  let fd: number;
  try {
    fd = await files.open(folder, constants.O_RDONLY | constants.O_DIRECTORY);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return;
    throw error;
  }
  try {
    await files.sync(fd);
  } catch (error) {
    // Some network file systems have no such call, and need none.
    if (codeOf(error) !== 'EINVAL') throw error;
  } finally {
    await files.close(fd);
  }
}
