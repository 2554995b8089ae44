import { escapeControls } from '../observe/quote.ts';
import type { Inspection } from '../stash/inspect.ts';
import type { Invocation } from './command.ts';
import type { Progress } from './progress.ts';
import type { VerifyCounts } from './verify-state.ts';

/** Counts what was found, and tells what is bad or could not be checked: a line each, and a summary. */
export interface VerifyReport {
  add(found: Inspection, purge: { readonly isPurged: boolean; readonly backup: string }): void;
  counts(): VerifyCounts;
  /** The summary; `isDone` where nothing is left to be read. */
  end(isDone: boolean): void;
}

export const noCounts: VerifyCounts = {
  versions: 0,
  bytes: 0,
  bad: 0,
  purged: 0,
  unchecked: 0,
  database: 0,
  hash: 0,
  unasked: 0,
  ms: 0,
};

/** `before` is what was counted until the verification was interrupted. */
export function createReport(options: {
  readonly invocation: Pick<Invocation, 'out'>;
  readonly json: boolean;
  readonly progress: Progress;
  readonly before: VerifyCounts;
  readonly workers: number;
}): VerifyReport {
  const { invocation, json, progress, before, workers } = options;
  const counts = { ...before };
  const begun = performance.now();

  function say(type: string, fields: object, text: string): void {
    progress.clear();
    invocation.out(json ? escapeControls(JSON.stringify({ type, ...fields })) : plain(text));
  }

  function current(): VerifyCounts {
    return { ...counts, ms: before.ms + Math.round(performance.now() - begun) };
  }

  return {
    add({ path, version, inflated, faults, doubts, heldAgainst }, { isPurged, backup }) {
      const subject = { module: path, version };
      const name = `${path}@${version}`;
      counts.versions++;
      counts.bytes += inflated;
      if (faults.length > 0) {
        counts.bad++;
        if (isPurged) counts.purged++;
        const told = faults.map(({ text }) => text);
        const done = isPurged ? [`moved to ${backup}`] : [];
        const fields = { ...subject, faults, doubts, ...(isPurged && { backup }) };
        say('bad', fields, `bad        ${name}  ${[...told, ...doubts, ...done].join('; ')}`);
      } else if (doubts.length > 0) {
        counts.unchecked++;
        say('unchecked', { ...subject, doubts }, `unchecked  ${name}  ${doubts.join('; ')}`);
      } else {
        counts[heldAgainst]++;
      }
    },
    counts: current,
    end(isDone) {
      const total = current();
      const megabytesPerSecond = Math.round(total.bytes / 1000 / Math.max(1, total.ms));
      say(
        'summary',
        { isDone, ...total, megabytesPerSecond, workers },
        summary(total, megabytesPerSecond, workers),
      );
    },
  };
}

/** How far a verification has come, in one line. */
export function progressLine({ versions, bytes, bad, ms }: VerifyCounts, { path }: Inspection): string {
  const rate = Math.round(bytes / 1000 / Math.max(1, ms));
  return plain(`${versions} versions, ${gigabytes(bytes)}, ${rate} MB/s, ${bad} bad, at ${path}`);
}

function summary(counts: VerifyCounts, rate: number, workers: number): string {
  const { versions, bytes, bad, purged, unchecked, database, hash, unasked, ms } = counts;
  const parts = [
    `${bad} bad${purged > 0 ? ` (${purged} moved away)` : ''}`,
    `${unchecked} could not be checked`,
    `${database} as a checksum database has them`,
    `${hash} as they were stored, no database answers for them`,
    ...(unasked > 0 ? [`${unasked} as they were stored, never looked up in their database`] : []),
  ];
  const work = `${gigabytes(bytes)} in ${(ms / 1000).toFixed(1)} s, ${rate} MB/s by ${workers} workers`;
  return [`verified ${versions} versions (${work})`, ...parts].join('\n  ');
}

function gigabytes(bytes: number): string {
  return `${(bytes / 1e9).toFixed(2)} GB`;
}

/** What is stored may hold anything, and a terminal obeys it. */
function plain(text: string): string {
  return text.replace(/[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029]/g, ' ');
}
