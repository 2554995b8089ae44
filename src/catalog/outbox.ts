import { type FileHandle, mkdir, open } from 'node:fs/promises';
import { join } from 'node:path';
import type { PoolGate } from '../storage/pool-gate.ts';
import { type Entry, formatEntry } from './entry.ts';
import { segmentName } from './segments.ts';

/** The writing end of a process's outbox: lines in files, which another thread brings into the catalog. */
export interface Outbox {
  /**
   * Keeps an entry for the catalog. Fulfilled when a killed process would not lose it. Never rejects: where it cannot be written
   * it is kept in memory and tried again, and past the bounds it is given up, which `lost` is told.
   */
  append(entry: Entry): Promise<void>;
  /** Why lines cannot be written, while that is so. */
  readonly trouble: string | undefined;
  /** Tells who sweeps outboxes that this process lives, though it may have nothing to say. */
  touch(): Promise<void>;
  /** Writes what is left, and ends. */
  close(): Promise<void>;
}

export interface OutboxOptions {
  /** Made where it is missing; several processes may share it. */
  readonly folder: string;
  /** The own name of this process. */
  readonly owner: string;
  /** What writes pass on their way to libuv's threads. */
  readonly gate: PoolGate;
  /** Bytes that the folder may hold, with those that `pending` says are in it. */
  readonly maxBytes: number;
  /** Bytes in the folder that are not in the catalog yet. */
  readonly pending: () => number;
  /** Told of what was written. */
  readonly appended: (bytes: number) => void;
  /** Told of an entry that was given up. */
  readonly lost: () => void;
  /** Bytes of one segment. */
  readonly segmentBytes?: number;
  readonly retryMs?: number;
}

/** Bytes of lines that wait for a disk that takes none. */
const maxWaiting = 1024 * 1024;

interface OpenSegment {
  readonly file: FileHandle;
  bytes: number;
}

/** What is not written yet, and who waits for it. */
interface Batch {
  lines: string;
  readonly written: PromiseWithResolvers<void>;
}

export function createOutbox(options: OutboxOptions): Outbox {
  const { folder, owner, gate, maxBytes, segmentBytes = 1024 * 1024, retryMs = 1000 } = options;
  let sequence = 0;
  let segment: OpenSegment | undefined;
  let batch: Batch | undefined;
  let working: Promise<void> | undefined;
  let trouble: string | undefined;
  let timer: NodeJS.Timeout | undefined;

  async function openSegment(): Promise<OpenSegment> {
    await mkdir(folder, { recursive: true });
    const file = await open(join(folder, segmentName(owner, ++sequence)), 'wx');
    // That there is a segment tells, after a power failure, that lines may be missing.
    void gate.run(syncFolder).catch(() => undefined);
    return { file, bytes: 0 };
  }

  async function syncFolder(): Promise<void> {
    const handle = await open(folder, 'r');
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  }

  async function leaveSegment(): Promise<void> {
    const left = segment;
    segment = undefined;
    await left?.file.close();
  }

  async function write(bytes: Buffer): Promise<void> {
    if (segment !== undefined && segment.bytes >= segmentBytes) await leaveSegment();
    segment ??= await openSegment();
    await segment.file.appendFile(bytes);
  }

  /** Part of what failed may be in the file: it is taken back, and what is written next goes elsewhere. */
  async function giveUpSegment(): Promise<void> {
    await segment?.file.truncate(segment.bytes).catch(() => undefined);
    await leaveSegment().catch(() => undefined);
  }

  async function writeAll(): Promise<void> {
    while (batch !== undefined && timer === undefined) {
      const { lines, written } = batch;
      batch = undefined;
      const bytes = Buffer.from(lines);
      try {
        await gate.run(() => write(bytes));
        trouble = undefined;
        segment!.bytes += bytes.length;
        options.appended(bytes.length);
      } catch (error) {
        trouble = (error as Error).message;
        await gate.run(giveUpSegment);
        retryLater(lines);
      }
      written.resolve();
    }
    working = undefined;
  }

  /** Who waits cannot help it, and a request must not fail for it. */
  function retryLater(lines: string): void {
    batch?.written.resolve();
    batch = { lines: lines + (batch?.lines ?? ''), written: Promise.withResolvers() };
    timer = setTimeout(work, retryMs);
    timer.unref();
  }

  function work(): void {
    clearTimeout(timer);
    timer = undefined;
    if (batch !== undefined) working ??= writeAll();
  }

  return {
    append(entry) {
      const line = `${formatEntry(entry)}\n`;
      const waiting = batch?.lines.length ?? 0;
      if (waiting + line.length > maxWaiting || options.pending() + waiting + line.length > maxBytes) {
        options.lost();
        return Promise.resolve();
      }
      batch ??= { lines: '', written: Promise.withResolvers() };
      batch.lines += line;
      if (timer !== undefined) return Promise.resolve();
      const { promise } = batch.written;
      work();
      return promise;
    },
    get trouble() {
      return trouble;
    },
    async touch() {
      const now = new Date();
      await segment?.file.utimes(now, now);
    },
    async close() {
      work();
      await working;
      clearTimeout(timer);
      await leaveSegment();
    },
  };
}
