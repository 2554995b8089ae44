import type { Readable } from 'node:stream';

/** The one way out over HTTP. */
export interface HttpClient {
  /**
   * GETs a URL, following redirects, and answers when the final head is there, whatever its status.
   * Throws `upstream` (could not connect, broken answer, refused redirect), `timeout` or `canceled`; a status that is worth another try
   * was already retried.
   */
  get(url: URL, request: HttpRequest): Promise<HttpReply>;
  /** Ends idle connections; running ones are aborted. */
  close(): Promise<void>;
}

export interface HttpRequest {
  readonly signal: AbortSignal;
  /** The module path this is for; decides which credentials may be sent. */
  readonly module?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Bytes of body after which reading it fails with `integrity`; a larger declared length fails at once. */
  readonly maxBytes: number;
}

/** An answer. The caller reads the body to its end or destroys it. */
export interface HttpReply {
  readonly status: number;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** The declared length of the body as it will be read; absent when unknown or when the body is decompressed on the way. */
  readonly size?: number;
  /** The body; a failure midway destroys it with a StoaError of the kinds above. */
  readonly body: Readable;
  /** The URL that answered, without credentials. */
  readonly url: URL;
}
