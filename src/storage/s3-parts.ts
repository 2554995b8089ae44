import { readBody } from './body.ts';
import type { PoolGate } from './pool-gate.ts';
import type { Body } from './store.ts';

/** Memory for the parts of bodies on their way to a store. Who finds none left waits, so that it is bounded however many puts there are. */
export interface PartMemory {
  /** Throws the reason of the signal where that is aborted first. */
  take(signal?: AbortSignal): Promise<Buffer<ArrayBuffer>>;
  give(buffer: Buffer<ArrayBuffer>): void;
}

/** Memory of `count` parts of so many bytes each, made when it is first needed, and kept. */
export function createPartMemory({
  bytes,
  count,
}: {
  readonly bytes: number;
  readonly count: number;
}): PartMemory {
  const idle: Buffer<ArrayBuffer>[] = [];
  const waiting = new Set<(buffer: Buffer<ArrayBuffer>) => void>();
  let made = 0;
  return {
    async take(signal) {
      const buffer = idle.pop();
      if (buffer !== undefined) return buffer;
      if (made < count) {
        made++;
        return Buffer.allocUnsafeSlow(bytes);
      }
      return new Promise((resolve, reject) => {
        const leave = () => {
          waiting.delete(admit);
          reject(signal?.reason);
        };
        const admit = (given: Buffer<ArrayBuffer>) => {
          signal?.removeEventListener('abort', leave);
          resolve(given);
        };
        waiting.add(admit);
        signal?.addEventListener('abort', leave, { once: true });
        if (signal?.aborted) leave();
      });
    },
    give(buffer) {
      const [next] = waiting;
      if (next === undefined) {
        idle.push(buffer);
        return;
      }
      waiting.delete(next);
      next(buffer);
    },
  };
}

/** A part of a body, in memory that is released when it was sent. */
export interface Part {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly isLast: boolean;
  release(): void;
}

/** A body that is read in parts. */
export interface PartReader extends AsyncDisposable {
  /** The next part; not to be called after the last one, which may be empty. */
  next(signal?: AbortSignal): Promise<Part>;
}

/** Reads of files pass the gate. */
export function createPartReader(body: Body, memory: PartMemory, gate: PoolGate): PartReader {
  const chunks = readBody(body, gate);
  let rest: Uint8Array = new Uint8Array();
  let disposed = false;

  async function fill(buffer: Buffer): Promise<number> {
    let filled = 0;
    while (filled < buffer.length) {
      if (rest.length === 0) {
        const step = await chunks.next();
        if (step.done) break;
        rest = step.value;
      }
      const count = Math.min(rest.length, buffer.length - filled);
      buffer.set(rest.subarray(0, count), filled);
      rest = rest.subarray(count);
      filled += count;
    }
    return filled;
  }

  return {
    async next(signal) {
      const buffer = await memory.take(signal);
      try {
        // What is missing then would else look like the end of the body.
        if (disposed) throw new Error('read on after it was given up');
        const length = await fill(buffer);
        return {
          bytes: buffer.subarray(0, length),
          isLast: length < buffer.length,
          release: () => memory.give(buffer),
        };
      } catch (error) {
        memory.give(buffer);
        throw error;
      }
    },
    async [Symbol.asyncDispose]() {
      disposed = true;
      await chunks.return(undefined);
    },
  };
}
