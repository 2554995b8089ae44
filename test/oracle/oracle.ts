import { execFile, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { access, mkdir, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';

/** The Go program of this folder, running: what golang.org/x/mod says to the same questions. */
export interface Oracle {
  /** The answers in the order of the questions. Rejects when the program ends meanwhile. */
  ask(questions: readonly Question[]): Promise<Answer[]>;
  close(): Promise<void>;
}

/** The name of a function of functions.go, and its arguments. */
export type Question = readonly [name: string, ...args: unknown[]];

export type Answer = { readonly ok: unknown } | { readonly error: string };

/** Builds the program where its sources changed since it was last built, and starts it. The caller closes it. */
export async function openOracle(): Promise<Oracle> {
  const child = spawn(await buildOracle(), { stdio: ['pipe', 'pipe', 'inherit'] });
  const waiting: { resolve(answers: Answer[]): void; reject(error: Error): void }[] = [];
  const closed = new Promise<void>((resolve) => {
    child.once('close', () => {
      for (const { reject } of waiting) reject(new Error('the oracle ended'));
      resolve();
    });
  });
  createInterface(child.stdout).on('line', (line) => waiting.shift()!.resolve(JSON.parse(line)));
  return {
    ask: (questions) =>
      new Promise((resolve, reject) => {
        waiting.push({ resolve, reject });
        child.stdin.write(`${JSON.stringify(questions)}\n`);
      }),
    async close() {
      child.stdin.end();
      await closed;
    },
  };
}

const sources = import.meta.dirname;
const cache = join(sources, '..', '..', '.cache', 'bin');

/** The built program. Test files run at the same time: each builds under a name of its own and renames. */
async function buildOracle(): Promise<string> {
  const binary = join(cache, `oracle-${await hashSources()}`);
  if (await exists(binary)) return binary;
  await mkdir(cache, { recursive: true });
  const draft = `${binary}.${process.pid}`;
  try {
    await promisify(execFile)('go', ['build', '-C', sources, '-o', draft, '.'], {
      env: { ...process.env, GOFLAGS: '-mod=readonly', GOWORK: 'off', CGO_ENABLED: '0' },
    });
    await rename(draft, binary);
  } finally {
    await rm(draft, { force: true });
  }
  return binary;
}

async function hashSources(): Promise<string> {
  const hash = createHash('sha256');
  const names = (await readdir(sources)).filter((name) => /\.go$|^go\.(mod|sum)$/.test(name));
  for (const name of names.sort()) hash.update(`${name}\0`).update(await readFile(join(sources, name)));
  return hash.digest('hex').slice(0, 16);
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
