import { mkdir, readdir, readFile, rename, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createTurns, type Turns } from './git-shared.ts';
import type { Layout } from './kept-folders.ts';

/** What the programs of the go command keep of a repository: one command at a time works on it. */
export interface GoCopy {
  /** The folder that the go command takes for `cache/vcs` of its module cache. */
  readonly vcs: string;
  readonly turns: Turns;
  /** Says that a command ran to its end here. */
  settle(): Promise<void>;
  /** Whether one ever did: what was cut off in its beginning would be taken for the whole. */
  isSettled(): Promise<boolean>;
  close(): void;
}

/** The file that says so. Its time tells when the copy was used last. */
export const stateFile = 'state';
const settled = 'settled\n';

/** Milliseconds in which the size of a copy is looked at once at most. */
const measureMs = 60_000;

export const goLayout: Layout = {
  inspect: async (folder) => ((await isSettled(folder)) ? measureCopy(folder) : undefined),
  async make(folder, beside) {
    await mkdir(join(beside, 'vcs'), { recursive: true });
    await writeFile(join(beside, stateFile), 'new\n');
    await rename(beside, folder);
  },
};

/** The copy in a folder that `goLayout` knows; `grew` is told what it takes beyond these bytes. */
export function createCopy(
  folder: string,
  grew: (bytes: number) => void,
  bytes: number,
  now: () => number,
): GoCopy {
  let measured = { at: Number.NEGATIVE_INFINITY, bytes };
  return {
    vcs: join(folder, 'vcs'),
    turns: createTurns(),
    async settle() {
      await writeFile(join(folder, stateFile), settled);
      if (now() - measured.at < measureMs) return;
      const current = { at: now(), bytes: await measureCopy(folder) };
      grew(current.bytes - measured.bytes);
      measured = current;
    },
    isSettled: () => isSettled(folder),
    close: () => undefined,
  };
}

async function isSettled(folder: string): Promise<boolean> {
  return (await readFile(join(folder, stateFile), 'utf8').catch(() => '')) === settled;
}

/** About how many bytes it takes. One file after the other, so that no more than one of Node's threads is taken. */
export async function measureCopy(folder: string): Promise<number> {
  let sum = 0;
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const { blocks } = await stat(join(entry.parentPath, entry.name));
    sum += blocks * 512;
  }
  return sum;
}
