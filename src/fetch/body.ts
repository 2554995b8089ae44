import type { Readable } from 'node:stream';
import { StoaError } from '../errors.ts';

/** A whole body; what it may hold at most is bounded by the HTTP client. `count` is told of every chunk. */
export async function readAll(body: Readable, count: (bytes: number) => void): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of body as AsyncIterable<Uint8Array>) {
    chunks.push(chunk);
    count(chunk.length);
  }
  return Buffer.concat(chunks);
}

/** The first bytes of a body, which stay in it; fewer than `length`, and then all there were, when it ends before. */
export async function peek(body: Readable, length: number): Promise<Uint8Array> {
  const chunks: Buffer[] = [];
  let size = 0;
  while (size < length) {
    const chunk = body.read() as Buffer | null;
    if (chunk !== null) {
      chunks.push(chunk);
      size += chunk.length;
    } else if (body.readableEnded) {
      return Buffer.concat(chunks);
    } else {
      await changed(body);
    }
  }
  const head = Buffer.concat(chunks);
  body.unshift(head);
  return head.subarray(0, length);
}

/** Fulfilled when a body has more to read or has ended; rejected when it failed. */
function changed(body: Readable): Promise<void> {
  return new Promise((resolve, reject) => {
    const done = (error?: Error): void => {
      body.off('readable', done).off('end', done).off('error', done).off('close', closed);
      if (error) reject(error);
      else resolve();
    };
    const closed = (): void => done(body.errored ?? new StoaError('upstream', 'the transfer broke off'));
    body.on('readable', done).on('end', done).on('error', done).on('close', closed);
    if (body.destroyed) closed();
  });
}
