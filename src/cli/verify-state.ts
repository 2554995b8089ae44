import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';

/** What a verification counts. */
export interface VerifyCounts {
  readonly versions: number;
  /** Of the content of zips, inflated. */
  readonly bytes: number;
  readonly bad: number;
  readonly purged: number;
  /** Versions of which it could not be told whether all is right. */
  readonly unchecked: number;
  /** Good ones, by what they were held against. */
  readonly database: number;
  readonly hash: number;
  readonly unasked: number;
  /** Milliseconds of work. */
  readonly ms: number;
}

/** How far a verification has come that is not done. */
export interface VerifyState {
  readonly started: string;
  readonly patterns: string;
  readonly offline: boolean;
  readonly purge: boolean;
  readonly backup: string;
  /** The place of the last version that is done. */
  readonly after: string;
  readonly counts: VerifyCounts;
}

/** The state in a file; undefined where there is none. Throws for a file that is none. */
export async function readState(file: string): Promise<VerifyState | undefined> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  const state = JSON.parse(text) as VerifyState;
  if (typeof state.after !== 'string' || typeof state.counts?.versions !== 'number')
    throw new Error(`${file}: not the state of a verification`);
  return state;
}

/** Replaces it in one step. */
export async function writeState(file: string, state: VerifyState): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  await writeFile(`${file}.new`, `${JSON.stringify(state)}\n`);
  await rename(`${file}.new`, file);
}

/** Removes it, where there is one. */
export async function removeState(file: string): Promise<void> {
  await rm(file, { force: true });
}
