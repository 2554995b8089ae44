import { CreateBucketCommand } from '@aws-sdk/client-s3';
import { StoaError } from '../errors.ts';
import { proveConditionalWrites } from './conditional-proof.ts';
import { isKey } from './key.ts';
import { createPoolGate, type PoolGate } from './pool-gate.ts';
import { createClient, type S3Connection } from './s3-client.ts';
import { isConflict } from './s3-error.ts';
import { createLane } from './s3-lane.ts';
import { listS3 } from './s3-list.ts';
import { createPartMemory } from './s3-parts.ts';
import { createS3Reader } from './s3-read.ts';
import { createS3Uploads } from './s3-uploads.ts';
import { createS3Writer } from './s3-write.ts';
import type { BlobStore } from './store.ts';

export interface S3StoreOptions extends S3Connection {
  readonly bucket: string;
  /** What the names of all objects begin with, with its slash: `go/modules/`. */
  readonly prefix?: string;
  /** Makes the bucket where it is missing. */
  readonly createBucket?: boolean;
  /** Connections for reading; a quarter as many are for writing. */
  readonly connections?: number;
  /** Milliseconds within which a request must be answered, and for which a blob may send nothing. */
  readonly timeoutMs?: number;
  /** What misses hand to libuv's threads passes it. */
  readonly gate?: PoolGate;
  readonly random?: () => number;
  readonly now?: () => number;
}

/** An S3 store. */
export interface S3Store {
  readonly store: BlobStore;
  /**
   * Makes sure that the store can be reached and used, and that of many who put a key only where it is absent exactly one wins;
   * throws `storage` where not.
   */
  prove(): Promise<void>;
  /** Gives up uploads in parts that killed processes left; takes a while, and the right to list uploads. */
  sweep(signal: AbortSignal): Promise<void>;
  close(): void;
}

/** Bytes of a part: the fewest that S3 takes. A body has 10,000 of them at most, which is 50 GB. */
const partBytes = 5 * 1024 * 1024;

/** Parts on their way at once, of all puts. */
const partsAtOnce = 4;

/** A bucket, or a part of one, as a store; nothing is asked of it yet. */
export function createS3Store(options: S3StoreOptions): S3Store {
  const { bucket, prefix = '', connections = 128, timeoutMs = 30_000, random = Math.random } = options;
  const { gate = createPoolGate(), now = Date.now } = options;
  const reading = createClient(options, connections);
  // Reads never wait for a connection that a write has.
  const writing = createClient(options, Math.ceil(connections / 4));
  const reads = { lane: createLane(reading, { timeoutMs, random }), bucket, nameOf, timeoutMs };
  const writes = { lane: createLane(writing, { timeoutMs, random }), bucket, nameOf };
  const uploads = createS3Uploads({ ...writes, isOurs: (name) => isUploaded(name.slice(prefix.length)) });
  const memory = createPartMemory({ bytes: partBytes, count: partsAtOnce });
  const writer = createS3Writer({ ...writes, memory, uploads, gate });
  const subject = `s3: bucket ${bucket}${options.endpoint === undefined ? '' : ` at ${options.endpoint}`}`;

  function nameOf(key: string): string {
    return prefix + key;
  }

  async function makeBucket(): Promise<void> {
    const command = () => new CreateBucketCommand({ Bucket: bucket });
    await writes.lane
      .again((client, at) => client.send(command(), at))
      .catch((error: unknown) => {
        // There already: ours, or another's, which the first use tells.
        if (!isConflict(error)) throw error;
      });
  }

  return {
    store: {
      ...createS3Reader(reads),
      put: writer.put,
      delete: writer.delete,
      async *list(prefix, { signal } = {}) {
        for await (const { key } of listS3(reads, prefix, signal)) yield key;
      },
      listSizes: (prefix, { signal } = {}) => listS3(reads, prefix, signal),
    },
    async prove() {
      try {
        if (options.createBucket === true) await makeBucket();
        // One question first: a store that cannot be reached is told sooner than by all who race.
        await listS3(reads, '', undefined).next();
        await proveConditionalWrites(
          subject,
          {
            put: (key, body) => writer.put(key, body, { ifAbsent: true }),
            'put in parts': writer.putInParts,
          },
          (key) => writer.delete(key),
        );
      } catch (error) {
        if (error instanceof StoaError) throw error;
        throw new StoaError('storage', `${subject}: cannot be used: ${(error as Error).message}`, {
          cause: error,
        });
      }
    },
    sweep: (signal) => uploads.sweep(signal, now()),
    close() {
      reading.destroy();
      writing.destroy();
    },
  };
}

/** True for what is put in parts: zips, and what the proof puts. Uploads of others in a shared bucket are not ours to give up. */
function isUploaded(key: string): boolean {
  return isKey(key) && (/\/@v\/[^/]+\.zip$/.test(key) || key.startsWith('proof/'));
}
