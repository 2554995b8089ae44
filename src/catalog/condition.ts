import type { Log } from '../observe/log.ts';
import type { Metrics } from '../observe/metrics.ts';
import type { Report } from './keeper.ts';

/** How the catalog does, put together from what its two ends tell: for the log, the metrics and readyz. */
export interface Condition {
  /** The reading end looked. */
  hear(report: Report): void;
  /** The reading end is gone, for now. */
  died(error: unknown): void;
  /** The writing end wrote so many bytes. */
  appended(bytes: number): void;
  /** The writing end gave up an entry. */
  lose(): void;
  /** What was lost so far is made good, as far as it can be. */
  madeGood(lost: number): void;
  /** Entries that were lost and not made good. */
  readonly lost: number;
  /** Bytes in the outbox. */
  readonly pending: number;
  /** Why the catalog does not follow, while it does not. */
  readonly trouble: string | undefined;
}

/** Milliseconds after which a reading end that says nothing, though there is something to read, is in trouble. */
const silentMs = 60_000;

/** `outboxTrouble` is why the writing end cannot write. */
export function createCondition(options: {
  readonly log: Log;
  readonly metrics: Metrics;
  readonly now: () => number;
  readonly outboxTrouble: () => string | undefined;
}): Condition {
  const { log, metrics, now, outboxTrouble } = options;
  let reason: string | undefined;
  let last: Pick<Report, 'left' | 'jobs'> = {
    left: { bytes: 0 },
    jobs: { waiting: 0, running: 0, failed: 0 },
  };
  /** What was written since the last report, and since when. */
  let since: { bytes: number; readonly at: number } | undefined;
  let written = 0;
  let lost = 0;

  function pending(): number {
    return last.left.bytes + (since?.bytes ?? 0);
  }

  function oldest(): number {
    return last.left.oldest ?? since?.at ?? now();
  }

  function setReason(next: string | undefined): void {
    if (next !== undefined && reason === undefined)
      log.error('the catalog cannot be written; what happens waits in its outbox', { reason: next });
    if (next === undefined && reason !== undefined) log.info('the catalog is written again');
    reason = next;
  }

  function trouble(): string | undefined {
    const writing = outboxTrouble();
    if (writing !== undefined) return `its outbox cannot be written: ${writing}`;
    const reading = reason ?? (since && now() - since.at > silentMs ? 'it does not answer' : undefined);
    if (lost === 0) return reading;
    return `its outbox was full, and ${lost} entries are lost${reading === undefined ? '' : `: ${reading}`}`;
  }

  metrics.gauge('stoa_catalog_degraded', () => (trouble() === undefined ? 0 : 1));
  metrics.gauge('stoa_outbox_bytes', pending);
  metrics.gauge('stoa_outbox_oldest_seconds', () => Math.max(0, now() - oldest()) / 1000);
  metrics.counter('stoa_catalog_entries_total', () => written);
  metrics.gauge('stoa_jobs_waiting', () => last.jobs.waiting);
  metrics.gauge('stoa_jobs_running', () => last.jobs.running);
  metrics.gauge('stoa_jobs_failed', () => last.jobs.failed);

  return {
    hear(report) {
      setReason(report.trouble);
      last = report;
      since = undefined;
      written += report.written;
    },
    died(error) {
      setReason(`its thread ended: ${error instanceof Error ? error.message : String(error)}`);
    },
    appended(bytes) {
      since ??= { bytes: 0, at: now() };
      since.bytes += bytes;
    },
    lose() {
      metrics.event('catalog_entry_lost');
      if (lost++ === 0) log.error('the outbox of the catalog is full: entries are lost');
    },
    madeGood(count) {
      lost -= count;
    },
    get lost() {
      return lost;
    },
    get pending() {
      return pending();
    },
    get trouble() {
      return trouble();
    },
  };
}
