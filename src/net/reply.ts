import { Readable } from 'node:stream';
import { StoaError } from '../errors.ts';
import type { HttpReply, HttpRequest } from './client.ts';
import type { Answer, BodyLimit, Head } from './exchange.ts';
import { inflate, packedLimit } from './inflate.ts';
import { parseRetryAfter } from './retry.ts';

/** How much body may come after a head, as it is sent. */
export function limitOf(head: Head, maxBytes: number): BodyLimit {
  if (!isOk(head)) return explanation;
  return { bytes: encodingOf(head) === 'gzip' ? packedLimit(maxBytes) : maxBytes, cut: false };
}

/**
 * The answer as the caller gets it: unpacked where it came packed. Throws `upstream` for an encoding nobody
 * asked for.
 */
export function toReply(url: URL, request: HttpRequest, answer: Answer, nowMs: number): HttpReply {
  const { status, headers, size, body } = answer;
  const retryAfter = parseRetryAfter(headers['retry-after'], nowMs);
  const common = { status, headers, url, ...(retryAfter === undefined ? {} : { retryAfter }) };
  const isEmpty = size === 0 || status === 204 || status === 304;
  const encoding = isEmpty ? '' : encodingOf(answer);

  if (encoding === 'gzip') {
    const limit = isOk(answer) ? { bytes: request.maxBytes, cut: false } : explanation;
    return { ...common, body: inflate(url.host, body, limit) };
  }
  if (encoding !== '') {
    body.destroy();
    if (isOk(answer))
      throw new StoaError('upstream', `${url.host}: answered in an encoding nobody asked for`);
    return { ...common, size: 0, body: Readable.from([]) };
  }
  const isWhole = size !== undefined && (isOk(answer) || size <= explanation.bytes);
  return { ...common, ...(isWhole ? { size } : {}), body };
}

/** For the body of a status other than 2xx, which only explains it. */
const explanation: BodyLimit = { bytes: 64 * 1024, cut: true };

/** `gzip`, another encoding, or nothing for a body that is what it says. */
function encodingOf({ headers }: Head): string {
  const value = headers['content-encoding'];
  const encoding = typeof value === 'string' ? value.trim().toLowerCase() : (value?.join() ?? '');
  if (encoding === 'x-gzip') return 'gzip';
  return encoding === 'identity' ? '' : encoding;
}

/** A status of 2xx. */
export function isOk({ status }: Head): boolean {
  return status >= 200 && status < 300;
}
