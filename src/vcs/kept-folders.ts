import { createHash, randomBytes } from 'node:crypto';
import { mkdir, readdir, rename, rm, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { localFailure } from './git-failure.ts';

/** A folder in use. */
export interface Lease<T> {
  /** What was opened on it. */
  readonly copy: T;
  /** Takes the folder away, whoever uses it, because it is broken. The next `use` begins with an empty one. */
  discard(): Promise<void>;
  /** Called once, at the end of the use. */
  release(): void;
}

/** Folders with local copies of repositories, kept from one use to the next within a budget. */
export interface KeptFolders<T> {
  /**
   * The folder with this identity, made where there is none or only a half-made one. `open` makes what works on it, where
   * nothing does yet. Throws `storage` when it cannot be made.
   */
  use(identity: string, layout: Layout, open: OpenCopy<T>): Promise<Lease<T>>;
  /** Bytes of all, as far as they were measured. */
  readonly bytes: number;
  readonly count: number;
  /** Closes what is open; when it is fulfilled nothing is written any more. */
  close(): Promise<void>;
}

/** What works on a folder of so many bytes; it tells of each growth, and is closed before the folder goes. */
export type OpenCopy<T> = (folder: string, grew: (bytes: number) => void, bytes: number) => T;

/** What a folder must hold before it is used. */
export interface Layout {
  /** The bytes of a folder that lies there whole; undefined where there is none, or one that should be made anew. */
  inspect(folder: string): Promise<number | undefined>;
  /** Makes an empty one beside its place, and moves it there when it is whole. */
  make(folder: string, beside: string): Promise<void>;
}

export interface KeptFoldersOptions {
  /** Made where it is missing. */
  readonly folder: string;
  /** Of all folders; beyond it those go that were not used for longest. One in use stays. */
  readonly maxBytes: number;
  /** A file that every folder has: its time tells when the folder was used last. */
  readonly mark: string;
  /** About how many bytes a folder takes. */
  readonly measure: (folder: string) => Promise<number>;
  readonly now: () => number;
  /** Told of each that is taken away. */
  readonly removed?: ((reason: 'evicted' | 'broken') => void) | undefined;
}

interface Entry<T> {
  readonly name: string;
  readonly folder: string;
  bytes: number;
  usedAt: number;
  users: number;
  /** Absent until this process uses it. */
  copy?: Promise<T>;
}

/** Folders that are being made, or were taken away. */
const unfinished = /^\.(?:new|gone)-/;

/** Milliseconds in which it is noted on disk at most once that a folder is used. */
const noteMs = 60_000;

export async function openFolders<T extends { close(): void }>({
  folder: root,
  maxBytes,
  mark,
  measure,
  now,
  removed,
}: KeptFoldersOptions): Promise<KeptFolders<T>> {
  const entries = new Map<string, Entry<T>>();
  /** Folders that give their names free. */
  const leaving = new Map<string, Promise<void>>();
  const cleaning = new Set<Promise<void>>();
  let bytes = 0;
  let isClosed = false;

  function clean(path: string): void {
    const work = rm(path, { recursive: true, force: true }).catch(() => undefined);
    cleaning.add(work);
    void work.then(() => cleaning.delete(work));
  }

  function resize(entry: Entry<T>, size: number): void {
    if (entries.get(entry.name) !== entry) return;
    bytes += size - entry.bytes;
    entry.bytes = size;
  }

  /** Its name is free when the promise is fulfilled. */
  async function takeAway(entry: Entry<T>, reason: 'evicted' | 'broken'): Promise<void> {
    if (entries.get(entry.name) !== entry) return;
    removed?.(reason);
    resize(entry, 0);
    entries.delete(entry.name);
    const gone = (async () => {
      const copy = await entry.copy?.catch(() => undefined);
      copy?.close();
      await moveAway(entry.folder);
    })().finally(() => leaving.delete(entry.name));
    leaving.set(entry.name, gone);
    await gone;
  }

  async function moveAway(folder: string): Promise<void> {
    const away = join(root, `.gone-${randomBytes(8).toString('hex')}`);
    try {
      await rename(folder, away);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
      throw localFailure(error);
    }
    clean(away);
  }

  function trim(): void {
    if (isClosed || bytes <= maxBytes) return;
    const unused = [...entries.values()].filter(({ users }) => users === 0);
    for (const entry of unused.sort((a, b) => a.usedAt - b.usedAt)) {
      if (bytes <= maxBytes) return;
      // What cannot be taken away now is found again at the next start.
      takeAway(entry, 'evicted').catch(() => undefined);
    }
  }

  async function prepare(entry: Entry<T>, layout: Layout, open: OpenCopy<T>): Promise<T> {
    try {
      const found = await layout.inspect(entry.folder);
      if (found === undefined) {
        await moveAway(entry.folder);
        await layout.make(entry.folder, join(root, `.new-${randomBytes(8).toString('hex')}`));
      }
      resize(entry, found ?? 0);
    } catch (error) {
      throw localFailure(error);
    }
    return open(entry.folder, (grown) => resize(entry, entry.bytes + grown), entry.bytes);
  }

  function release(entry: Entry<T>): void {
    const time = now();
    if (time - entry.usedAt > noteMs)
      utimes(join(entry.folder, mark), time / 1000, time / 1000).catch(() => undefined);
    entry.usedAt = time;
    entry.users--;
    trim();
  }

  /** Sizes of what lay here at the start; until they are known the budget can be overrun. */
  async function measureAll(): Promise<void> {
    for (const entry of [...entries.values()]) {
      if (isClosed) return;
      const size = await measure(entry.folder).catch(() => 0);
      if (entry.copy === undefined) resize(entry, size);
    }
    trim();
  }

  await mkdir(root, { recursive: true });
  for (const name of await readdir(root)) {
    const folder = join(root, name);
    if (unfinished.test(name)) clean(folder);
    if (!/^[0-9a-f]{64}$/.test(name)) continue;
    const used = await stat(join(folder, mark)).catch(() => undefined);
    entries.set(name, { name, folder, bytes: 0, usedAt: used?.mtimeMs ?? 0, users: 0 });
  }
  const measured = measureAll();

  return {
    async use(identity, layout, open) {
      const name = createHash('sha256').update(identity).digest('hex');
      while (leaving.has(name)) await leaving.get(name);
      const entry = entries.get(name) ?? { name, folder: join(root, name), bytes: 0, usedAt: 0, users: 0 };
      entries.set(name, entry);
      entry.users++;
      entry.copy ??= prepare(entry, layout, open);
      try {
        const copy = await entry.copy;
        return { copy, discard: () => takeAway(entry, 'broken'), release: () => release(entry) };
      } catch (error) {
        entry.users--;
        if (entries.get(name) === entry) entries.delete(name);
        throw error;
      }
    },
    get bytes() {
      return bytes;
    },
    get count() {
      return entries.size;
    },
    async close() {
      isClosed = true;
      for (const { copy } of entries.values()) (await copy?.catch(() => undefined))?.close();
      await Promise.all([measured, ...leaving.values(), ...cleaning]);
    },
  };
}
