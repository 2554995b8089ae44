import type { Readable, Writable } from 'node:stream';
import { StoaError } from '../errors.ts';
import type { VcsMetrics } from '../observe/metrics.ts';
import { createLauncher, type Launcher } from './launch.ts';

/** A program and what it is told: never through a shell's syntax, and with an environment of its own. */
export interface Command {
  readonly program: string;
  readonly args: readonly string[];
  /** All that it sees of an environment; where it takes secrets from. */
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
}

/** A process that runs. It and all that it started end together. */
export interface Process {
  readonly stdin: Writable;
  readonly stdout: Readable;
  /** Fulfilled when no process of the group is left that holds its output; never rejected. Its output must be read. */
  readonly ended: Promise<Ended>;
  /** Kills the group and closes its output. The first reason is the one that `ended` tells. */
  stop(reason: StoaError): void;
}

/** How a process ended. */
export interface Ended {
  /** The exit status; null after a signal. */
  readonly code: number | null;
  /** The last 16 KiB of what it complained of. */
  readonly stderr: string;
  /** Why it was ended from here, or could not begin. */
  readonly stopped?: StoaError;
}

/** What a command that ran to its end wrote. */
export interface Output extends Ended {
  readonly stdout: Buffer;
}

interface OutputOptions {
  readonly input?: Uint8Array;
  /** Milliseconds that it may take; more throws `timeout`. */
  readonly timeoutMs: number;
  /** Bytes that it may write; more throws `integrity`. */
  readonly maxBytes: number;
}

/** The one way to run programs. */
export interface Run {
  /**
   * Starts a command when there is a place. Throws `overloaded` when there is none for too long, `canceled` on abort,
   * `config` when the program is missing. The signal ends the process whenever it is aborted.
   */
  start(command: Command, signal: AbortSignal): Promise<Process>;
  /** Runs a command to its end and gives what it wrote, whatever its exit status. Throws as `start`. */
  output(command: Command, signal: AbortSignal, options: OutputOptions): Promise<Output>;
  /** Processes that run now, without those that they started. */
  readonly running: number;
  /** As many run at once. */
  readonly limit: number;
  /** Ends all that runs; the next command is run all the same. */
  close(): Promise<void>;
}

export interface RunLimits {
  /** Processes at once. */
  readonly processes: number;
  /** Commands that wait for a place. */
  readonly waiting: number;
  /** Milliseconds that one waits at most. */
  readonly waitMs: number;
  /** Bytes of memory for each process (its address space). */
  readonly memoryBytes: number;
  /** Bytes of the largest file that one may write. */
  readonly fileBytes: number;
}

/**
 * The limits are those of the kernel, set by a shell that then becomes the program: `$@` is passed on as it is. Where a
 * system has no such limit it is passed over.
 */
const limiter = `command ulimit -c 0 2>/dev/null
command ulimit -v "$1" 2>/dev/null
command ulimit -f "$2" 2>/dev/null
shift 2
exec "$@"`;

/** What the shell answers for a program that it does not find. */
const programMissing = 127;

const maxStderr = 16 * 1024;

