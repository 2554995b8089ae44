import type { Dirent } from 'node:fs';
import { diskError, type FileOperations, isAbsence } from './disk-files.ts';
import { isKeyElement } from './key.ts';
import type { BlobStore } from './store.ts';

/** What walking a disk store needs. */
export interface DiskWalkerParts {
  readonly root: string;
  readonly files: FileOperations;
  /** Throws unless the folder of the store is where it was. */
  readonly checkRoot: () => Promise<void>;
}

/**
 * The listing of a disk store. It reads one folder at a time, holds the names of those it stands in, and
 * opens none in which no key can begin with the prefix. Names that no key can have are passed over (ours
 * begin with a dot), and so is what is neither a file nor a folder; symbolic links are not followed.
 */
export function createDiskWalker({ root, files, checkRoot }: DiskWalkerParts): Pick<BlobStore, 'list'> {
  /**
   * The names in a folder (with its slash, or empty for the root) that begin with `start`, in the order of
   * their keys.
   */
  async function namesIn(folder: string, start: string): Promise<string[]> {
    let entries: Dirent[];
    try {
      entries = await files.entries(`${root}/${folder}`);
    } catch (error) {
      if (isAbsence(error)) return [];
      throw diskError(`${folder}: cannot be listed`, error);
    }
    const names: string[] = [];
    for (const entry of entries) {
      if (!entry.name.startsWith(start) || !isKeyElement(entry.name)) continue;
      // The slash takes part in the order: a-b/x comes before a/x, and a/x before a0.
      if (entry.isDirectory()) names.push(`${entry.name}/`);
      else if (entry.isFile()) names.push(entry.name);
    }
    return names.sort();
  }

  return {
    async *list(prefix) {
      await checkRoot();
      const cut = prefix.lastIndexOf('/') + 1;
      const folder = prefix.slice(0, cut);
      const open = [{ folder, names: (await namesIn(folder, prefix.slice(cut))).values() }];
      for (let last = open.at(-1); last !== undefined; last = open.at(-1)) {
        const next = last.names.next();
        if (next.done) {
          open.pop();
          continue;
        }
        const key = last.folder + next.value;
        if (key.endsWith('/')) open.push({ folder: key, names: (await namesIn(key, '')).values() });
        else yield key;
      }
    },
  };
}
