import { rm } from 'node:fs/promises';
import { StoaError } from '../errors.ts';
import type { Log } from '../observe/log.ts';
import type { Metrics } from '../observe/metrics.ts';
import type { PoolGate } from '../storage/pool-gate.ts';
import { ownName, readProcesses } from '../storage/processes.ts';
import { createAsked } from './asked.ts';
import type { Catalog } from './catalog.ts';
import type { Entry, JobRequest } from './entry.ts';
import { type JobHandlers, startJobRunner } from './job-runner.ts';
import type { Report } from './keeper.ts';
import { createOutbox } from './outbox.ts';
import { reconcile, type Shelf } from './reconcile.ts';
import type { Recorder } from './recorder.ts';
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
  readonly now?: () => number;
  readonly random?: () => number;
}

/** Bytes that the outboxes may hold while the database takes nothing: some two hundred thousand lines. */
const maxOutboxBytes = 64 * 1024 * 1024;

const flushMs = 60_000;
const touchMs = 10 * 60_000;

/** Milliseconds after a comparison with storage that failed. */
const reconcileAgainMs = 60_000;

export async function openCatalog(options: CatalogOptions): Promise<ServerCatalog> {
  const { file, outbox: folder, log, metrics, now = Date.now, random = Math.random } = options;
  const owner = ownName((await readProcesses()).self);
  const life = new AbortController();
  const opened = Promise.withResolvers<void>();
  let report: Report = {
    left: { bytes: 0 },
    written: 0,
    jobsAdded: false,
    jobs: { waiting: 0, running: 0, failed: 0 },
    reconcile: false,
  };
  /** Bytes that came since. */
  let appended = 0;
  let written = 0;
  let events = 0;
  let lost = 0;
  let reconciling = false;
  let reconcileAt = 0;

  const thread = createCatalogThread({
    file,
    folder,
    owner,
    report: hear,
    unreadable: (segment, line) => log.error('a line of the outbox cannot be read', { segment, line }),
    died: (error) => log.error('the thread of the catalog ended; it is started again', { error }),
  });
  const { catalog } = thread;
  const outbox = createOutbox({
    folder,
    owner,
    gate: options.gate,
    maxBytes: maxOutboxBytes,
    pending,
    appended(bytes) {
      appended += bytes;
      thread.poke();
    },
    lost: lose,
  });
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

  function pending(): number {
    return report.left.bytes + appended;
  }

  function append(entry: Entry): Promise<void> {
    return outbox.append(entry);
  }

  const recorder: Recorder = {
    published: (version) => append({ type: 'version', at: now(), ...version }),
    verified: ({ path, version }, h1, by) => append({ type: 'verified', at: now(), path, version, h1, by }),
    gone: ({ path, version }, except) =>
      append({ type: 'gone', at: now(), path, version, ...(except !== undefined && { except }) }),
    event(kind, module, text, detail) {
      metrics.event(kind);
      void append({
        type: 'event',
        at: now(),
        id: `${owner}-${++events}`,
        kind,
        text,
        ...(module !== undefined && { module: { path: module.path, version: module.version } }),
        ...(detail !== undefined && { detail }),
      });
    },
  };

  function lose(): void {
    metrics.event('catalog_entry_lost');
    if (lost++ > 0) return;
    log.error('the outbox of the catalog is full: entries are lost', { folder, max_bytes: maxOutboxBytes });
    markForReconcile(folder).catch(() => undefined);
  }

  function hear(next: Report): void {
    if (next.trouble !== undefined && report.trouble === undefined)
      log.error('the catalog cannot be written; what happens waits in its outbox', { reason: next.trouble });
    if (next.trouble === undefined && report.trouble !== undefined) log.info('the catalog is written again');
    report = next;
    appended = 0;
    written += next.written;
    if (next.refused === true) opened.reject(new StoaError('config', next.trouble!));
    opened.resolve();
    if (next.jobsAdded) runner.wake();
    if (next.trouble === undefined && next.reconcile && !reconciling && now() >= reconcileAt) void follow();
  }

  /** Compares the catalog with storage. What was lost meanwhile is for the next time. */
  async function follow(): Promise<void> {
    reconciling = true;
    const before = lost;
    try {
      const added = await reconcile(options.shelf, catalog, life.signal, now);
      if (lost === before) {
        await rm(reconcileMark(folder), { force: true });
        lost = 0;
      }
      log.info('the catalog was compared with storage', { added });
    } catch (error) {
      reconcileAt = now() + reconcileAgainMs;
      if (!life.signal.aborted)
        log.warn('the catalog could not be compared with storage', { reason: (error as Error).message });
    }
    reconciling = false;
  }

  const timers = [
    setInterval(() => asked.flush().catch(() => undefined), flushMs),
    setInterval(() => outbox.touch().catch(() => undefined), touchMs),
  ];
  for (const timer of timers) timer.unref();

  function trouble(): string | undefined {
    if (outbox.trouble !== undefined) return `its outbox cannot be written: ${outbox.trouble}`;
    if (lost > 0)
      return `its outbox is full, and ${lost} entries are lost: ${report.trouble ?? 'it is slow'}`;
    return report.trouble;
  }

  metrics.gauge('stoa_catalog_degraded', () => (trouble() === undefined ? 0 : 1));
  metrics.gauge('stoa_outbox_bytes', pending);
  metrics.gauge('stoa_outbox_oldest_seconds', () =>
    report.left.oldest === undefined ? 0 : Math.max(0, now() - report.left.oldest) / 1000,
  );
  metrics.counter('stoa_catalog_entries_total', () => written);
  metrics.gauge('stoa_jobs_waiting', () => report.jobs.waiting);
  metrics.gauge('stoa_jobs_running', () => report.jobs.running);
  metrics.gauge('stoa_jobs_failed', () => report.jobs.failed);

  return {
    ...recorder,
    asked: asked.add,
    addJob: (job) => append({ type: 'job', at: now(), ...job }),
    catalog,
    get trouble() {
      return trouble();
    },
    ready() {
      thread.start();
      return opened.promise;
    },
    async close() {
      for (const timer of timers) clearInterval(timer);
      await runner.close();
      if (report.trouble === undefined) await asked.flush().catch(() => undefined);
      life.abort(new StoaError('draining', 'the server is shutting down'));
      await outbox.close();
      await thread.close();
    },
  };
}
