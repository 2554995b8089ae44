/**
 * What can go wrong, once. A kind is given where the fact is known and decides, everywhere above, the HTTP
 * status, how long the answer may be remembered, the log level and the sentence in the documentation
 * (docs/errors.md is generated from this table, a test compares both).
 */

/** What follows from a kind of error. */
export interface ErrorKindEntry {
  /** The HTTP status a client gets. */
  readonly status: number;
  /** Seconds for which the same question may be answered from memory with the same error; 0: ask again. */
  readonly cacheSeconds: number;
  /** The level of the one log line. */
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  /** Seconds for a Retry-After header, where waiting helps. */
  readonly retryAfter?: number;
  /** One sentence for docs/errors.md: what happened, and what the reader can do. */
  readonly doc: string;
}

/** Every kind of error. The statuses follow what the go command does with them (cmd/go/internal/web, modfetch/proxy.go). */
export const errorKinds = {
  notFound: {
    status: 404,
    cacheSeconds: 60,
    level: 'info',
    doc: 'The source itself said that it does not exist. The go command tries the next entry of GOPROXY.',
  },
  malformed: {
    status: 404,
    cacheSeconds: 0,
    level: 'info',
    doc: 'The module path, version or URL breaks a rule of the protocol, which the message names. It is a 404 so that the go command tries the next entry of GOPROXY.',
  },
  gone: {
    status: 410,
    cacheSeconds: 0,
    level: 'info',
    doc: 'An administrator withdrew this version here; the message says why.',
  },
  denied: {
    status: 403,
    cacheSeconds: 0,
    level: 'info',
    doc: 'A policy forbids this version. The go command stops; the message names the rule and what to do.',
  },
  unauthenticated: {
    status: 401,
    cacheSeconds: 0,
    level: 'info',
    doc: 'The server asks who you are; the message says how to log in.',
  },
  methodNotAllowed: {
    status: 405,
    cacheSeconds: 0,
    level: 'info',
    doc: 'Only GET and HEAD are served here.',
  },
  integrity: {
    status: 502,
    cacheSeconds: 60,
    level: 'error',
    doc: 'What the source sent contradicts the protocol, its own statements or what is known of this version. Nothing of it was stored or completed.',
  },
  upstream: {
    status: 502,
    cacheSeconds: 0,
    level: 'warn',
    doc: 'The source could not be reached or answered with a failure, and nothing is stored.',
  },
  timeout: {
    status: 504,
    cacheSeconds: 0,
    level: 'warn',
    doc: 'The source did not answer in time, and nothing is stored.',
  },
  overloaded: {
    status: 503,
    cacheSeconds: 0,
    level: 'warn',
    retryAfter: 10,
    doc: 'More downloads are waiting than the limits allow. Stored modules are still served.',
  },
  draining: {
    status: 503,
    cacheSeconds: 0,
    level: 'info',
    retryAfter: 5,
    doc: 'The server is shutting down.',
  },
  storage: {
    status: 503,
    cacheSeconds: 0,
    level: 'error',
    retryAfter: 30,
    doc: 'The store could not be read or written (disk full, read-only, permission, outage). Stored modules that can be read are still served.',
  },
  catalog: {
    status: 503,
    cacheSeconds: 0,
    level: 'error',
    retryAfter: 30,
    doc: 'The catalog, the database of versions, events and jobs, could not be read or written. Modules are served all the same.',
  },
  canceled: {
    status: 499,
    cacheSeconds: 0,
    level: 'debug',
    doc: 'The client left before the answer was there. No client sees this status; it stands in the log.',
  },
  config: {
    status: 500,
    cacheSeconds: 0,
    level: 'error',
    doc: 'A setting is wrong; the server does not start, or the part says what is missing.',
  },
  internal: {
    status: 500,
    cacheSeconds: 0,
    level: 'error',
    doc: 'A fault in Stoa itself. The log line with the same trace_id has the stack; please report it.',
  },
} as const satisfies Record<string, ErrorKindEntry>;

/** The name of a kind of error. */
export type ErrorKind = keyof typeof errorKinds;

/**
 * An error with a kind. The message is one line for the person at the terminal: lower case, beginning with the
 * module where there is one (`example.com/m@v1.2.3: …`), the cause last, without secrets.
 */
export class StoaError extends Error {
  readonly kind: ErrorKind;
  /** Seconds after which the source said to try again, where it said so. */
  readonly retryAfter: number | undefined;

  constructor(kind: ErrorKind, message: string, options: { cause?: unknown; retryAfter?: number } = {}) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined);
    this.name = 'StoaError';
    this.kind = kind;
    this.retryAfter = options.retryAfter;
  }
}

/** True for a StoaError, of this kind where one is given. */
export function isStoaError(error: unknown, kind?: ErrorKind): error is StoaError {
  return error instanceof StoaError && (kind === undefined || error.kind === kind);
}

/**
 * The error as a StoaError: itself, `canceled` for an abort, else `internal` with it as the cause.
 * For the top of a request, where an unclassified error is a fault of ours.
 */
export function toStoaError(error: unknown): StoaError {
  if (error instanceof StoaError) return error;
  if (error instanceof Error && error.name === 'AbortError')
    return new StoaError('canceled', 'canceled', { cause: error });
  const message = error instanceof Error ? error.message : String(error);
  return new StoaError('internal', `internal error: ${message}`, { cause: error });
}
