import { rm } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { StoaError } from '../errors.ts';
import type { Log } from '../observe/log.ts';
import type { Metrics } from '../observe/metrics.ts';
import type { PoolGate } from '../storage/pool-gate.ts';
import { ownName, readProcesses } from '../storage/processes.ts';
import { createAsked } from './asked.ts';
import type { Catalog } from './catalog.ts';
import { createCondition } from './condition.ts';
import { type Entry, formatEntry, type JobRequest, parseEntry } from './entry.ts';
import { type JobHandlers, startJobRunner } from './job-runner.ts';
import type { Report } from './keeper.ts';
import { createOutbox } from './outbox.ts';
import { reconcile, type Shelf } from './reconcile.ts';
import { createRecorder, type Recorder } from './recorder.ts';
import { markForReconcile, reconcileMark } from './segments.ts';
import { createCatalogThread } from './thread.ts';

/** The catalog as a server has it: what happens is told at once, and comes into the database behind it. */
export interface ServerCatalog extends Recorder {
  /** A file of this storage key was served. */
  asked(key: string): void;
  /** Asks for work to be done later. Fulfilled when a killed process would not lose that. */
  addJob(job: JobRequest): Promise<void>;
  /** The database. */
  readonly catalog: Catalog;
  /** Why the catalog does not follow, while it does not. */
  readonly trouble: string | undefined;
  /** Fulfilled when the database was opened, or will be tried again; rejects with `config` when it is of a newer version of Stoa. */
  ready(): Promise<void>;
  /** Brings in what is left, where the database lets it. */
  close(): Promise<void>;
}

export interface CatalogOptions {
  /** The file of the database. */
  readonly file: string;
  /** The folder of the outboxes. */
  readonly outbox: string;
  readonly gate: PoolGate;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly handlers: JobHandlers;
  readonly shelf: Shelf;
  /** Bytes that the outboxes may hold while the database takes nothing; by default 64 MiB, some two hundred thousand lines. */
  readonly maxOutboxBytes?: number;
  readonly now?: () => number;
  readonly random?: () => number;
}

const flushMs = 60_000;
const touchMs = 10 * 60_000;

/** Milliseconds that noting what was asked for may take at the end. */
const lastFlushMs = 3000;

/** Milliseconds after a comparison with storage that failed. */
const reconcileAgainMs = 60_000;

export async function openCatalog(options: CatalogOptions): Promise<ServerCatalog> {
  const { file, outbox: folder, log, metrics, now = Date.now, random = Math.random } = options;
  const owner = ownName((await readProcesses()).self);
  const life = new AbortController();
  const opened = Promise.withResolvers<void>();
  let isReconciling = false;
  let reconcileAt = 0;

  const condition = createCondition({ log, metrics, now, outboxTrouble: () => outbox.trouble });
  const thread = createCatalogThread({
    file,
    folder,
    owner,
    report: hear,
    unreadable: (segment, line) => log.error('a line of the outbox cannot be read', { segment, line }),
    died(error) {
      log.error('the thread of the catalog ended; it is started again', { error });
      condition.died(error);
    },
  });
  const { catalog } = thread;
  const outbox = createOutbox({
    folder,
    owner,
    gate: options.gate,
    maxBytes: options.maxOutboxBytes ?? 64 * 1024 * 1024,
    pending: () => condition.pending,
    appended(bytes) {
      condition.appended(bytes);
      thread.poke();
    },
    lost() {
      if (condition.lost === 0) markForReconcile(folder).catch(() => undefined);
      condition.lose();
    },
  });
  const recorder = createRecorder({ append: outbox.append, owner, metrics, now });
  const asked = createAsked({ note: (versions, at) => catalog.asked(versions, at, life.signal), now });
  const runner = startJobRunner({
    jobs: catalog.jobs,
    handlers: options.handlers,
    owner,
    log,
    gaveUp: ({ kind, key }, error) =>
      recorder.event('job_failed', undefined, `${kind} ${key}: ${error}`, { kind, key }),
    now,
    random,
  });

  function hear(report: Report): void {
    condition.hear(report);
    if (report.refused === true) opened.reject(new StoaError('config', report.trouble!));
    opened.resolve();
    if (report.jobsAdded) runner.wake();
    const mayLack = report.reconcile || condition.lost > 0;
    if (mayLack && report.trouble === undefined && !isReconciling && now() >= reconcileAt) void follow();
  }

  /** Compares the catalog with storage. What is lost meanwhile is for the next time. */
  async function follow(): Promise<void> {
    isReconciling = true;
    const { lost } = condition;
    try {
      const added = await reconcile(options.shelf, catalog, life.signal, now);
      condition.madeGood(lost);
      if (condition.lost === 0) await rm(reconcileMark(folder), { force: true });
      log.info('the catalog was compared with storage', { added });
    } catch (error) {
      reconcileAt = now() + reconcileAgainMs;
      if (!life.signal.aborted)
        log.warn('the catalog could not be compared with storage', { reason: (error as Error).message });
    }
    isReconciling = false;
  }

  const timers = [
    setInterval(() => asked.flush().catch(() => undefined), flushMs),
    setInterval(() => outbox.touch().catch(() => undefined), touchMs),
  ];
  for (const timer of timers) timer.unref();

  return {
    ...recorder,
    asked: asked.add,
    async addJob(job) {
      const entry: Entry = { type: 'job', at: now(), ...job };
      if (parseEntry(formatEntry(entry)) === undefined)
        throw new StoaError('internal', `${job.kind} ${job.key.slice(0, 200)}: no job that can be kept`);
      await outbox.append(entry);
    },
    catalog,
    get trouble() {
      return condition.trouble;
    },
    ready() {
      thread.start();
      return opened.promise;
    },
    async close() {
      for (const timer of timers) clearInterval(timer);
      await runner.close();
      const flushed = asked.flush().catch(() => undefined);
      await Promise.race([flushed, sleep(lastFlushMs, undefined, { ref: false })]);
      life.abort(new StoaError('draining', 'the server is shutting down'));
      await outbox.close();
      await thread.close();
    },
  };
}
