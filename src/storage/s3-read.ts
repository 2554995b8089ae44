import type { Readable } from 'node:stream';
import { GetObjectCommand, type GetObjectCommandOutput, HeadObjectCommand } from '@aws-sdk/client-s3';
import { StoaError } from '../errors.ts';
import { cutRange } from './range.ts';
import { inWords, isAbsentKey, isBeyondEnd, isPassing, isRefusedCondition } from './s3-error.ts';
import { maxTries, type S3Lane } from './s3-lane.ts';
import type { Blob, BlobInfo, BlobStore, GetOptions } from './store.ts';

export interface S3ReaderParts {
  readonly lane: S3Lane;
  readonly bucket: string;
  /** The name of a key in the bucket. */
  readonly nameOf: (key: string) => string;
  /** Milliseconds for which a blob may send nothing. */
  readonly timeoutMs: number;
}

/** An answer whose body comes. */
interface Open {
  readonly info: BlobInfo;
  readonly body: Readable;
}

/**
 * The reading half of an S3 store. A get is one request, whose body is the blob as it was then; where it breaks off it is gone on
 * with by a range of the same ETag, and fails where that is no more. Absence is what the body of a 404 says, which only a GET
 * has: a HEAD cannot tell a missing key from a missing bucket.
 */
export function createS3Reader(parts: S3ReaderParts): Pick<BlobStore, 'get' | 'stat'> {
  const { lane, bucket, nameOf } = parts;

  /** The bytes from `start` up to but not including `end`, of which there is at least one. */
  async function openRange(
    key: string,
    { start = 0, end, signal }: GetOptions,
    etag?: string,
  ): Promise<Open | undefined> {
    const isWhole = start === 0 && end === undefined;
    const command = () =>
      new GetObjectCommand({
        Bucket: bucket,
        Key: nameOf(key),
        ...(!isWhole && { Range: `bytes=${start}-${end === undefined ? '' : end - 1}` }),
        ...(etag !== undefined && { IfMatch: etag }),
      });
    try {
      const answer = await lane.again((client, at) => client.send(command(), at), signal);
      return { info: describe(key, answer, isWhole), body: answer.Body as Readable };
    } catch (error) {
      if (isAbsentKey(error)) return undefined;
      throw error;
    }
  }

  async function statEmpty(key: string, signal: AbortSignal | undefined): Promise<BlobInfo> {
    const answer = await lane.again(
      (client, at) => client.send(new HeadObjectCommand({ Bucket: bucket, Key: nameOf(key) }), at),
      signal,
    );
    return { size: answer.ContentLength ?? -1, identity: bare(answer.ETag) };
  }

  async function stat(key: string, signal: AbortSignal | undefined): Promise<BlobInfo | undefined> {
    try {
      const open = await openRange(key, { start: 0, end: 1, ...(signal && { signal }) });
      // One byte, so that the connection can be used again.
      open?.body.on('error', () => undefined).resume();
      return open?.info;
    } catch (error) {
      if (!isBeyondEnd(error)) throw error;
      return statEmpty(key, signal);
    }
  }

  async function openEmpty(key: string, options: GetOptions): Promise<Blob | undefined> {
    const info = await stat(key, options.signal);
    return info && emptyBlob(info);
  }

  return {
    async get(key, options = {}) {
      const { start = 0, end = Number.POSITIVE_INFINITY } = options;
      if (start >= end) return openEmpty(key, options);
      try {
        const open = await openRange(key, options);
        return open && openBlob(parts, key, open, options, openRange);
      } catch (error) {
        if (!isBeyondEnd(error)) throw error;
        return openEmpty(key, options);
      }
    },
    stat: (key, { signal } = {}) => stat(key, signal),
  };
}

function openBlob(
  { timeoutMs, lane }: S3ReaderParts,
  key: string,
  open: Open,
  options: GetOptions,
  openRange: (key: string, range: GetOptions, etag: string) => Promise<Open | undefined>,
): Blob {
  const { info } = open;
  const { start, end } = cutRange(info.size, options);
  let { body } = open;
  let closed = false;
  // What breaks before it is read is met again by the reader.
  body.on('error', () => undefined);

  /** Goes on at a place with the same blob. */
  async function reopen(position: number): Promise<void> {
    const { signal } = options;
    const next = await openRange(
      key,
      { start: position, end, ...(signal && { signal }) },
      `"${info.identity}"`,
    ).catch((error: unknown) => {
      throw isRefusedCondition(error) ? replaced(key) : error;
    });
    if (next === undefined) throw replaced(key);
    body = next.body;
    body.on('error', () => undefined);
    if (closed) body.destroy();
  }

  async function* read(): AsyncGenerator<Uint8Array> {
    let position = start;
    try {
      for (let tries = 1; position < end; tries++) {
        try {
          for await (const chunk of watched(body, timeoutMs)) {
            position += chunk.length;
            tries = 1;
            yield chunk;
          }
          if (position < end) throw cut(position);
        } catch (error) {
          if (closed || options.signal?.aborted || tries === maxTries || !isPassing(error))
            throw inWords(error);
          await lane.pause(tries, options.signal);
          await reopen(position);
        }
      }
    } finally {
      body.destroy();
    }
  }

  async function close(): Promise<void> {
    closed = true;
    body.destroy();
  }

  return { ...info, length: end - start, read, close, [Symbol.asyncDispose]: close };
}

/** The chunks of a body, which is ended when it sends nothing for so long; the time that a chunk is in use does not count. */
async function* watched(body: Readable, timeoutMs: number): AsyncGenerator<Uint8Array> {
  let waiting = true;
  const stalled = setTimeout(() => {
    if (waiting)
      body.destroy(Object.assign(new Error(`sent nothing for ${timeoutMs} ms`), { code: 'STALLED' }));
  }, timeoutMs);
  try {
    for await (const chunk of body) {
      waiting = false;
      yield chunk;
      waiting = true;
      stalled.refresh();
    }
  } finally {
    clearTimeout(stalled);
  }
}

function describe(key: string, answer: GetObjectCommandOutput, isWhole: boolean): BlobInfo {
  const total = isWhole ? answer.ContentLength : /\/(\d+)$/.exec(answer.ContentRange ?? '')?.[1];
  if (total === undefined)
    throw new StoaError('storage', `${key}: cannot be read: the store knows no ranges`);
  return { size: Number(total), identity: bare(answer.ETag) };
}

/** An ETag without its quotes. */
function bare(etag: string | undefined): string {
  return (etag ?? '').replace(/^"|"$/g, '');
}

function emptyBlob(info: BlobInfo): Blob {
  async function* read(): AsyncGenerator<Uint8Array> {}
  async function close(): Promise<void> {}
  return { ...info, length: 0, read, close, [Symbol.asyncDispose]: close };
}

function cut(position: number): Error {
  return Object.assign(new Error(`ended after ${position} bytes`), { code: 'CUT' });
}

function replaced(key: string): StoaError {
  return new StoaError('storage', `${key}: cannot be read: it was replaced or deleted in the middle of it`);
}
