import { chmod, readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { checked } from '../../src/storage/checked.ts';
import { type DiskStoreOptions, openDiskStore } from '../../src/storage/disk.ts';
import { type FileOperations, nodeFiles } from '../../src/storage/disk-files.ts';
import type { BlobStore } from '../../src/storage/store.ts';

/** A disk store as it is used. */
export async function openChecked(options: DiskStoreOptions): Promise<BlobStore> {
  return checked(await openDiskStore(options));
}

/** One operation on the file system; `path` is the file, or the folder, that it makes, changes or syncs. */
export interface Call {
  readonly operation: keyof FileOperations;
  readonly path: string;
}

/** The real file system, watched. */
export interface WatchedFiles {
  readonly files: FileOperations;
  /** Every call so far, in the order in which they were fulfilled. */
  readonly calls: Call[];
  /** Files that are open now. */
  readonly open: Map<number, string>;
  /** The most operations that ran at a time. */
  readonly busiest: () => number;
}

/**
 * `before` is called with every operation that begins: it may wait, and the code it answers is what the
 * operation fails with instead.
 */
export function watchFiles(
  before: (call: Call) => string | undefined | Promise<undefined> = () => undefined,
): WatchedFiles {
  const calls: Call[] = [];
  const open = new Map<number, string>();
  let running = 0;
  let most = 0;

  async function run(operation: keyof FileOperations, args: unknown[]): Promise<unknown> {
    const subject = args[operation === 'link' || operation === 'rename' ? 1 : 0];
    const path = typeof subject === 'number' ? open.get(subject)! : String(subject);
    running++;
    most = Math.max(most, running);
    try {
      const code = await before({ operation, path });
      if (code !== undefined) throw Object.assign(new Error(`${code}: injected, ${operation}`), { code });
      if (operation === 'close') open.delete(subject as number);
      const result: unknown = await Reflect.apply(nodeFiles[operation], undefined, args);
      if (operation === 'open') open.set(result as number, path);
      calls.push({ operation, path });
      return result;
    } finally {
      running--;
    }
  }

  const names = Object.keys(nodeFiles) as (keyof FileOperations)[];
  const files = Object.fromEntries(names.map((name) => [name, (...args: unknown[]) => run(name, args)]));
  return { files: files as unknown as FileOperations, calls, open, busiest: () => most };
}

/** Unfinished files, and folders that hold nothing, in a disk store. */
export async function leftOvers(root: string): Promise<string[]> {
  const temporary = await readdir(join(root, '.tmp'));
  const entries = await readdir(root, { recursive: true, withFileTypes: true });
  const full = new Set(entries.map((entry) => entry.parentPath));
  const folders = entries
    .filter((entry) => entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name));
  return [...temporary, ...folders.filter((path) => !full.has(path) && path !== join(root, '.tmp'))];
}

/**
 * Takes the permission to look into the folder of a file, from the administrator, too, by being somebody else
 * for a while.
 */
export async function forbidFolder(path: string): Promise<() => Promise<void>> {
  const folder = dirname(path);
  await chmod(folder, 0o000);
  const administrator = process.geteuid?.() === 0;
  if (administrator) process.seteuid?.(65_534);
  return async () => {
    if (administrator) process.seteuid?.(0);
    await chmod(folder, 0o755);
  };
}
