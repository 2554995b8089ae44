import type { ModuleVersion } from '../module/version.ts';
import type { Metrics } from '../observe/metrics.ts';
import type { Entry, Published } from './entry.ts';

/**
 * What the parts of the house tell of what happened. Nothing of it waits for a database, and nothing of it fails. A promise is
 * fulfilled when a killed process would not lose what was told.
 */
export interface Recorder {
  /** A version was stored. */
  published(version: Published): Promise<void>;
  /** A stored content was vouched for, by the database or ledger of this name. */
  verified(version: ModuleVersion, h1: string, by: string): Promise<void>;
  /** What was stored of a version is taken away; not so the content with the hash `except`. */
  gone(version: ModuleVersion, except?: string): Promise<void>;
  /**
   * Something that somebody may have to look at, by a fixed short word: it is counted in the metrics, too. `text` is one line,
   * without secrets.
   */
  event(
    kind: string,
    module: ModuleVersion | undefined,
    text: string,
    detail?: Readonly<Record<string, string>>,
  ): void;
}

/** A recorder that makes entries of what it is told. */
export function createRecorder(options: {
  readonly append: (entry: Entry) => Promise<void>;
  /** A name that nobody else has, for the names of events. */
  readonly owner: string;
  readonly metrics: Metrics;
  readonly now: () => number;
}): Recorder {
  const { append, owner, metrics, now } = options;
  let events = 0;
  return {
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
}
