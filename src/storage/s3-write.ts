import { hash, randomUUID } from 'node:crypto';
import {
  type CompletedPart,
  CompleteMultipartUploadCommand,
  DeleteObjectCommand,
  HeadObjectCommand,
  PutObjectCommand,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { isFileBody } from './body.ts';
import type { PoolGate } from './pool-gate.ts';
import { inWords, isConflict, isNotFound, isNoUpload, isPassing, isRefusedCondition } from './s3-error.ts';
import { maxTries, type S3Lane } from './s3-lane.ts';
import { createPartReader, type Part, type PartMemory, type PartReader } from './s3-parts.ts';
import type { S3Uploads } from './s3-uploads.ts';
import type { BlobStore, Body } from './store.ts';

export interface S3WriterParts {
  readonly lane: S3Lane;
  readonly bucket: string;
  /** The name of a key in the bucket. */
  readonly nameOf: (key: string) => string;
  readonly memory: PartMemory;
  readonly uploads: S3Uploads;
  /** What the reading and hashing of bodies passes. */
  readonly gate: PoolGate;
}

export interface S3Writer extends Pick<BlobStore, 'put' | 'delete'> {
  /** As `put` with `ifAbsent`, but in parts, however small the body is. */
  putInParts(key: string, body: Uint8Array): Promise<boolean>;
}

/** What became of a put; `again`: the store gave up the upload, and nothing stands. */
type Outcome = 'won' | 'lost' | 'again';

/** The metadata that says which put a blob is of. */
const markName = 'stoa-put';

/**
 * The writing half of an S3 store. A body that fits into one part is put at once, a larger one in parts. What makes the blob
 * visible is one request in both, with `If-None-Match: *` where it must be absent; it is sent again only after it was looked up
 * whether the blob that stands bears the mark of this very put, since an answer may have been lost on the way.
 */
export function createS3Writer(parts: S3WriterParts): S3Writer {
  const { lane, bucket, nameOf, memory, uploads, gate } = parts;

  async function whose(
    key: string,
    mark: string,
    signal?: AbortSignal,
  ): Promise<'ours' | 'theirs' | 'nobody'> {
    const command = () => new HeadObjectCommand({ Bucket: bucket, Key: nameOf(key) });
    try {
      const { Metadata: metadata } = await lane.again((client, at) => client.send(command(), at), signal);
      return metadata?.[markName] === mark ? 'ours' : 'theirs';
    } catch (error) {
      if (isNotFound(error)) return 'nobody';
      throw error;
    }
  }

  /** Sends the request that makes the blob visible until it is known what became of it. */
  async function commit(
    { key, mark, ifAbsent, signal }: Put,
    send: Parameters<S3Lane['once']>[0],
  ): Promise<Outcome> {
    for (let tries = 1; ; tries++) {
      try {
        await lane.once(send, signal);
        return 'won';
      } catch (error) {
        const isOpen =
          isPassing(error) || isRefusedCondition(error) || isConflict(error) || isNoUpload(error);
        if (signal?.aborted || !isOpen) throw inWords(error);
        const standing = await whose(key, mark, signal);
        if (standing === 'ours') return 'won';
        if (standing === 'theirs' && ifAbsent) return 'lost';
        if (isNoUpload(error)) return 'again';
        if (tries === maxTries) throw inWords(error);
      }
      await lane.pause(tries, signal);
    }
  }

  async function putWhole(put: Put, bytes: Uint8Array): Promise<Outcome> {
    const sha256 = await digest(bytes, gate);
    return commit(put, (client, at) => {
      const command = new PutObjectCommand({
        Bucket: bucket,
        Key: nameOf(put.key),
        Body: bytes,
        Metadata: { [markName]: put.mark },
        ...(put.ifAbsent && { IfNoneMatch: '*' }),
      });
      return client.send(signed(command, sha256), at);
    });
  }

  async function sendPart(key: string, id: string, number: number, part: Part, signal: AbortSignal) {
    try {
      const sha256 = await digest(part.bytes, gate);
      const { ETag } = await lane.again((client, at) => {
        const command = new UploadPartCommand({
          Bucket: bucket,
          Key: nameOf(key),
          UploadId: id,
          PartNumber: number,
          Body: part.bytes,
        });
        return client.send(signed(command, sha256), at);
      }, signal);
      return { PartNumber: number, ETag };
    } finally {
      part.release();
    }
  }

  /** Sends the parts, several at a time. When one fails the others are ended before the failure is told: none may come late. */
  async function sendParts(put: Put, id: string, first: Part, reader: PartReader): Promise<CompletedPart[]> {
    const failed = new AbortController();
    const signal = put.signal === undefined ? failed.signal : AbortSignal.any([put.signal, failed.signal]);
    const sent: Promise<CompletedPart>[] = [];
    try {
      for (let part = first; ; part = await reader.next(signal)) {
        const sending = sendPart(put.key, id, sent.length + 1, part, signal);
        sending.catch((error: unknown) => failed.abort(error));
        sent.push(sending);
        if (part.isLast) break;
      }
      return await Promise.all(sent);
    } catch (error) {
      const reason: unknown = failed.signal.aborted ? failed.signal.reason : error;
      failed.abort(reason);
      await Promise.allSettled(sent);
      throw reason;
    }
  }

  async function putParts(put: Put, first: Part, reader: PartReader): Promise<Outcome> {
    const { key, mark, ifAbsent, signal } = put;
    const id = await uploads.begin(key, { [markName]: mark }, signal).catch((error: unknown) => {
      first.release();
      throw error;
    });
    let outcome: Outcome | undefined;
    try {
      const sent = await sendParts(put, id, first, reader);
      outcome = await commit(put, (client, at) => {
        const command = new CompleteMultipartUploadCommand({
          Bucket: bucket,
          Key: nameOf(key),
          UploadId: id,
          MultipartUpload: { Parts: sent },
          ...(ifAbsent && { IfNoneMatch: '*' }),
        });
        return client.send(command, at);
      });
    } catch (error) {
      if (!isNoUpload(error) || signal?.aborted) throw error;
      // Somebody gave it up, who tidied after the blob of another was there.
      outcome = ifAbsent && (await whose(key, mark, signal)) !== 'nobody' ? 'lost' : 'again';
    } finally {
      if (outcome === 'won') uploads.completed(id);
      else await uploads.abandon(key, id);
    }
    return outcome;
  }

  async function putOnce(put: Put, body: Body): Promise<Outcome> {
    if (body instanceof Uint8Array && body.length < smallBytes) return putWhole(put, body);
    await using reader = createPartReader(body, memory, gate);
    const first = await reader.next(put.signal);
    if (!first.isLast) return await putParts(put, first, reader);
    try {
      return await putWhole(put, first.bytes);
    } finally {
      first.release();
    }
  }

  /** Begins anew where the store gave up an upload, as far as the body can be read again. */
  async function settle(
    key: string,
    isReplayable: boolean,
    { ifAbsent = false, signal }: { ifAbsent?: boolean; signal?: AbortSignal },
    once: (put: Put) => Promise<Outcome>,
  ): Promise<boolean> {
    for (let tries = 1; ; tries++) {
      const outcome = await once({ key, mark: randomUUID(), ifAbsent, signal });
      if (outcome !== 'again') {
        await uploads.tidy();
        return outcome === 'won';
      }
      if (!isReplayable || tries === maxTries) throw new Error('the store gave up the upload');
      await lane.pause(tries, signal);
    }
  }

  return {
    put(key, body, options = {}) {
      const isReplayable = body instanceof Uint8Array || isFileBody(body);
      return settle(key, isReplayable, options, (put) => putOnce(put, body));
    },
    putInParts: (key, body) =>
      settle(key, true, { ifAbsent: true }, async (put) => {
        await using reader = createPartReader(body, memory, gate);
        return await putParts(put, await reader.next(), reader);
      }),
    async delete(key, { signal } = {}) {
      const command = () => new DeleteObjectCommand({ Bucket: bucket, Key: nameOf(key) });
      await lane.again((client, at) => client.send(command(), at), signal);
    },
  };
}

/** One try to put a blob. */
interface Put {
  readonly key: string;
  /** What its metadata says, and no other put's. */
  readonly mark: string;
  readonly ifAbsent: boolean;
  readonly signal: AbortSignal | undefined;
}

/** Bodies below this size are sent from the memory they are in. */
const smallBytes = 5 * 1024 * 1024;

/** Up to this size, hashing here costs less than handing it on. */
const hashedHereBytes = 64 * 1024;

/** The SHA-256 of a body, in hex: S3 stores of all makes refuse a body that has another. */
async function digest(bytes: Uint8Array, gate: PoolGate): Promise<string> {
  if (bytes.length <= hashedHereBytes) return hash('sha256', bytes);
  // Bodies never lie in shared memory, which is all that the type excludes.
  const plain = bytes as Uint8Array<ArrayBuffer>;
  return Buffer.from(await gate.run(() => crypto.subtle.digest('SHA-256', plain))).toString('hex');
}

/** The command with the hash of its body at hand, which the SDK would else make in this thread. */
function signed<C extends PutObjectCommand | UploadPartCommand>(command: C, sha256: string): C {
  const stack = command.middlewareStack as PutObjectCommand['middlewareStack'];
  stack.add(
    (next) => (args) => {
      const { headers } = args.request as { headers: Record<string, string> };
      headers['x-amz-content-sha256'] = sha256;
      return next(args);
    },
    { step: 'build', name: 'stoaBodyHash' },
  );
  return command;
}
