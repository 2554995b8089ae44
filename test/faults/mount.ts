import { spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A small file system of its own. */
export interface Mount extends AsyncDisposable {
  readonly path: string;
  remount(mode: 'ro' | 'rw'): void;
}

/** Whether this machine lets us mount one. With CI=true it must; else the tests that need it are skipped. */
export const mountable = await canMount();

/** A file system in memory with so many bytes. */
export async function openMount(bytes: number): Promise<Mount> {
  const path = await mkdtemp(join(tmpdir(), 'mount-'));
  run('mount', '-t', 'tmpfs', '-o', `size=${bytes}`, 'stoa-test', path);
  return {
    path,
    remount: (mode) => run('mount', '-o', `remount,${mode}`, path),
    async [Symbol.asyncDispose]() {
      run('umount', '--lazy', path);
      await rm(path, { recursive: true });
    },
  };
}

async function canMount(): Promise<boolean> {
  try {
    await using mount = await openMount(65_536);
    return mount.path !== '';
  } catch (error) {
    if (process.env.CI === 'true') throw error;
    process.stderr.write(`skipped: mounting a file system is not permitted here\n`);
    return false;
  }
}

function run(command: string, ...args: string[]): void {
  const { status, stderr, error } = spawnSync(command, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${error?.message ?? stderr}`);
}
