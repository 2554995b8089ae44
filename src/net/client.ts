import type { Readable } from 'node:stream';

/** The one way out over HTTP. */
export interface HttpClient {
  /**
   * GETs a URL, following redirects, and answers when the final head is there, whatever its status; user and
   * password in the URL are not sent. A status or a broken connection that is worth another try was already
   * tried again.
   *
   * A 401 is passed on after what gave the credential was asked for another one.
   *
   * Throws `upstream` (could not connect, broken answer, refused redirect or address, no answer from what gives a
   * credential), `timeout` (the message names the deadline), `integrity` (the declared length is beyond `maxBytes`) or `canceled` (the signal, or
   * `close`). Messages begin with the host, name no path, and hold no secret.
   */
  get(url: URL, request: HttpRequest): Promise<HttpReply>;
  /** Ends idle connections; running requests and bodies end with `canceled`. */
  close(): Promise<void>;
}

/** The same way out for what is sent, and may be sent twice. */
export interface HttpPoster {
  /** POSTs JSON. As `get`, but a redirect is not followed. */
  post(url: URL, json: unknown, request: HttpRequest): Promise<HttpReply>;
}

export interface HttpRequest {
  /** Ends the request, and its body after that, with `canceled`. */
  readonly signal: AbortSignal;
  /** The module path this is for; decides which credentials may be sent. */
  readonly module?: string;
  /**
   * A module path or a page led to this URL, not the settings: a credential is sent only where it serves the
   * module, as after a redirect from another host.
   */
  readonly stranger?: boolean;
  /** The certificate of the host may be anybody's, and a redirect may lead to plain http. No credential is sent. */
  readonly insecure?: boolean;
  /** `Authorization` and `Cookie` among them are not sent on after a redirect to another host. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Bytes of body after which reading it fails with `integrity`; a larger declared length fails at once. */
  readonly maxBytes: number;
  /** Ask for gzip; for small texts. The body arrives unpacked, and `maxBytes` counts it so. */
  readonly compressed?: boolean;
}

/** An answer. The caller reads the body to its end or destroys it; until then it holds a connection. */
export interface HttpReply {
  readonly status: number;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /**
   * The declared length of the body as it will be read; absent when unknown or when the body is decompressed
   * on the way.
   */
  readonly size?: number;
  /** Seconds of a Retry-After header, where there is one. */
  readonly retryAfter?: number;
  /**
   * The body; a failure midway, one byte too few included, destroys it with a StoaError of the kinds above.
   * With a status other than 2xx it is an explanation, of which at most the first 64 KiB are given, without
   * an error.
   */
  readonly body: Readable;
  /** The URL that answered, without user and password. Its query may be a signature: log the host only. */
  readonly url: URL;
  /** A credential of the settings was sent to it; absent: none. */
  readonly authorized?: boolean;
  /** Why nothing was sent of a credential that serves this, as a clause: what gives it has none for this URL. */
  readonly lacking?: string;
}
