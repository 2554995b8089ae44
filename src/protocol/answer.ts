import type { StoaError } from '../errors.ts';
import type { Opened, Provenance } from '../stash/modules.ts';

/** What a request is answered with, before it is known how: HEAD, ranges, compression and 304 are the writer's. */
export interface Answer {
  readonly status: number;
  readonly contentType: string;
  readonly cacheControl: string;
  /** With its quotes; only for content that is verified and will never change. */
  readonly etag?: string | undefined;
  /** Further headers: a name, its value, a name, its value. */
  readonly headers?: readonly string[] | undefined;
  /** Range requests are honoured. */
  readonly ranges?: boolean;
  /** Text that is worth compressing where it is long enough. */
  readonly compress?: boolean;
  /** The whole content, or an open file that the writer reads and closes. */
  readonly body: Uint8Array | Opened;
  /** How it came to be, for what names a module. */
  readonly outcome?: Provenance['outcome'] | undefined;
  readonly source?: string | undefined;
  /** Why the answer is a failure: for the access line. */
  readonly error?: StoaError;
}

export const plainText = 'text/plain; charset=utf-8';
