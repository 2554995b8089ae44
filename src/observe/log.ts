import { pino } from 'pino';
import { type ErrorKind, errorKinds } from '../errors.ts';
import { createAccessLine } from './access-line.ts';
import { formatError } from './error-text.ts';
import { formatPlainLine } from './plain-line.ts';
import { escapeControls } from './quote.ts';
import { type LogSink, openLogSink } from './sink.ts';
import { createTimestamp } from './timestamp.ts';
import { createTraceIds } from './trace.ts';

/** How much is logged; `debug` is everything. */
export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

/**
 * Fields of a log line beside the message. Values are short; secrets never. `trace_id` names the request a line
 * belongs to; lines without it carry the one of the process.
 */
export type LogFields = Readonly<Record<string, string | number | boolean | undefined>> & Reserved;

/** Structured logging. A line is written once, where the fact is decided (for a request: at its end). */
export interface Log {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  /** `error` adds its stack and those of its causes. */
  error(message: string, fields?: ErrorFields): void;
  /** The one line of a finished request; on the hot path, so it costs about a microsecond. */
  access(entry: AccessEntry): void;
  /** Writes out what is buffered; waits two seconds at most. */
  flush(): Promise<void>;
}

/** The fields of an error line: `error` is whatever was caught, the others are as in `LogFields`. */
type ErrorFields = Readonly<Record<string, unknown>> & Reserved & { readonly error?: unknown };

/** What every line has already. */
interface Reserved {
  readonly trace_id?: string | undefined;
  readonly timestamp?: never;
  readonly level?: never;
  readonly service?: never;
  readonly message?: never;
}

/** What an access line says. */
export interface AccessEntry {
  readonly traceId: string;
  readonly method: string;
  /** The path as asked, for requests that name no module; cut to 512 characters. */
  readonly target: string;
  /** `list`, `latest`, `query`, `info`, `mod`, `zip`, or the name of another route: a fixed word without blanks or quotes. */
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
  /** Of a failure; the line has the level of the kind where that is above INFO. */
  readonly errorKind?: ErrorKind;
  /** Why it failed: the message of the StoaError. */
  readonly error?: string;
}

export interface LogOptions {
  readonly level: LogLevel;
  /** `json`: a JSON object a line, as docs/log.schema.json says. `plain`: for people at a terminal. */
  readonly format: 'json' | 'plain';
  /** The name in every line. */
  readonly service: string;
  /** By default stdout. */
  readonly sink?: LogSink;
  /** The trace_id of lines that belong to no request: one for the life of the process. */
  readonly traceId?: string;
  readonly now?: () => number;
}

/** The log of a process. Access lines that find the reader too far behind are dropped, counted, and the count is told. */
export function createLog(options: LogOptions): Log {
  const { level, format, service, sink = openLogSink(1), now = Date.now } = options;
  const traceId = options.traceId ?? createTraceIds().next();
  const timestamp = createTimestamp(now);
  const formatLine = format === 'plain' ? formatPlainLine : (line: string) => line;
  const accessLine = createAccessLine(service);
  let dropped = 0;

  const logger = pino(
    {
      level,
      base: { service },
      messageKey: 'message',
      timestamp: () => `,"timestamp":"${timestamp()}"`,
      formatters: { level: (name) => ({ level: name.toUpperCase() }) },
    },
    { write: (line: string) => void sink.write(formatLine(escapeControls(line)), false) },
  );

  const write = (at: LogLevel, message: string, fields: ErrorFields = {}): void => {
    if (ranks[at] < ranks[level]) return;
    const { trace_id = traceId, error, ...rest } = fields;
    logger[at]({ trace_id, message, ...rest, ...(error === undefined ? {} : { error: errorText(error) }) });
  };

  return {
    debug: (message, fields) => write('debug', message, fields),
    info: (message, fields) => write('info', message, fields),
    warn: (message, fields) => write('warn', message, fields),
    error: (message, fields) => write('error', message, fields),
    access(entry) {
      const at = entry.errorKind === undefined ? 'info' : accessLevel(entry.errorKind);
      if (ranks[at] < ranks[level]) return;
      if (!sink.write(formatLine(accessLine(timestamp(), labels[at], entry)), true)) {
        dropped++;
      } else if (dropped > 0) {
        const count = dropped;
        dropped = 0;
        write('warn', 'access lines were dropped: the reader of the log was too slow', { dropped: count });
      }
    },
    flush: () => sink.flush(),
  };
}

const ranks: Readonly<Record<LogLevel, number>> = { debug: 0, info: 1, warn: 2, error: 3 };
const labels: Readonly<Record<LogLevel, string>> = {
  debug: 'DEBUG',
  info: 'INFO',
  warn: 'WARN',
  error: 'ERROR',
};

/** A finished request is worth INFO at least, also when its kind of failure is not. */
function accessLevel(kind: ErrorKind): LogLevel {
  const level = errorKinds[kind].level;
  return ranks[level] < ranks.info ? 'info' : level;
}

/** A warning's `error` is text already. */
function errorText(error: unknown): string {
  return typeof error === 'string' ? error : formatError(error);
}