/** What ended is told to `metrics`. */
export function createRun(limits: RunLimits, metrics?: VcsMetrics): Run {
  const launcher = createLauncher();
  const waiting = new Set<() => void>();
  let running = 0;

  function leave(): void {
    const [next] = waiting;
    // The place is handed over, so that nobody who comes now takes it from who waited.
    if (next) next();
    else running--;
  }

  async function enter(program: string, signal: AbortSignal): Promise<void> {
    if (signal.aborted) throw canceled(signal);
    if (running < limits.processes) {
      running++;
      return;
    }
    if (waiting.size >= limits.waiting) throw overloaded(program, limits);
    await new Promise<void>((resolve, reject) => {
      const stop = (): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', abort);
        waiting.delete(proceed);
      };
      const proceed = (): void => {
        stop();
        resolve();
      };
      const abort = (): void => {
        stop();
        reject(canceled(signal));
      };
      const timer = setTimeout(() => {
        stop();
        reject(overloaded(program, limits));
      }, limits.waitMs);
      signal.addEventListener('abort', abort);
      waiting.add(proceed);
    });
  }

  async function start(command: Command, signal: AbortSignal): Promise<Process> {
    await enter(command.program, signal);
    let process: Process;
    try {
      process = await launch(launcher, command, limits, signal);
    } catch (error) {
      leave();
      throw error;
    }
    const startedAt = performance.now();
    void process.ended.then(({ code, stopped }) => {
      leave();
      const result = stopped !== undefined ? 'stopped' : code === 0 ? 'ok' : 'failed';
      metrics?.process(shortName(command), result, performance.now() - startedAt);
    });
    return process;
  }

  return {
    start,
    async output(command, signal, { input, timeoutMs, maxBytes }) {
      const process = await start(command, signal);
      const late = new StoaError(
        'timeout',
        `${nameOf(command)}: not done within ${Math.round(timeoutMs / 1000)} s`,
      );
      const timer = setTimeout(() => process.stop(late), timeoutMs);
      process.stdin.end(input);
      const chunks: Buffer[] = [];
      let bytes = 0;
      process.stdout.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
        if (bytes <= maxBytes) chunks.push(chunk);
        else
          process.stop(
            new StoaError('integrity', `${nameOf(command)}: its output is over ${maxBytes} bytes`),
          );
      });
      const ended = await process.ended;
      clearTimeout(timer);
      if (ended.stopped !== undefined) throw ended.stopped;
      return { ...ended, stdout: Buffer.concat(chunks) };
    },
    get running() {
      return running;
    },
    limit: limits.processes,
    close: () => launcher.close(),
  };
}

async function launch(
  launcher: Launcher,
  command: Command,
  limits: RunLimits,
  signal: AbortSignal,
): Promise<Process> {
  const { program, args, cwd, env } = command;
  const memory = String(Math.ceil(limits.memoryBytes / 1024));
  const file = String(Math.ceil(limits.fileBytes / 512));
  const limited = ['-c', limiter, 'sh', memory, file, program, ...args];
  const { stdin, stdout, stderr, exited, kill } = await launcher
    .launch({ program: '/bin/sh', args: limited, cwd, env })
    .catch((error: Error) => {
      throw new StoaError('internal', `${program} could not be started: ${error.message}`, { cause: error });
    });
  let stopped: StoaError | undefined;

  function stop(reason: StoaError): void {
    stopped ??= reason;
    kill();
    // Else what nobody reads any more would keep it from ending.
    stdout.destroy();
  }
  const abort = (): void => stop(canceled(signal));
  signal.addEventListener('abort', abort, { once: true });
  if (signal.aborted) abort();
  let complaints = '';
  stderr.setEncoding('utf8').on('data', (chunk: string) => {
    complaints = (complaints + chunk).slice(-maxStderr);
  });
  const ended = Promise.all([exited, closed(stdout), closed(stderr)]).then(([code]): Ended => {
    signal.removeEventListener('abort', abort);
    if (code === programMissing) stopped ??= missing(program);
    return { code, stderr: complaints, ...(stopped !== undefined && { stopped }) };
  });
  return { stdin, stdout, ended, stop };
}

/** Its end, whatever it was that ended it. */
function closed(stream: Readable): Promise<void> {
  return new Promise((resolve) => {
    if (stream.closed) resolve();
    else stream.once('close', resolve);
  });
}

/** The command as messages name it: no argument beyond the first, which may be anything. */
function nameOf({ program, args }: Command): string {
  return `${program} ${args[0] ?? ''}`.trim();
}

/** The command of git, else the program. */
function shortName({ program, args: [first = ''] }: Command): string {
  return /^[a-z]/.test(first) ? first : program;
}

function canceled(signal: AbortSignal): StoaError {
  return new StoaError('canceled', 'canceled', { cause: signal.reason });
}

function overloaded(program: string, { processes, waitMs }: RunLimits): StoaError {
  const seconds = Math.round(waitMs / 1000);
  return new StoaError(
    'overloaded',
    `${program}: ${processes} processes run already, and none ended within ${seconds} s`,
  );
}

function missing(program: string): StoaError {
  return new StoaError('config', `${program} is not installed, or not found in PATH`);
}
