import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { requireTool } from '../setup/require.ts';

/** The installed go command; undefined where there is none, and the tests that need it are skipped. */
export const go = requireTool('go');

export interface GoResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface GoOptions {
  readonly cwd: string;
  /** All that the command sees of an environment. */
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** Milliseconds after which a command that hangs is ended. */
const timeout = 60_000;

/** Runs the go command to its end, whatever that is. */
export async function runGo(args: readonly string[], { cwd, env }: GoOptions): Promise<GoResult> {
  const child = spawn(go!, args, {
    cwd,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout,
    killSignal: 'SIGKILL',
  });
  const output = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output.stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    output.stderr += text;
  });
  const [code] = await once(child, 'close');
  return { code, ...output };
}

/** A machine on which go has never run: empty module cache, build cache and settings. */
export interface GoHome extends AsyncDisposable {
  readonly folder: string;
  /** A new folder with these files in it. */
  project(files: Readonly<Record<string, string>>): Promise<string>;
  /** Runs a command that works, and gives what it printed. */
  run(args: readonly string[], more?: Partial<GoOptions>): Promise<GoResult>;
  /** Runs a command that does not work, and gives what it complained of. */
  fail(args: readonly string[], more?: Partial<GoOptions>): Promise<string>;
}

/** A machine whose GOPROXY is `proxy`. No checksum database is asked. */
export async function openGoHome(proxy: string): Promise<GoHome> {
  const folder = await mkdtemp(join(tmpdir(), 'go-home-'));
  // Else go leaves a process behind that writes here while the folder is removed.
  await write(folder, { '.config/go/telemetry/mode': 'off', 'empty/.keep': '' });
  let projects = 0;

  const runHere = (args: readonly string[], more: Partial<GoOptions>): Promise<GoResult> =>
    runGo(args, {
      cwd: more.cwd ?? join(folder, 'empty'),
      env: {
        PATH: process.env.PATH,
        HOME: folder,
        GOENV: 'off',
        GOPATH: folder,
        GOMODCACHE: join(folder, 'pkg/mod'),
        GOCACHE: join(folder, 'cache'),
        GOPROXY: proxy,
        GOFLAGS: '-modcacherw',
        GOSUMDB: 'off',
        GOTOOLCHAIN: 'local',
        GOWORK: 'off',
        CGO_ENABLED: '0',
        ...more.env,
      },
    });

  return {
    folder,
    async project(files) {
      const project = join(folder, `project-${++projects}`);
      await write(project, files);
      return project;
    },
    async run(args, more = {}) {
      const result = await runHere(args, more);
      if (result.code !== 0)
        throw new Error(`go ${args.join(' ')}: ${result.code}\n${result.stderr}${result.stdout}`);
      return result;
    },
    async fail(args, more = {}) {
      const result = await runHere(args, more);
      if (result.code === 0)
        throw new Error(`go ${args.join(' ')} worked:\n${result.stderr}${result.stdout}`);
      return result.stderr;
    },
    async [Symbol.asyncDispose]() {
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** What `go mod download -json` and `go list -m -json` print: one object behind another. */
export function parseObjects<T>(text: string): T[] {
  return JSON.parse(`[${text.replaceAll(/^\}\n\{/gm, '},{')}]`) as T[];
}

async function write(folder: string, files: Readonly<Record<string, string>>): Promise<void> {
  for (const [name, content] of Object.entries(files)) {
    const file = join(folder, name);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, content);
  }
}
