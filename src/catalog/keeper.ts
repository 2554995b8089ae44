import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { isStoaError } from '../errors.ts';
import type { ProcessTable } from '../storage/processes.ts';
import type { Catalog, JobState } from './catalog.ts';
import { createDrain, type Left } from './drain.ts';
import type { Entry } from './entry.ts';
import { reconcileMark } from './segments.ts';
import type { OpenCatalog } from './sqlite-catalog.ts';

/** How the catalog does, told after each look into the outboxes. */
export interface Report {
  /** Why it cannot be read or written; absent while it can. */
  readonly trouble?: string;
  /** It is of a newer version of Stoa. */
  readonly refused?: boolean;
  readonly left: Left;
  /** Entries written since the report before. */
  readonly written: number;
  /** Jobs among them. */
  readonly jobsAdded: boolean;
  /** As last counted. */
  readonly jobs: Readonly<Record<JobState, number>>;
  /** Lines may be missing: it is to be compared with storage. */
  readonly reconcile: boolean;
}

/** Keeps the catalog open, and brings into it what comes into the outboxes; tries again for as long as that fails. */
export interface Keeper {
  /** The catalog; opened where it is not. Throws `catalog` where that fails. */
  catalog(): Promise<Catalog>;
  /** Something was written to the outbox of this process. */
  poke(): void;
  /** Brings in what is left, now that nothing comes any more, and closes. Throws the catalog's error after closing. */
  finish(): Promise<void>;
}

export interface KeeperOptions {
  /** The outboxes; made where it is missing. */
  readonly folder: string;
  /** The own name of this process. */
  readonly owner: string;
  readonly open: (beforeFirst: () => void) => Promise<OpenCatalog>;
  readonly processes: ProcessTable;
  readonly report: (report: Report) => void;
  readonly unreadable: (segment: string, line: string) => void;
  /** Milliseconds that lines wait for others that may come. */
  readonly gatherMs?: number;
  /** Milliseconds before the first further try; then twice as many each time, up to thirty seconds. */
  readonly retryMs?: number;
}

const maxRetryMs = 30_000;

/** Milliseconds after which it is looked, though nobody said anything: others have outboxes, and jobs, too. */
const sweepMs = 10_000;

const pruneMs = 60 * 60_000;

export function createKeeper(options: KeeperOptions): Keeper {
  const { folder, owner, processes, gatherMs = 20, retryMs = 1000 } = options;
  let opening: Promise<OpenCatalog> | undefined;
  let timer: NodeJS.Timeout | undefined;
  let working: Promise<void> | undefined;
  let isBegun = false;
  let isPoked = false;
  let isSoon = false;
  let isFinishing = false;
  let failures = 0;
  let pruneAt = 0;
  let written = 0;
  let jobsAdded = false;
  let jobs: Report['jobs'] = { waiting: 0, running: 0, failed: 0 };

  const drain = createDrain({
    folder,
    owner,
    processes,
    catalog,
    unreadable: options.unreadable,
    applied(entries: readonly Entry[]) {
      written += entries.length;
      jobsAdded ||= entries.some(({ type }) => type === 'job');
    },
  });

  async function catalog(): Promise<Catalog> {
    const before = await opening?.catch(() => undefined);
    if (before?.isCurrent() === false) await close();
    opening ??= options.open(mark);
    try {
      return (await opening).catalog;
    } catch (error) {
      opening = undefined;
      throw error;
    }
  }

  async function close(): Promise<void> {
    const open = opening;
    opening = undefined;
    await (await open?.catch(() => undefined))?.close();
  }

  function mark(): void {
    writeFileSync(reconcileMark(folder), '');
  }

  async function look(): Promise<void> {
    timer = undefined;
    isSoon = false;
    try {
      if (!isBegun) await begin();
      await drain.run();
      const open = await catalog();
      if (Date.now() >= pruneAt) {
        await open.prune();
        pruneAt = Date.now() + pruneMs;
      }
      jobs = await open.jobs.count();
      failures = 0;
      await tell();
    } catch (error) {
      failures++;
      await tell(error as Error);
    }
    working = undefined;
    if (failures > 0) wait(Math.min(maxRetryMs, retryMs * 2 ** (failures - 1)));
    else if (isPoked) soon();
    else wait(sweepMs);
  }

  /** A process that did not end well may have lost lines to a power failure, which takes what is not on disk yet. */
  async function begin(): Promise<void> {
    mkdirSync(folder, { recursive: true });
    if (await drain.hasStrays()) mark();
    isBegun = true;
  }

  async function tell(error?: Error): Promise<void> {
    const left = await drain.left().catch(() => ({ bytes: 0 }));
    options.report({
      ...(error !== undefined && { trouble: error.message, refused: isStoaError(error, 'config') }),
      left,
      written,
      jobsAdded,
      jobs,
      reconcile: existsSync(reconcileMark(folder)),
    });
    written = 0;
    jobsAdded = false;
  }

  function wait(ms: number): void {
    if (isFinishing) return;
    timer = setTimeout(() => {
      isPoked = false;
      working = look();
    }, ms);
  }

  function soon(): void {
    clearTimeout(timer);
    isSoon = true;
    wait(gatherMs);
  }

  wait(0);
  return {
    catalog,
    poke() {
      isPoked = true;
      if (working === undefined && failures === 0 && !isSoon) soon();
    },
    async finish() {
      isFinishing = true;
      clearTimeout(timer);
      await working;
      try {
        if (!isBegun) await begin();
        await drain.finish();
      } finally {
        await close();
      }
    },
  };
}
