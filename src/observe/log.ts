/** Fields of a log line beside the message. Values are short; secrets never. */
export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>;

/** Structured logging. A line is written once, where the fact is decided (for a request: at its end). */
export interface Log {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  /** `error` adds its stack. */
  error(message: string, fields?: LogFields & { readonly error?: unknown }): void;
  /** The one line of a finished request; on the hot path, so it costs about a microsecond. */
  access(entry: AccessEntry): void;
  /** Writes out what is buffered. */
  flush(): Promise<void>;
}

/** What an access line says. */
export interface AccessEntry {
  readonly traceId: string;
  readonly method: string;
  /** The path as asked, for requests that name no module; cut to 512 characters. */
  readonly target: string;
  /** `list`, `latest`, `query`, `info`, `mod`, `zip`, or the name of another route. */
  readonly kind: string;
  readonly module?: string;
  readonly version?: string;
  readonly status: number;
  /** Body bytes sent. */
  readonly bytes: number;
  readonly durationMs: number;
  readonly address: string;
  readonly user?: string;
  readonly outcome?: 'hit' | 'miss' | 'stale';
  readonly source?: string;
  /** Why it failed: the message of the StoaError. */
  readonly error?: string;
}
