import { errors } from 'undici';
import { isStoaError, StoaError } from '../errors.ts';

/** How long the phases of a request may take, in milliseconds. */
export interface Deadlines {
  /** Look-up, connection and TLS; with a proxy each of its steps. */
  readonly connectMs: number;
  /** From the request being sent to the head of the answer, for each redirect and try. */
  readonly firstByteMs: number;
  /** Between two pieces of a body, while the reader is ready for more. */
  readonly idleMs: number;
  /** All of it, with redirects, waits and the body. */
  readonly totalMs: number;
}

/**
 * What a broken connection means: `timeout`, `canceled`, or `upstream` with the reason in plain words, and
 * the error as cause. A StoaError is answered as it is.
 */
export function describeFailure(error: unknown, host: string, deadlines: Deadlines): StoaError {
  if (isStoaError(error)) return error;
  const cause = { cause: error };
  const code = codeOf(error);
  switch (code) {
    case 'UND_ERR_CONNECT_TIMEOUT':
    case 'ETIMEDOUT':
      return new StoaError(
        'timeout',
        `${host}: no connection within ${formatMs(deadlines.connectMs)}`,
        cause,
      );
    case 'UND_ERR_HEADERS_TIMEOUT':
      return new StoaError('timeout', `${host}: no answer within ${formatMs(deadlines.firstByteMs)}`, cause);
    case 'UND_ERR_BODY_TIMEOUT':
      return new StoaError('timeout', `${host}: the answer stalled for ${formatMs(deadlines.idleMs)}`, cause);
    case 'UND_ERR_DESTROYED':
    case 'UND_ERR_CLOSED':
      return new StoaError('canceled', `${host}: the client was closed`, cause);
    case 'UND_ERR_INVALID_ARG':
      return new StoaError('internal', `${host}: the request could not be formed`, cause);
    default:
      return new StoaError('upstream', `${host}: ${reasonOf(code)}`, cause);
  }
}

/** As `describeFailure`, for an answer that broke off after `received` of the declared bytes. */
export function describeCut(
  error: unknown,
  host: string,
  deadlines: Deadlines,
  received: number,
  size: number | undefined,
): StoaError {
  const failure = describeFailure(error, host, deadlines);
  if (failure === error || failure.kind !== 'upstream') return failure;
  const isShort = size !== undefined && received < size;
  const text = isShort
    ? `the answer ended after ${received} of ${size} bytes`
    : `the answer broke off after ${received} bytes: ${reasonOf(codeOf(error))}`;
  return new StoaError('upstream', `${host}: ${text}`, { cause: error });
}

/** What it means that a name could not be looked up: `upstream`, with the reason in plain words. */
export function describeLookup(error: unknown, host: string): StoaError {
  return new StoaError('upstream', `${host}: ${reasonOf(codeOf(error))}`, { cause: error });
}

/** True for a failure that is a statement: the name service knows the host, and that it has no address. */
export function isUnknownHost(error: unknown): boolean {
  return isStoaError(error) && codeOf(error.cause) === 'ENOTFOUND';
}

/** True when the same request may well succeed a moment later, as far as the error tells. */
export function isPassing(error: unknown): boolean {
  if (!isStoaError(error)) return false;
  return passing.has(codeOf(error.cause));
}

/** A duration as a person says it: `250 ms`, `60 s`, `30 min`. */
export function formatMs(ms: number): string {
  if (ms < 1_000) return `${ms} ms`;
  return ms < 120_000 ? `${ms / 1_000} s` : `${ms / 60_000} min`;
}

function codeOf(error: unknown): string {
  if (error instanceof errors.HTTPParserError) return 'HPE';
  const code = error instanceof Error ? (error as { code?: unknown }).code : undefined;
  return typeof code === 'string' ? code : '';
}

function reasonOf(code: string): string {
  const known = reasons.get(code);
  if (known !== undefined) return known;
  if (code === 'EPROTO' || code.startsWith('ERR_SSL_') || code.startsWith('ERR_TLS_'))
    return `TLS handshake failed (${code})`;
  return code === '' ? 'the request failed' : `the request failed (${code})`;
}

/** Connections that could not be made, or broke before the answer. */
const passing: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ETIMEDOUT',
  'UND_ERR_SOCKET',
  'UND_ERR_CONNECT_TIMEOUT',
]);

const unknownAuthority =
  'its certificate is signed by an authority that is not trusted here; an extra CA file can name it';

const reasons: ReadonlyMap<string, string> = new Map([
  ['ECONNREFUSED', 'connection refused'],
  ['ECONNRESET', 'connection reset'],
  ['EPIPE', 'connection closed'],
  ['UND_ERR_SOCKET', 'connection closed'],
  ['ENOTFOUND', 'no such host'],
  ['EAI_AGAIN', 'the name could not be looked up for now'],
  ['EHOSTUNREACH', 'no route to the host'],
  ['ENETUNREACH', 'no route to its network'],
  ['EACCES', 'connecting is not permitted here'],
  ['EPERM', 'connecting is not permitted here'],
  ['EMFILE', 'too many open files in this process'],
  ['ENFILE', 'too many open files on this machine'],
  ['EADDRNOTAVAIL', 'no local address or port is free'],
  ['HPE', 'what it sent is not HTTP'],
  ['UND_ERR_HEADERS_OVERFLOW', 'the head of its answer is too large'],
  ['UND_ERR_RES_CONTENT_LENGTH_MISMATCH', 'the answer is not as long as it declared'],
  ['CERT_HAS_EXPIRED', 'its certificate has expired'],
  ['CERT_NOT_YET_VALID', 'its certificate is not valid yet'],
  ['CERT_REVOKED', 'its certificate was revoked'],
  ['ERR_TLS_CERT_ALTNAME_INVALID', 'its certificate is for another name'],
  ['HOSTNAME_MISMATCH', 'its certificate is for another name'],
  ['DEPTH_ZERO_SELF_SIGNED_CERT', 'its certificate is self-signed'],
  ['SELF_SIGNED_CERT_IN_CHAIN', unknownAuthority],
  ['UNABLE_TO_GET_ISSUER_CERT', unknownAuthority],
  ['UNABLE_TO_GET_ISSUER_CERT_LOCALLY', unknownAuthority],
  ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', unknownAuthority],
  ['ERR_SSL_WRONG_VERSION_NUMBER', 'what answers there does not speak TLS'],
  ['ERR_SSL_PACKET_LENGTH_TOO_LONG', 'what answers there does not speak TLS'],
]);
