import type { Readable } from 'node:stream';
import { StoaError } from '../errors.ts';
import type { HttpReply } from './client.ts';

/** Characters of an upstream's own words that are passed on. */
const maxReason = 300;

/** The names of statuses that upstreams answer with; others go by their number. */
const statusNames: Readonly<Record<number, string>> = {
  204: 'No Content',
  206: 'Partial Content',
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  410: 'Gone',
  429: 'Too Many Requests',
  500: 'Internal Server Error',
  502: 'Bad Gateway',
  503: 'Service Unavailable',
  504: 'Gateway Timeout',
};

/**
 * The error that an answer other than 200 stands for. 404 and 410 are `notFound` in the source's own words (the go
 * command takes both for absence); all else is `upstream`: the source could not, or would not, say.
 */
export async function readRefusal(subject: string, source: string, reply: HttpReply): Promise<StoaError> {
  const status = `answered ${formatStatus(reply.status)}`;
  const reason = formatReason(await readStart(reply.body), reply.headers['content-type'], subject);
  const told = reason === '' ? `${source} ${status}` : `${source} ${status}: ${reason}`;
  if (reply.status === 404 || reply.status === 410) {
    // The public mirror says 404 when its own fetch took too long, which is no statement about the module.
    if (/\bfetch timed out\b/.test(reason)) return new StoaError('timeout', `${subject}: ${told}`);
    return new StoaError('notFound', `${subject}: ${reason === '' ? told : reason}`);
  }
  const { retryAfter } = reply;
  return new StoaError('upstream', `${subject}: ${told}`, retryAfter === undefined ? {} : { retryAfter });
}

/** A status with its name, where that is known: `404 Not Found`. */
export function formatStatus(status: number): string {
  return [status, statusNames[status]].join(' ').trim();
}

/**
 * The first paragraph of a plain text answer as one line: printable, at most 300 characters, without the
 * `not found: <module>: ` that proxies put before it. Empty for other types, which are pages for browsers.
 */
export function formatReason(
  body: Uint8Array,
  contentType: string | string[] | undefined,
  subject: string,
): string {
  const type = String(contentType ?? 'text/plain').toLowerCase();
  if (!/^text\/plain\s*(;|$)/.test(type)) return '';
  const paragraph = Buffer.from(body)
    .toString()
    .trimStart()
    .split(/\r?\n\s*\n/, 1)[0]!;
  let line = paragraph.replace(/[\p{C}\p{Z}\s\uFFFD]+/gu, ' ').trim();
  for (const prefix of ['not found:', `${subject}:`]) {
    if (line.startsWith(prefix)) line = line.slice(prefix.length).trimStart();
  }
  const characters = [...line];
  return characters.length > maxReason ? `${characters.slice(0, maxReason - 1).join('')}…` : line;
}

/** The body of an error is short, by the client's contract; a failure midway leaves what came before it. */
async function readStart(body: Readable): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  try {
    for await (const chunk of body as AsyncIterable<Uint8Array>) chunks.push(chunk);
  } catch {
    // The status has said it already.
  }
  return Buffer.concat(chunks);
}
