import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** A process of this machine. */
interface Seen {
  readonly pid: number;
  /** Its arguments. */
  readonly command: readonly string[];
  readonly environment: readonly string[];
}

/** The processes that run on behalf of the local copies in a folder: those that have a home in it. */
export async function processesOf(folder: string): Promise<Seen[]> {
  const found: Seen[] = [];
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    const read = (file: string) => readFile(join('/proc', pid, file), 'latin1').catch(() => '');
    const environment = (await read('environ')).split('\0');
    if (!environment.some((variable) => variable.startsWith(`HOME=${folder}/`))) continue;
    found.push({ pid: Number(pid), command: (await read('cmdline')).split('\0').slice(0, -1), environment });
  }
  return found;
}
