import { type ErrorKindEntry, errorKinds, type StoaError } from '../errors.ts';
import { type Answer, plainText } from './answer.ts';

/**
 * The answer to a request that failed. Its body is what the go command prints; its Cache-Control is `no-store`
 * unless the caller knows better.
 */
export function errorAnswer(error: StoaError, cacheControl = 'no-store'): Answer {
  const entry: ErrorKindEntry = errorKinds[error.kind];
  const headers = ['X-Content-Type-Options', 'nosniff'];
  const retryAfter = error.retryAfter ?? entry.retryAfter;
  if (retryAfter !== undefined) headers.push('Retry-After', String(Math.max(1, Math.ceil(retryAfter))));
  if (error.kind === 'methodNotAllowed') headers.push('Allow', 'GET, HEAD');
  const message = error.kind === 'notFound' ? `not found: ${error.message}` : error.message;
  return {
    status: entry.status,
    contentType: plainText,
    cacheControl,
    headers,
    body: Buffer.from(displayText(message)),
    error,
  };
}

/** The go command shows at most this much of a failure (`maxErrorDetailLines` and `-Bytes` in cmd/go/internal/web), and nothing of one with a longer line. */
const maxLines = 8;
const maxBytes = 600;

/**
 * A message as the go command will show it, with a newline at its end: it prints nothing at all of a text that has a
 * character that is neither graphic nor space (`formatErrorDetail` in cmd/go/internal/web), and stops at a blank line.
 */
export function displayText(message: string): string {
  const lines = message
    .toWellFormed()
    .split(/\r\n|[\n\r\v\f\x85\u2028\u2029]/)
    .map((line) =>
      line
        .replace(/\t/g, ' ')
        .replace(/[^\p{L}\p{M}\p{N}\p{P}\p{S}\p{Zs}]/gu, '?')
        .trimEnd(),
    )
    .filter((line) => line !== '')
    .slice(0, maxLines);
  return `${cut(lines.join('\n'), maxBytes - 1)}\n`;
}

/** The text in at most so many bytes of UTF-8, with an ellipsis where it was longer. */
function cut(text: string, limit: number): string {
  const bytes = Buffer.from(text);
  if (bytes.length <= limit) return text;
  let end = limit - Buffer.byteLength('…');
  while ((bytes[end]! & 0xc0) === 0x80) end--;
  return `${bytes.toString('utf8', 0, end).trimEnd()}…`;
}
