import type { ModuleVersion } from '../module/version.ts';
import type { Published } from './entry.ts';

/** What the parts of the house tell of what happened. Nothing of it waits for a database, and nothing of it throws. */
export interface Recorder {
  /** A version was stored. Fulfilled when a killed process would not lose that. */
  published(version: Published): Promise<void>;
  /** A stored content was vouched for, by the database or ledger of this name. Fulfilled as above. */
  verified(version: ModuleVersion, h1: string, by: string): Promise<void>;
  /** What was stored of a version is taken away; not so the content with the hash `except`. Fulfilled as above. */
  gone(version: ModuleVersion, except?: string): Promise<void>;
  /**
   * Something that somebody may have to look at, by a fixed short word: it is counted in the metrics and kept in the catalog.
   * `text` is one line, without secrets.
   */
  event(
    kind: string,
    module: ModuleVersion | undefined,
    text: string,
    detail?: Readonly<Record<string, string>>,
  ): void;
}
