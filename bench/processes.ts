import { type ChildProcess, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';

/** The children of a run. Each leads a process group of its own, so that it is stopped together with what it started. */
export interface Processes {
  /** Starts a program whose output goes to a file. */
  start(command: string, args: readonly string[], options: StartOptions): ChildProcess;
  /** Runs a program to its end and answers what it printed; throws with its error output when it fails. */
  run(command: string, args: readonly string[], options?: RunOptions): Promise<string>;
  /** Starts a script of this folder that reports by messages, and waits for its first. */
  fork<T>(
    script: string,
    args?: readonly string[],
  ): Promise<{ readonly child: ChildProcess; readonly told: T }>;
  /** Ends a child and its group, first with a request, after five seconds without. */
  stop(child: ChildProcess): Promise<void>;
  stopAll(): Promise<void>;
  /** Ends all at once, for the last moment of this process. */
  killAll(): void;
}

interface StartOptions {
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  readonly log: string;
}

interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** What it reads; nothing where it is absent. */
  readonly input?: AsyncIterable<Uint8Array>;
  /** Hands out the child, for a caller that wants to end it early. */
  readonly started?: (child: ChildProcess) => void;
}

export function createProcesses(): Processes {
  const children = new Set<ChildProcess>();

  function track(child: ChildProcess): ChildProcess {
    children.add(child);
    child.once('exit', () => children.delete(child));
    return child;
  }

  const processes: Processes = {
    start(command, args, { env, cwd, log }) {
      const output = openSync(log, 'a');
      try {
        return track(spawn(command, args, { env, cwd, detached: true, stdio: ['ignore', output, output] }));
      } finally {
        closeSync(output);
      }
    },
    async run(command, args, { env, cwd, input, started } = {}) {
      const child = track(
        spawn(command, args, {
          env,
          cwd,
          detached: true,
          stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
        }),
      );
      // A program that ends before it has read everything says itself why.
      if (input !== undefined && child.stdin !== null) pipeline(input, child.stdin).catch(() => {});
      started?.(child);
      let [output, errors] = ['', ''];
      child.stdout?.setEncoding('utf8').on('data', (text: string) => {
        output += text;
      });
      child.stderr?.setEncoding('utf8').on('data', (text: string) => {
        errors += text;
      });
      const [code] = await once(child, 'close');
      if (code !== 0) throw new Error(`${command} failed: ${(errors || output).slice(-2000)}`);
      return output;
    },
    async fork<T>(script: string, args: readonly string[] = []) {
      const child = track(
        fork(join(import.meta.dirname, script), args, {
          detached: true,
          stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
        }),
      );
      const told = await Promise.race([once(child, 'message'), once(child, 'exit').then(() => undefined)]);
      if (told === undefined) throw new Error(`${script} ended at once`);
      return { child, told: told[0] as T };
    },
    async stop(child) {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const exited = once(child, 'exit');
      signal(child, 'SIGTERM');
      const slow = new AbortController();
      const killed = sleep(5000, undefined, { signal: slow.signal }).then(
        () => signal(child, 'SIGKILL'),
        () => {},
      );
      await exited;
      slow.abort();
      await killed;
    },
    async stopAll() {
      await Promise.all([...children].map((child) => processes.stop(child)));
    },
    killAll() {
      for (const child of children) signal(child, 'SIGKILL');
    },
  };
  return processes;
}

function signal(child: ChildProcess, name: NodeJS.Signals): void {
  try {
    if (child.pid !== undefined) process.kill(-child.pid, name);
  } catch {
    // It has ended meanwhile.
  }
}

/** A port of loopback that nobody listens on. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return typeof address === 'object' && address !== null ? address.port : 0;
}

/** The CPU time in microseconds that a process, its descendants and those of them that ended have used; a tick is 10 ms. */
export function cpuMicros(pid: number): number {
  return processTree(pid).reduce((sum, each) => {
    // The name in parentheses may hold blanks; utime, stime, cutime, cstime are fields 14 to 17.
    const fields = readProc(each, 'stat').split(') ')[1]?.split(' ') ?? [];
    const ticks = fields.slice(11, 15).reduce((total, field) => total + Number(field), 0);
    return sum + ticks * 10_000;
  }, 0);
}

/** The memory in bytes that a process and its descendants hold now. */
export function residentBytes(pid: number): number {
  return processTree(pid).reduce((sum, each) => sum + statusBytes(each, 'VmRSS'), 0);
}

/**
 * Watches the memory of a process; `stop` gives the most bytes it held meanwhile, together with what its descendants had for
 * themselves: not the files that they only look at, and not what a fork still shares with its parent.
 */
export function watchResident(pid: number): { stop(): Promise<number> } {
  const end = new AbortController();
  async function watch(): Promise<number> {
    let peak = 0;
    while (!end.signal.aborted) {
      peak = Math.max(peak, ownBytes(pid));
      await sleep(50);
    }
    return peak;
  }
  const watching = watch();
  return {
    stop() {
      end.abort();
      return watching;
    },
  };
}

function ownBytes(pid: number): number {
  const program = programOf(pid);
  const [self, ...others] = processTree(pid);
  const started = others.filter((other) => programOf(other) !== program);
  return statusBytes(self, 'VmRSS') + started.reduce((sum, each) => sum + statusBytes(each, 'RssAnon'), 0);
}

function statusBytes(pid: number, field: 'VmRSS' | 'RssAnon'): number {
  const kilobytes = new RegExp(`^${field}:\\s+(\\d+)`, 'm').exec(readProc(pid, 'status'))?.[1];
  return Number(kilobytes ?? 0) * 1024;
}

function processTree(pid: number): [number, ...number[]] {
  const children = threads(pid).flatMap((thread) => readProc(pid, `task/${thread}/children`).split(' '));
  return [pid, ...children.filter(Boolean).map(Number).flatMap(processTree)];
}

function threads(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/task`);
  } catch {
    return [];
  }
}

/** What it runs; undefined when it has ended meanwhile. */
function programOf(pid: number): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/exe`);
  } catch {
    return undefined;
  }
}

/** '' when the process has ended meanwhile. */
function readProc(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    return '';
  }
}
