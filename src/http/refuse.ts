import type { Duplex } from 'node:stream';
import { type ErrorKind, errorKinds } from '../errors.ts';
import type { Log } from '../observe/log.ts';
import type { Metrics } from '../observe/metrics.ts';
import type { TraceIds } from '../observe/trace.ts';
import { plainText } from '../protocol/answer.ts';

/** A connection whose request never became one. */
export interface RefusedConnection extends Duplex {
  readonly bytesRead?: number;
  readonly remoteAddress?: string | undefined;
}

/**
 * Ends a connection on which no request could be read, with a status and a line where the client spoke HTTP, and
 * writes the access line. `code` is Node's code for what was wrong.
 */
export function refuse(
  socket: RefusedConnection,
  code: string | undefined,
  { log, metrics, traceIds }: { readonly log: Log; readonly metrics: Metrics; readonly traceIds: TraceIds },
): void {
  const refusal = refusalOf(code);
  if (refusal === undefined || !socket.writable || socket.bytesRead === 0) {
    socket.destroy();
    return;
  }
  const { status, reason, text, kind } = refusal;
  const body = `${text}\n`;
  const head = [
    `HTTP/1.1 ${status} ${reason}`,
    `Content-Type: ${plainText}`,
    `Content-Length: ${body.length}`,
    ...(status === 405 ? ['Allow: GET, HEAD'] : []),
    'Connection: close',
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`, () => socket.destroy());
  metrics.request('other', undefined, status, body.length, 0);
  log.access({
    traceId: traceIds.next(),
    method: '',
    target: '',
    kind: 'other',
    status,
    bytes: body.length,
    durationMs: 0,
    address: socket.remoteAddress ?? 'unix',
    errorKind: kind,
    error: text,
  });
}

interface Refusal {
  readonly status: number;
  readonly reason: string;
  readonly text: string;
  readonly kind: ErrorKind;
}

/** What is not here is no HTTP: a reset, a failed handshake. */
function refusalOf(code: string | undefined): Refusal | undefined {
  switch (code) {
    case 'CONNECT':
      return {
        status: errorKinds.methodNotAllowed.status,
        reason: 'Method Not Allowed',
        text: 'only GET and HEAD are served here',
        kind: 'methodNotAllowed',
      };
    case 'HPE_HEADER_OVERFLOW':
      return {
        status: 431,
        reason: 'Request Header Fields Too Large',
        text: 'malformed request: the URL and the headers are too long',
        kind: 'malformed',
      };
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return {
        status: 408,
        reason: 'Request Timeout',
        text: 'the request did not arrive in time',
        kind: 'malformed',
      };
    default:
      if (code?.startsWith('HPE_') !== true) return undefined;
      return {
        status: 400,
        reason: 'Bad Request',
        text: 'malformed request: this is no HTTP',
        kind: 'malformed',
      };
  }
}
