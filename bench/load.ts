import type { ChildProcess } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ClientOrder, ClientResult } from './client.ts';
import { cpuMicros, type Processes, residentBytes } from './processes.ts';

/** What `wrk` saw. */
interface Load {
  readonly requests: number;
  readonly perSecond: number;
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
  /** Answers whose status was not 2xx. */
  readonly failures: number;
}

/** `wrk` at work. */
export interface RunningLoad {
  /** Fulfilled with what it saw when its time is over. */
  readonly ended: Promise<Load>;
  /** Ends it before its time. */
  stop(): Promise<Load>;
}

/** What a load cost the server. */
export interface Cost extends Load {
  /** CPU microseconds of the server and what it started, per request. */
  readonly cpu: number;
  /** Bytes of memory it held at the end. */
  readonly rss: number;
}

/** The load of all measures: one thread, 32 connections, one URL. Throws where no answer was good. */
export function startLoad(
  processes: Processes,
  url: string,
  seconds: number,
  headers: Readonly<Record<string, string>> = {},
): RunningLoad {
  const lines = Object.entries(headers).flatMap(([name, value]) => ['-H', `${name}: ${value}`]);
  let wrk: ChildProcess | undefined;
  const output = processes.run(
    'wrk',
    ['-t1', '-c32', `-d${seconds}s`, '--timeout', '60s', '--latency', ...lines, url],
    {
      started(child) {
        wrk = child;
      },
    },
  );
  const ended = output.then((text) => parseLoad(url, text));
  // Whoever started it awaits it later; until then a failure has nobody to tell.
  ended.catch(() => {});
  return {
    ended,
    stop() {
      if (wrk?.exitCode === null) wrk.kill('SIGINT');
      return ended;
    },
  };
}

/** Loads a server for so long, after a second of warming up, and says what it cost. */
export async function measureLoad(
  processes: Processes,
  server: { readonly url: string; readonly pid: number },
  path: string,
  seconds: number,
): Promise<Cost> {
  const url = server.url + path;
  await startLoad(processes, url, 1).ended;
  // The end of a load cuts 32 requests; a server may need a moment to notice.
  await sleep(500);
  const before = cpuMicros(server.pid);
  const load = await startLoad(processes, url, seconds).ended;
  const cpu = (cpuMicros(server.pid) - before) / load.requests;
  return { ...load, cpu, rss: residentBytes(server.pid) };
}

/** Gets URLs from the client process and answers what came of each, in order. */
export type Get = (
  urls: readonly string[],
  options?: { readonly atOnce?: boolean; readonly headers?: Readonly<Record<string, string>> },
) => Promise<readonly ClientResult[]>;

/** Starts a client process; it takes one order at a time. */
export async function startClient(processes: Processes): Promise<Get> {
  const { child } = await processes.fork<'ready'>('client.ts');
  let last: Promise<unknown> = Promise.resolve();
  return (urls, { atOnce = false, headers = {} } = {}) => {
    const results = last.then(
      () =>
        new Promise<readonly ClientResult[]>((resolve, reject) => {
          const ended = () => reject(new Error('the client process ended'));
          child.once('exit', ended);
          child.once('message', (message) => {
            child.off('exit', ended);
            resolve(message as readonly ClientResult[]);
          });
          child.send({ urls, atOnce, headers } satisfies ClientOrder);
        }),
    );
    last = results.catch(() => {});
    return results;
  };
}

/** The result in the middle by `of`; for an even number the lower one. */
export function median(values: readonly number[]): number {
  return values.toSorted((one, other) => one - other)[(values.length - 1) >> 1] ?? Number.NaN;
}

function parseLoad(url: string, output: string): Load {
  const [, count, duration] = /(\d+) requests in ([\d.]+\w+)/.exec(output) ?? [];
  const requests = Number(count);
  const failures = Number(/Non-2xx or 3xx responses: (\d+)/.exec(output)?.[1] ?? 0);
  if (!(requests > failures)) throw new Error(`${url}: no request was answered well\n${output}`);
  return {
    requests,
    perSecond: requests / (milliseconds(duration!) / 1000),
    p50: milliseconds(/50% +([\d.]+\w+)/.exec(output)?.[1] ?? ''),
    p99: milliseconds(/99% +([\d.]+\w+)/.exec(output)?.[1] ?? ''),
    failures,
  };
}

/** `1.23ms`, `456.00us`, `1.20s`, `1.02m`. */
function milliseconds(text: string): number {
  const [, number, unit] = /^([\d.]+)(us|ms|s|m)$/.exec(text) ?? [];
  return Number(number) * ({ us: 0.001, ms: 1, s: 1000, m: 60_000 }[unit ?? ''] ?? Number.NaN);
}

/** The value that this share of them is not above. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]!;
}
