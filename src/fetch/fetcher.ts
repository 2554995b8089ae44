import type { Writable } from 'node:stream';
import type { ModuleVersion } from '../module/version.ts';

/**
 * The contract of a source of modules. `notFound` is thrown only when the source itself said so; `upstream`, `timeout`,
 * `overloaded` when it could not say; `integrity` when what it sent cannot be what was asked for. `via` is the chain
 * of servers that the asking request came through, where it came through any: it is passed on, so that a loop is seen
 * (see loop.ts).
 */
export interface Fetcher {
  /**
   * The versions the source lists: canonical, fitting the path, no pseudo-versions, in semver order without duplicates.
   * Empty when the module exists without tagged versions.
   */
  list(path: string, signal: AbortSignal, via?: string): Promise<FetchedList>;
  /** The `.info` of what a query names: `latest`, a branch, a tag or a commit. */
  query(path: string, query: string, signal: AbortSignal, via?: string): Promise<FetchedInfo>;
  /**
   * Writes one file of a canonical version into the spool, at the speed of the source. The promise is fulfilled
   * after the last byte was accepted by the spool.
   */
  fetch(
    version: ModuleVersion,
    file: ModuleFile,
    want: Want,
    spool: Spool,
    signal: AbortSignal,
    via?: string,
  ): Promise<Fetched>;
}

/** The three files of a version that go over the wire. */
export type ModuleFile = 'info' | 'mod' | 'zip';

/** What a fetch must agree with. */
export interface Want {
  /** Looks up the commit that `.info` pinned, if it did; only sources that read repositories need it. */
  readonly commit?: () => Promise<string | undefined>;
  /** Sources whose bytes were refused before; they are passed over. */
  readonly not?: readonly string[];
}

/** Where the bytes came from, and from sources that read repositories of which commit. */
export interface Fetched {
  readonly source: string;
  /** The `.info` of the commit that was read. */
  readonly info?: Uint8Array;
  /** The go.mod of that commit. */
  readonly goMod?: Uint8Array;
  /**
   * Set where the tag of the version no longer leads to the commit that was wanted and read: the commit it leads to now,
   * `''` when it is gone.
   */
  readonly moved?: string;
}

export interface FetchedList {
  readonly source: string;
  readonly versions: readonly string[];
  /** Why versions may be missing: the source refuses its list, and these are only what its `@latest` names. */
  readonly incomplete?: string;
  /** The commits that the tags of these versions lead to, from sources that read repositories. */
  readonly commits?: ReadonlyMap<string, string>;
}

export interface FetchedInfo {
  readonly source: string;
  /** The canonical version the query resolved to. */
  readonly version: string;
  /** The JSON as the source sent it. */
  readonly bytes: Uint8Array;
  /** The commit the query resolved to, from sources that read repositories. */
  readonly commit?: string;
  /** The go.mod of that commit. */
  readonly goMod?: Uint8Array;
}

/** Where a fetch puts its bytes. */
export interface Spool {
  /**
   * Begins a download; called again it discards what came and starts over, and throws once a reader took a byte. `size` is what the source declared.
   * The writable destroys itself with an `integrity` error past the size limit.
   */
  begin(from: { readonly source: string; readonly size?: number }): Writable;
}
