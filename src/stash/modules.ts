import type { ModuleFile } from '../fetch/fetcher.ts';
import type { ModuleVersion } from '../module/version.ts';

/** A value at once where it is in memory, else its promise: a hit must not wait for a turn of the event loop. */
export type Ready<T> = T | Promise<T>;

/**
 * What the rest of the house asks for modules: the stash is one, and so is every wrapper around it (policy). All
 * methods throw StoaErrors; `notFound` only when a source said so.
 */
export interface Modules {
  /** The versions of a module: what the source lists together with what is stored. */
  list(path: string, ask: Ask): Ready<Answered>;
  /** The `.info` of `latest`, a branch, a tag or a commit. */
  query(path: string, query: string, ask: Ask): Ready<Answered>;
  /** One file of a canonical version. The caller closes what it gets. */
  open(version: MaybeKeyed, file: ModuleFile, ask: Ask): Ready<Opened>;
}

/** A version, with the storage key of the file asked for where the caller has it at hand: a hit is spared making it. */
export interface MaybeKeyed extends ModuleVersion {
  readonly key?: string;
}

/** Who asks, how far to go, and when to give up. */
export interface Ask {
  readonly asker: Asker;
  /** Aborted when the client left. */
  readonly signal: AbortSignal;
  /** The chain of servers the request came through, where it came through any; passed on, so that a loop is seen. */
  readonly via?: string;
  /** Never fetch: answer from what is stored, else `notFound`. */
  readonly cachedOnly?: boolean;
  /** The client can be shown bytes that are not verified to the end yet, since a cut is seen as a failure: a plain GET over HTTP/1.1 or 2. */
  readonly mayStream?: boolean;
}

export interface Asker {
  readonly address: string;
  readonly user?: string;
}

/** How an answer came to be: for the access line and the metrics. */
export interface Provenance {
  /** `hit`: memory or storage. `miss`: fetched for this request or one it joined. `stale`: a kept answer while the source is asked again or is down. */
  readonly outcome: 'hit' | 'miss' | 'stale';
  /** The source it was fetched from, where known. */
  readonly source?: string;
}

/** A small changing answer: a list (text, a version a line) or an `.info` (JSON). The same object may be handed to many. */
export interface Answered extends Provenance {
  readonly bytes: Uint8Array;
  /** Seconds since the source said so; 0 for a fresh one. */
  readonly ageSeconds: number;
  /** Why the answer may be old or lack something: one line for a Warning header. */
  readonly caveat?: string;
}

/** An open file of a version. The object of a memory hit is the same for every caller; its `close` does nothing. */
export interface Opened extends Provenance {
  /** Bytes of the whole file; absent while a first download has not declared it. */
  readonly size?: number;
  /** With its quotes; absent while the content is not verified to its end. */
  readonly etag?: string;
  /** True for content that a checksum database vouched for. */
  readonly isVerified?: boolean;
  /** False while this is a first download whose last bytes are withheld until it is verified and stored. */
  readonly stored: boolean;
  /** The whole content, where it is in memory. */
  readonly bytes?: Uint8Array;
  /** The bytes from `start` up to but not including `end`. A chunk is valid only until the next one is asked for. */
  read(range: {
    readonly start?: number;
    readonly end?: number;
    readonly signal: AbortSignal;
  }): AsyncIterable<Uint8Array>;
  close(): Promise<void>;
}
