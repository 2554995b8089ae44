import { StoaError } from '../errors.ts';
import { type Answer, plainText } from '../protocol/answer.ts';
import type { Opened, Ready } from '../stash/modules.ts';
import { acceptsGzip, type Compression } from './compression.ts';
import { header, type Incoming, type Outgoing } from './exchange.ts';
import { fieldsOf, hasForms } from './fields.ts';
import type { QuickWriter } from './quick.ts';
import { isRangeCurrent, matchesETag, parseRange } from './range.ts';
import { type Sent, sendOpened } from './stream.ts';

/**
 * Writes an answer: HEAD, If-None-Match, ranges and compression are settled here. What was sent is known at once for
 * a body in memory that is not long. Rejects only where nothing was sent yet.
 */
export type Respond = (incoming: Incoming, outgoing: Outgoing, answer: Answer) => Ready<Sent>;

export function createRespond({
  compression,
  quick,
}: {
  readonly compression: Compression;
  readonly quick: QuickWriter;
}): Respond {
  /** The whole of a body in memory, compressed where that is possible and wanted. */
  function sendWhole(incoming: Incoming, outgoing: Outgoing, answer: Answer, whole: Uint8Array): Ready<Sent> {
    const { status } = answer;
    const gzip = hasForms(answer) && takesGzip(incoming) ? compression.gzip(whole) : undefined;
    const body = gzip ?? whole;
    const encoding = gzip === undefined ? undefined : 'gzip';
    if (incoming.method === 'HEAD')
      return sendHead(outgoing, answer, fieldsOf(answer, body.length, encoding));
    if (status !== 200 || !quick(outgoing, answer, body, encoding)) {
      outgoing.writeHead(status, withHeaders(answer, fieldsOf(answer, body.length, encoding)));
      outgoing.end(body);
    }
    return sentWhole(outgoing, status, body.length);
  }

  return (incoming, outgoing, answer) => {
    const { body, etag } = answer;
    const { method, headers } = incoming;
    if (etag !== undefined && headers['if-none-match'] !== undefined) {
      if (matchesETag(header(incoming, 'if-none-match')!, etag)) return sendNotModified(outgoing, answer);
    }
    if (answer.ranges === true && headers.range !== undefined && method === 'GET') {
      const partial = sendRange(incoming, outgoing, answer);
      if (partial !== undefined) return partial;
    }
    if (body instanceof Uint8Array) return sendWhole(incoming, outgoing, answer, body);
    const fields = fieldsOf(answer, body.size);
    if (method === 'HEAD') return closed(body, sendHead(outgoing, answer, fields));
    return sendOpened(incoming, outgoing, body, {
      status: answer.status,
      headers: withHeaders(answer, fields),
    });
  };
}

/** A range is one of the file as it is. */
function takesGzip(incoming: Incoming): boolean {
  return incoming.headers.range === undefined && acceptsGzip(header(incoming, 'accept-encoding'));
}

function withHeaders(answer: Answer, fields: string[]): string[] {
  return answer.headers === undefined ? fields : [...fields, ...answer.headers];
}

function sendHead(outgoing: Outgoing, answer: Answer, fields: string[]): Sent {
  outgoing.writeHead(answer.status, withHeaders(answer, fields));
  outgoing.end();
  return { status: answer.status, bytes: 0 };
}

function sendNotModified(outgoing: Outgoing, answer: Answer): Ready<Sent> {
  const fields = ['Cache-Control', answer.cacheControl, 'ETag', answer.etag!];
  if (hasForms(answer)) fields.push('Vary', 'Accept-Encoding');
  outgoing.writeHead(304, fields);
  outgoing.end();
  const sent = { status: 304, bytes: 0 };
  return answer.body instanceof Uint8Array ? sent : closed(answer.body, sent);
}

/** Answers 206 or 416; undefined where the whole is to be sent. */
function sendRange(incoming: Incoming, outgoing: Outgoing, answer: Answer): Ready<Sent> | undefined {
  const { body } = answer;
  const size = body instanceof Uint8Array ? body.length : body.size;
  if (size === undefined || !isRangeCurrent(header(incoming, 'if-range'), answer.etag)) return undefined;
  const range = parseRange(header(incoming, 'range'), size);
  if (range === undefined) return undefined;
  if (range === 'unsatisfiable') {
    const sent = sendUnsatisfiable(outgoing, size);
    return body instanceof Uint8Array ? sent : closed(body, sent);
  }
  const fields = withHeaders(answer, fieldsOf(answer, range.end - range.start));
  fields.push('Content-Range', `bytes ${range.start}-${range.end - 1}/${size}`);
  if (!(body instanceof Uint8Array))
    return sendOpened(incoming, outgoing, body, { status: 206, headers: fields }, range);
  outgoing.writeHead(206, fields);
  outgoing.end(body.subarray(range.start, range.end));
  return sentWhole(outgoing, 206, range.end - range.start);
}

function sendUnsatisfiable(outgoing: Outgoing, size: number): Sent {
  const text = Buffer.from(`the range is outside the file, which has ${size} bytes\n`);
  const fields = ['Content-Type', plainText, 'Content-Length', String(text.length)];
  fields.push('Cache-Control', 'no-store', 'Content-Range', `bytes */${size}`);
  outgoing.writeHead(416, fields);
  outgoing.end(text);
  return { status: 416, bytes: text.length };
}

/** Up to this length a body counts as sent when it is handed over: sockets take as much at once. */
const maxImmediateBytes = 64 * 1024;

/** Waits until the system took a long body. How much of it a client got that left before is not known. */
function sentWhole(outgoing: Outgoing, status: number, bytes: number): Ready<Sent> {
  if (bytes <= maxImmediateBytes) return { status, bytes };
  return new Promise((resolve) => {
    const left = () => resolve({ status, bytes: 0, error: new StoaError('canceled', 'the client left') });
    // No event comes any more.
    if (outgoing.destroyed) left();
    outgoing.once('finish', () =>
      (outgoing.stream?.rstCode ?? 0) === 0 ? resolve({ status, bytes }) : left(),
    );
    outgoing.once('close', left);
  });
}

async function closed(opened: Opened, sent: Sent): Promise<Sent> {
  await opened.close();
  return sent;
}
