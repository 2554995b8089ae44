import { constants } from 'node:fs';
import { StoaError } from '../errors.ts';
import { orAborted } from '../work/abortable.ts';
import { tagOf } from './cache-name.ts';
import type { CacheRoom } from './disk-cache.ts';
import { type FileOperations, nodeFiles } from './disk-files.ts';
import type { PoolGate } from './pool-gate.ts';
import { cutRange } from './range.ts';
import type { Blob, BlobInfo, GetOptions } from './store.ts';

/** A copy that is being made of a large blob. It belongs to nobody who reads it, and nobody who reads it slowly holds it up. */
export interface CacheFill {
  readonly info: BlobInfo;
  /** The blob as it comes; undefined for a range that begins far behind what came. */
  open(options: GetOptions): Blob | undefined;
  /** Fulfilled when the copy is made or given up, and its room is accounted for. */
  readonly done: Promise<void>;
}

export interface CacheFillOptions {
  readonly key: string;
  /** The whole blob, opened for this. */
  readonly blob: Blob;
  readonly room: CacheRoom;
  /** A new file, which is gone in the end. */
  readonly file: string;
  readonly gate: PoolGate;
  /** Reads the blob's own store from a place on, for those whose copy cannot be written. */
  readonly readOn: (range: GetOptions) => AsyncIterable<Uint8Array>;
  readonly life: AbortSignal;
  readonly files?: FileOperations;
}

/** Who wants bytes so far behind what came is served sooner without it. */
const patienceBytes = 8 * 1024 * 1024;

const readBytes = 256 * 1024;

export function startFill(options: CacheFillOptions): CacheFill {
  const { key, blob, room, file, gate, readOn, life, files = nodeFiles } = options;
  const { size } = blob;
  const info = { size, identity: tagOf(blob.identity) };
  let written = 0;
  let failed = false;
  /** The fill itself, and whoever has it open or reads it. */
  let users = 1;
  let growth = Promise.withResolvers<void>();
  const opening = gate.run(() => files.open(file, newReadableFlags));
  opening.catch(() => undefined);

  function grew(): void {
    growth.resolve();
    growth = Promise.withResolvers();
  }

  async function leave(): Promise<void> {
    if (--users > 0) return;
    await opening.then(files.close).catch(() => undefined);
    room.leave();
  }

  async function copy(): Promise<void> {
    const fd = await opening;
    for await (const chunk of blob.read()) {
      if (life.aborted) throw life.reason;
      if (written + chunk.length > size) throw new Error('more came than was told');
      await gate.run(() => files.write(fd, chunk));
      written += chunk.length;
      grew();
    }
    if (written < size) throw new Error('less came than was told');
  }

  async function run(): Promise<void> {
    try {
      await copy();
      await room.publish(info.identity, { file, size });
    } catch {
      // Nobody misses a copy, but those who read it as it came go on elsewhere.
      failed = written < size;
      grew();
    } finally {
      await blob.close().catch(() => undefined);
      await opening.then(() => gate.run(() => files.unlink(file))).catch(() => undefined);
      await leave();
    }
  }

  async function* read(options: GetOptions): AsyncGenerator<Uint8Array> {
    const { start, end } = cutRange(size, options);
    const { signal } = options;
    let memory: Buffer | undefined;
    // For itself, beside the blob: what was closed may still be reading for a moment.
    users++;
    try {
      for (let position = start; position < end; ) {
        if (position >= written && failed) {
          yield* readOn({ start: position, end, ...(signal && { signal }) });
          return;
        }
        if (position >= written) {
          await orAborted(growth.promise, signal);
          continue;
        }
        const fd = await opening;
        memory ??= Buffer.allocUnsafeSlow(Math.min(readBytes, end - position));
        const wanted = Math.min(memory.length, end - position, written - position);
        const count = await files.read(fd, memory, wanted, position);
        if (count < wanted) throw new StoaError('storage', `${key}: the copy that is made of it was cut`);
        position += count;
        yield memory.subarray(0, count);
      }
    } finally {
      await leave();
    }
  }

  return {
    info,
    open(options) {
      const { start, end } = cutRange(size, options);
      if (start > written + patienceBytes) return undefined;
      users++;
      let closing: Promise<void> | undefined;
      function close(): Promise<void> {
        closing ??= leave();
        return closing;
      }
      return {
        ...info,
        length: end - start,
        read: () => read(options),
        close,
        [Symbol.asyncDispose]: close,
      };
    },
    done: run(),
  };
}

const newReadableFlags = constants.O_RDWR | constants.O_CREAT | constants.O_EXCL;
