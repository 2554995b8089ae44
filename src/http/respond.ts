import { StoaError } from '../errors.ts';
import { type Answer, plainText } from '../protocol/answer.ts';
import type { Opened, Ready } from '../stash/modules.ts';
import { acceptsGzip, type Compression, isCompressible } from './compression.ts';
import { header, type Incoming, type Outgoing } from './exchange.ts';
import { isRangeCurrent, matchesETag, parseRange } from './range.ts';
import { type Sent, sendOpened } from './stream.ts';

/** Up to this length a body goes out as one string with its head, which costs less than two buffers. */
const maxInlineBytes = 2048;

/** Up to this length a body counts as sent when it is handed over: sockets take as much at once. */
const maxImmediateBytes = 64 * 1024;

/**
 * Writes an answer: HEAD, If-None-Match, ranges and compression are settled here. A small body from memory leaves
 * with its head in one write, and what was sent is known at once. Rejects only where nothing was sent yet.
 */
export function respond(
  incoming: Incoming,
  outgoing: Outgoing,
  answer: Answer,
  compression: Compression,
): Ready<Sent> {
  const { body, etag } = answer;
  const head = incoming.method === 'HEAD';
  const { headers } = incoming;
  if (etag !== undefined && headers['if-none-match'] !== undefined && answer.status === 200) {
    if (matchesETag(header(incoming, 'if-none-match')!, etag)) return notModified(outgoing, answer);
  }
  if (answer.ranges === true && headers.range !== undefined && !head) {
    const partial = respondRange(incoming, outgoing, answer);
    if (partial !== undefined) return partial;
  }
  if (!(body instanceof Uint8Array)) {
    const fields = fieldsOf(answer, body.size, etag);
    if (!head)
      return sendOpened(incoming, outgoing, body, { status: answer.status, headers: fields }, undefined);
    outgoing.writeHead(answer.status, fields);
    outgoing.end();
    return closed(body, { status: answer.status, bytes: 0 });
  }
  if (hasForms(answer)) return respondCompressible(incoming, outgoing, answer, body, compression);
  return sendBytes(outgoing, answer.status, fieldsOf(answer, body.length, etag), body, head);
}

function respondCompressible(
  incoming: Incoming,
  outgoing: Outgoing,
  answer: Answer,
  body: Uint8Array,
  compression: Compression,
): Ready<Sent> {
  const head = incoming.method === 'HEAD';
  const accepted = acceptsGzip(header(incoming, 'accept-encoding'));
  const gzip = accepted && incoming.headers.range === undefined ? compression.gzip(body) : undefined;
  // Another sequence of bytes, so not the strong ETag of the file; a weak one says that it means the same.
  const etag = gzip === undefined || answer.etag === undefined ? answer.etag : `W/${answer.etag}`;
  const fields = fieldsOf(answer, (gzip ?? body).length, etag);
  if (gzip !== undefined) fields.push('Content-Encoding', 'gzip');
  return sendBytes(outgoing, answer.status, fields, gzip ?? body, head);
}

/** Answers 206 or 416; undefined where the whole is to be sent. */
function respondRange(incoming: Incoming, outgoing: Outgoing, answer: Answer): Ready<Sent> | undefined {
  const { body, etag } = answer;
  const size = body instanceof Uint8Array ? body.length : body.size;
  if (size === undefined || !isRangeCurrent(header(incoming, 'if-range'), etag)) return undefined;
  const range = parseRange(header(incoming, 'range'), size);
  if (range === undefined) return undefined;
  if (range === 'unsatisfiable') {
    const text = Buffer.from(`the range is outside the file, which has ${size} bytes\n`);
    const fields = [
      'Content-Type',
      plainText,
      'Content-Length',
      String(text.length),
      'Cache-Control',
      'no-store',
    ];
    fields.push('Content-Range', `bytes */${size}`);
    const sent = sendBytes(outgoing, 416, fields, text, false);
    return body instanceof Uint8Array ? sent : closed(body, sent);
  }
  const fields = fieldsOf(answer, range.end - range.start, etag);
  fields.push('Content-Range', `bytes ${range.start}-${range.end - 1}/${size}`);
  if (body instanceof Uint8Array)
    return sendBytes(outgoing, 206, fields, body.subarray(range.start, range.end), false);
  return sendOpened(incoming, outgoing, body, { status: 206, headers: fields }, range);
}

function notModified(outgoing: Outgoing, answer: Answer): Ready<Sent> {
  const fields = ['Cache-Control', answer.cacheControl, 'ETag', answer.etag!];
  if (hasForms(answer)) fields.push('Vary', 'Accept-Encoding');
  outgoing.writeHead(304, fields);
  outgoing.end();
  const sent = { status: 304, bytes: 0 };
  return answer.body instanceof Uint8Array ? sent : closed(answer.body, sent);
}

/** True for an answer that exists compressed as well, so that a cache must tell the two apart. */
function hasForms(answer: Answer): boolean {
  return answer.compress === true && answer.body instanceof Uint8Array && isCompressible(answer.body);
}

function fieldsOf(answer: Answer, length: number | undefined, etag: string | undefined): string[] {
  const fields = ['Content-Type', answer.contentType, 'Cache-Control', answer.cacheControl];
  if (length !== undefined) fields.push('Content-Length', String(length));
  if (etag !== undefined) fields.push('ETag', etag);
  if (answer.ranges === true) fields.push('Accept-Ranges', 'bytes');
  if (hasForms(answer)) fields.push('Vary', 'Accept-Encoding');
  if (answer.headers !== undefined) fields.push(...answer.headers);
  return fields;
}

function sendBytes(
  outgoing: Outgoing,
  status: number,
  fields: string[],
  body: Uint8Array,
  head: boolean,
): Ready<Sent> {
  outgoing.writeHead(status, fields);
  if (head) {
    outgoing.end();
    return { status, bytes: 0 };
  }
  const bytes = body.length;
  if (bytes <= maxInlineBytes) outgoing.end(asLatin1(body), 'latin1');
  else outgoing.end(body);
  return bytes <= maxImmediateBytes ? { status, bytes } : handedOver(outgoing, status, bytes);
}

/** The same bytes as characters, which Node joins with the head. */
function asLatin1(bytes: Uint8Array): string {
  const buffer = bytes instanceof Buffer ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  return buffer.toString('latin1');
}

/** Waits until the system took a long body. How much of it a client got that left before that is not known. */
function handedOver(outgoing: Outgoing, status: number, bytes: number): Promise<Sent> {
  return new Promise((resolve) => {
    let finished = false;
    outgoing.once('finish', () => {
      finished = true;
      resolve({ status, bytes });
    });
    outgoing.once('close', () => {
      if (!finished) resolve({ status, bytes: 0, error: new StoaError('canceled', 'the client left') });
    });
  });
}

async function closed(opened: Opened, sent: Ready<Sent>): Promise<Sent> {
  await opened.close();
  return sent;
}
