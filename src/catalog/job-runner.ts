import { setTimeout as sleep } from 'node:timers/promises';
import { isStoaError, StoaError } from '../errors.ts';
import type { Log } from '../observe/log.ts';
import type { ClaimedJob, JobName, Jobs, Outcome } from './catalog.ts';

/** How the jobs of one kind are done. */
export interface JobHandler {
  /**
   * Does one; it may be done more than once, so a second time must change nothing. Aborted when the server ends, when it takes
   * too long, and when another process has the job by now. A failure is tried again.
   */
  run(payload: unknown, signal: AbortSignal): Promise<void>;
  /** How often it is begun before it is given up. */
  readonly attempts: number;
  readonly timeoutMs: number;
}

/** By kind. */
export type JobHandlers = Readonly<Record<string, JobHandler>>;

/** Takes jobs of the kinds that it can do, a few at a time, and does them. */
export interface JobRunner {
  /** There may be a new one. */
  wake(): void;
  /** Takes no more, and gives back those under way. */
  close(): Promise<void>;
}

export interface JobRunnerOptions {
  readonly jobs: Jobs;
  readonly handlers: JobHandlers;
  /** A name that no other process has. */
  readonly owner: string;
  readonly log: Log;
  /** Told of a job that was given up. */
  readonly gaveUp: (job: JobName, error: string) => void;
  readonly now: () => number;
  /** From 0 up to but not including 1. */
  readonly random: () => number;
  /** Jobs at a time. */
  readonly width?: number;
  readonly leaseMs?: number;
  readonly pollMs?: number;
}

/** Milliseconds before the second try; then twice as many each time, up to an hour. */
const firstDelayMs = 5000;
const maxDelayMs = 60 * 60 * 1000;

/** Milliseconds that jobs have to end when they are told to. */
const closeMs = 5000;

export function startJobRunner(options: JobRunnerOptions): JobRunner {
  const { jobs, handlers, owner, log, now, width = 4, leaseMs = 60_000, pollMs = 1000 } = options;
  const kinds = Object.keys(handlers);
  const running = new Map<string, { readonly ending: AbortController; readonly done: Promise<void> }>();
  const life = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  let looking: Promise<void> | undefined;
  let leasedUntil = 0;

  async function look(): Promise<void> {
    try {
      const claimed = await jobs.claim({ kinds, owner, leaseMs, limit: width - running.size }, life.signal);
      if (running.size === 0) leasedUntil = now() + leaseMs;
      // One whose lease ran out here meanwhile is under way still.
      for (const job of claimed) if (!running.has(nameOf(job))) begin(job);
    } catch (error) {
      // The catalog tells of its own troubles.
      if (!isStoaError(error)) throw error;
    }
    looking = undefined;
    if (!life.signal.aborted) wait(pollMs);
  }

  function wait(ms: number): void {
    clearTimeout(timer);
    timer = setTimeout(wake, ms);
    timer.unref();
  }

  function wake(): void {
    if (life.signal.aborted || running.size >= width) return;
    looking ??= look();
  }

  function begin(job: ClaimedJob): void {
    const ending = new AbortController();
    const done = work(job, ending.signal).finally(() => {
      running.delete(nameOf(job));
      wake();
    });
    running.set(nameOf(job), { ending, done });
  }

  async function work(job: ClaimedJob, ending: AbortSignal): Promise<void> {
    const outcome = await attempt(job, ending);
    if (outcome.state === 'failed') {
      log.error('a job was given up', { kind: job.kind, key: job.key, reason: outcome.error });
      options.gaveUp(job, outcome.error);
    }
    // Where this fails the lease runs out, and the job is done again.
    await jobs.settle(owner, job, outcome).catch((error: unknown) => {
      log.warn('the end of a job could not be noted', { kind: job.kind, key: job.key, error: String(error) });
    });
  }

  async function attempt(job: ClaimedJob, ending: AbortSignal): Promise<Outcome> {
    const { run, attempts, timeoutMs } = handlers[job.kind]!;
    // What takes its process down does not get to say so.
    if (job.attempts > attempts)
      return { state: 'failed', error: `begun ${attempts} times, and never ended` };
    try {
      await run(job.payload, AbortSignal.any([ending, life.signal, AbortSignal.timeout(timeoutMs)]));
      return { state: 'done' };
    } catch (error) {
      if (life.signal.aborted) return { state: 'released' };
      const reason = error instanceof Error ? error.message : String(error);
      if (job.attempts >= attempts) return { state: 'failed', error: reason };
      const delay = Math.min(maxDelayMs, firstDelayMs * 2 ** (job.attempts - 1));
      const notBefore = now() + Math.round(delay * (0.8 + 0.4 * options.random()));
      return { state: 'waiting', error: reason, notBefore };
    }
  }

  /** Keeps the leases; what is not ours any more is ended, also when that cannot be told. */
  async function renew(): Promise<void> {
    if (running.size === 0) return;
    const asked = [...running.keys()];
    try {
      const until = now() + leaseMs;
      const held = new Set((await jobs.renew(owner, leaseMs, life.signal)).map(nameOf));
      leasedUntil = until;
      for (const name of asked) if (!held.has(name)) end(name);
    } catch (error) {
      if (!isStoaError(error)) throw error;
      if (now() >= leasedUntil) for (const name of asked) end(name);
    }
  }

  function end(name: string): void {
    running.get(name)?.ending.abort(new StoaError('canceled', 'the lease of the job was lost'));
  }

  const renewal = setInterval(renew, leaseMs / 3);
  renewal.unref();
  if (kinds.length > 0) wait(pollMs);
  return {
    wake() {
      if (kinds.length > 0) wake();
    },
    async close() {
      life.abort(new StoaError('draining', 'the server is shutting down'));
      clearTimeout(timer);
      clearInterval(renewal);
      await looking;
      const ended = Promise.all([...running.values()].map(({ done }) => done));
      await Promise.race([ended, sleep(closeMs, undefined, { ref: false })]);
    },
  };
}

function nameOf({ kind, key }: JobName): string {
  return `${kind} ${key}`;
}
