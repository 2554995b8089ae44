import { codeOf, type FileOperations, nodeFiles } from './disk-files.ts';
import { ownerOf, ownName, type ProcessTable, readProcesses } from './processes.ts';

/** A folder for unfinished files, which several processes may share. */
export interface TempFolder {
  /** A path in the folder that no other process uses either. The caller makes the file and unlinks it. */
  path(): string;
}

export interface TempFolderOptions {
  /** The folder; the one above it exists. It is made where it is missing. */
  readonly folder: string;
  readonly files?: FileOperations;
  readonly processes?: ProcessTable;
  readonly now?: () => number;
}

/**
 * Opens a folder for unfinished files and removes those that a killed process left in it. Every name says
 * whose it is (place, process number, start time), so a file goes when its process has certainly ended, and
 * stays while it certainly runs. What can't be told, since it is of another machine or container, or of this
 * machine before it was started anew, goes when nothing was written to it for an hour: nobody leaves a put
 * that long without a byte. A wrong guess would fail one put with an error, never store a wrong byte, since
 * the link into place finds no file.
 *
 * Throws the file system's error when the folder cannot be made or read; a left-over that cannot be removed
 * stays.
 */
export async function openTempFolder(options: TempFolderOptions): Promise<TempFolder> {
  const { folder, files = nodeFiles, processes = await readProcesses(), now = Date.now } = options;
  await files.makeFolders(folder);
  await sweep(folder, files, processes, now());
  const owner = ownName(processes.self);
  let count = 0;
  return { path: () => `${folder}/${owner}-${++count}` };
}

/** After which what can't be told to be in use is removed. */
const idleMs = 60 * 60 * 1000;

async function sweep(
  folder: string,
  files: FileOperations,
  processes: ProcessTable,
  now: number,
): Promise<void> {
  for (const entry of await files.entries(folder)) {
    const owner = ownerOf(entry.name);
    const state = owner === undefined ? 'unknown' : await processes.state(owner);
    if (state === 'running') continue;
    const path = `${folder}/${entry.name}`;
    try {
      if (state === 'unknown' && now - Number((await files.statPath(path)).mtimeMs) < idleMs) continue;
      await files.unlink(path);
    } catch (error) {
      // Taken away by another process that opens the folder too, or not ours to remove: it only takes room.
      if (codeOf(error) === '') throw error;
    }
  }
}
