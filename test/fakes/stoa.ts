import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

export interface StoaOptions {
  /** A list in the syntax of GOPROXY. */
  readonly upstream: string;
  /** The data folder, which stays; by default one of its own, which goes with the server. */
  readonly data?: string;
  /** Further variables, such as `STOA_HTTP_PATH_PREFIX`; the server sees nothing else of this process's environment. */
  readonly env?: Readonly<Record<string, string>>;
}

/** The server as a process of its own, as people run it: `node src/main.ts serve`. */
export interface Stoa extends AsyncDisposable {
  /** What GOPROXY is set to, path prefix included; another one after a restart. */
  readonly url: string;
  /** The data folder. */
  readonly data: string;
  /** The log so far, of all runs. */
  readonly log: readonly LogLine[];
  /** Ends it as an orchestrator does, with SIGTERM; throws where it does not end well. */
  stop(): Promise<void>;
  /** Ends it with SIGKILL. */
  kill(): Promise<void>;
  /** Starts it again over the same data. */
  start(): Promise<void>;
}

interface LogLine {
  readonly level: string;
  readonly message: string;
  readonly [field: string]: unknown;
}

/** Settings with which every list, query and absence is old at once: without its source it is served because it is kept. */
export const withoutFreshness: Readonly<Record<string, string>> = {
  STOA_FRESH_ANSWER: '0',
  STOA_FRESH_ABSENCE: '0',
  STOA_FRESH_REVALIDATE: '0',
};

/** Starts the server on a free loopback port; fulfilled when it takes requests. */
export async function startStoa({ upstream, data, env = {} }: StoaOptions): Promise<Stoa> {
  const folder = await mkdtemp(join(tmpdir(), 'stoa-'));
  const root = data ?? join(folder, 'data');
  const log: LogLine[] = [];
  let running: ChildProcess | undefined;
  let url = '';

  async function start(): Promise<void> {
    await mkdir(root, { recursive: true });
    const child = spawn(process.execPath, [program, 'serve'], {
      cwd: folder,
      env: {
        PATH: process.env.PATH,
        HOME: folder,
        STOA_HOST: '127.0.0.1',
        STOA_PORT: '0',
        STOA_DATA: root,
        STOA_UPSTREAM: upstream,
        STOA_DRAIN_DELAY: '0',
        // Its upstreams are made up, and no database knows what they have.
        ...(env.GOSUMDB === undefined && { STOA_SUMDB: 'off' }),
        ...env,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    running = child;
    let complaints = '';
    child.stderr.on('data', (chunk: Buffer) => {
      complaints += chunk;
    });
    const address = Promise.withResolvers<string>();
    createInterface({ input: child.stdout }).on('line', (text) => {
      const line = JSON.parse(text) as LogLine;
      log.push(line);
      const found = /^listening on (\S+)$/.exec(line.message)?.[1];
      if (found !== undefined) address.resolve(found);
    });
    child.once('close', (code, signal) => {
      const said = log.map(({ level, message }) => `${level} ${message}\n`).join('');
      address.reject(new Error(`the server ended (${signal ?? code}):\n${said}${complaints}`));
    });
    url = (await address.promise) + (env.STOA_HTTP_PATH_PREFIX ?? '');
  }

  /** Ends the process; gives its exit code, null after a signal it did not handle. */
  async function end(signal: NodeJS.Signals): Promise<number | null | undefined> {
    const child = running;
    running = undefined;
    if (child === undefined) return undefined;
    if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
    const closed = once(child, 'close');
    child.kill(signal);
    await closed;
    return child.exitCode;
  }

  await start();
  return {
    get url() {
      return url;
    },
    data: root,
    log,
    async stop() {
      const code = await end('SIGTERM');
      if (code !== 0) throw new Error(`the server ended with ${code} after SIGTERM`);
    },
    async kill() {
      await end('SIGKILL');
    },
    start,
    async [Symbol.asyncDispose]() {
      await end('SIGKILL');
      await rm(folder, { recursive: true, force: true });
    },
  };
}

const program = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
