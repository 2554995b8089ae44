import { execFile } from 'node:child_process';
import { hash } from 'node:crypto';
import { mkdir, open, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

const root = join(import.meta.dirname, '..', '..');
const cache = join(root, '.cache', 'bin');

/**
 * The built program of a package that tools/go.mod names. It is built when it is first asked for and when tools/go.sum has
 * changed since, which may take minutes; who asks meanwhile waits for the same build. Throws what the go command said where
 * it cannot be built.
 */
export async function buildTool(name: string, path: string): Promise<string> {
  const binary = join(cache, `${name}-${await hashSums()}`);
  await mkdir(cache, { recursive: true });
  while (!(await exists(binary))) {
    const lock = `${binary}.lock`;
    if (await take(lock)) {
      try {
        await build(path, binary);
      } finally {
        await rm(lock, { force: true });
      }
    } else {
      await dropStale(lock);
      await sleep(250);
    }
  }
  return binary;
}

/** Built under another name, so that a build that was killed leaves no half program. */
async function build(path: string, binary: string): Promise<void> {
  const draft = `${binary}.${process.pid}`;
  const env = { ...process.env, GOFLAGS: '-mod=readonly', GOWORK: 'off', CGO_ENABLED: '0' };
  try {
    await promisify(execFile)('go', ['build', '-C', join(root, 'tools'), '-o', draft, path], { env });
    await rename(draft, binary);
  } finally {
    await rm(draft, { force: true });
  }
}

async function hashSums(): Promise<string> {
  return hash('sha256', await readFile(join(root, 'tools', 'go.sum'))).slice(0, 16);
}

/** Takes the lock for this process; false where another has it. */
async function take(lock: string): Promise<boolean> {
  try {
    const file = await open(lock, 'wx');
    await file.write(String(process.pid));
    await file.close();
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

/** Removes the lock of a process that has ended. Two who then build at once both rename a whole program into place. */
async function dropStale(lock: string): Promise<void> {
  const owner = Number(await readFile(lock, 'utf8').catch(() => ''));
  // It is empty for the moment between making and writing it.
  if (!(owner > 0)) return;
  try {
    process.kill(owner, 0);
  } catch {
    await rm(lock, { force: true });
  }
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
