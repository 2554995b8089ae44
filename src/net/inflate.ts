import { pipeline, Readable } from 'node:stream';
import { constants, createGunzip } from 'node:zlib';
import { isStoaError, StoaError } from '../errors.ts';
import type { BodyLimit } from './exchange.ts';

/**
 * The unpacked content of a gzip body. The limit counts what comes out: beyond it the stream ends, or with
 * `cut` false fails with `integrity`; broken gzip is `upstream`. Destroying it destroys the body.
 */
export function inflate(host: string, body: Readable, limit: BodyLimit): Readable {
  const content = Readable.from(unpack(host, body, limit), { objectMode: false });
  // A generator that was never asked has no `finally` to run.
  content.once('close', () => body.destroy());
  return content.on('error', () => {});
}

/** Bytes of gzip that `bytes` of content can have at most: it grows what it can't shrink, by a little. */
export function packedLimit(bytes: number): number {
  return bytes + Math.ceil(bytes / 100) + 1_024;
}

async function* unpack(host: string, body: Readable, limit: BodyLimit): AsyncGenerator<Uint8Array> {
  // A body that was cut has no end to check.
  const gunzip = createGunzip(limit.cut ? { finishFlush: constants.Z_SYNC_FLUSH } : {});
  pipeline(body, gunzip, () => {});
  let left = limit.bytes;
  try {
    for await (const chunk of gunzip as AsyncIterable<Uint8Array>) {
      if (chunk.length > left && !limit.cut) {
        throw new StoaError(
          'integrity',
          `${host}: the answer has more than the ${limit.bytes} bytes allowed`,
        );
      }
      yield chunk.subarray(0, left);
      left -= chunk.length;
      if (left < 0) return;
    }
  } catch (error) {
    if (isStoaError(error)) throw error;
    throw new StoaError('upstream', `${host}: the gzip of the answer is broken`, { cause: error });
  }
}
