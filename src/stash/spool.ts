import { type FileHandle, open, unlink } from 'node:fs/promises';
import { Writable } from 'node:stream';
import { StoaError } from '../errors.ts';
import type { Spool } from '../fetch/fetcher.ts';
import type { Turns } from '../fetch/turns.ts';
import type { BufferPool } from '../storage/buffer-pool.ts';
import { diskError } from '../storage/disk-files.ts';
import type { PoolGate } from '../storage/pool-gate.ts';
import { orAborted } from '../work/abortable.ts';
import { createSpoolMemory } from './spool-memory.ts';

/**
 * A download on its way: written once, into a local file, and read meanwhile by any number of followers. The
 * last bytes stay withheld until `release`, so that nobody ever holds a whole zip that was not verified. After `fail`
 * every follower gets the error.
 */
export interface FileSpool extends Spool, AsyncDisposable {
  /** Fulfilled with the first bytes, when it is known whence they come and how many were declared; rejected when it fails before. */
  readonly begun: Promise<{ readonly source: string; readonly size?: number }>;
  /** The file that is being written. */
  readonly file: string;
  /** Bytes that are in the file so far. */
  readonly written: number;
  /** The bytes from `start` up to but not including `end`, as they come. A chunk is valid only until the next is asked for. */
  read(range: {
    readonly start?: number;
    readonly end?: number;
    readonly signal: AbortSignal;
  }): AsyncIterable<Uint8Array>;
  /** Claims the download for a client that is told whence it comes and its size: from now on it does not start over. */
  take(): { readonly source: string; readonly size?: number };
  /** True once it was taken, or bytes of it were. */
  readonly taken: boolean;
  /** Lets the last bytes go; the download must have ended. */
  release(): void;
  /** Ends it for every follower that is not at its end yet. */
  fail(error: StoaError): void;
  /** Removes the file's name; followers that still read keep what they have open. */
  unlink(): Promise<void>;
}

export interface FileSpoolOptions {
  readonly file: string;
  /** Begins the messages, `path@version`. */
  readonly subject: string;
  readonly maxBytes: number;
  readonly pool: PoolGate;
  /** Memory for what is on its way to the file, and for followers that read it back. */
  readonly buffers: BufferPool;
  readonly turns: Turns;
  /** Called after bytes reached the file, with how many are there; called with 0 when it starts over. */
  readonly onWritten: (bytes: number) => void;
}

/** A zip without these has no end of central directory record, which no reader does without. */
const withheldBytes = 1024;

/** Follower's buffer for reading back what is no longer in memory, where the pool has none left. */
const ownReadBytes = 64 * 1024;

/**
 * A spool over a file that must not exist. It is opened behind the caller's back, since the source can be asked meanwhile; what keeps
 * it from being opened fails the first write. The caller disposes of the spool, which removes the file.
 */
export function createSpool(options: FileSpoolOptions): FileSpool {
  const { file, subject, pool, buffers } = options;
  const opening = open(file, 'wx+', 0o644);
  opening.catch(() => undefined);
  const begun = Promise.withResolvers<{ source: string; size?: number }>();
  begun.promise.catch(() => undefined);
  let growth = Promise.withResolvers<void>();
  let memory = createSpoolMemory(buffers);
  let origin: { readonly source: string; readonly size?: number } | undefined;
  let written = 0;
  let ended = false;
  let released = false;
  let failure: StoaError | undefined;
  let taken = false;
  let readers = 0;
  let disposed = false;
  let linked = true;
  let generation = 0;
  // One operation on the file at a time: a start-over must not be overtaken by a write of what came before.
  let disk: Promise<void> = Promise.resolve();

  function onDisk(work: () => Promise<void>): Promise<void> {
    const done = disk.then(() => pool.run(work));
    disk = done.catch(() => undefined);
    return done;
  }

  function grew(): void {
    growth.resolve();
    growth = Promise.withResolvers();
  }

  /** How far followers may read now. */
  function visible(): number {
    if (released) return memory.end;
    return Math.max(0, Math.min(memory.end, (origin?.size ?? memory.end) - withheldBytes));
  }

  function begin(from: { readonly source: string; readonly size?: number }): Writable {
    if (taken)
      throw new StoaError(
        'upstream',
        `${subject}: the download broke off after a client had taken bytes of it`,
      );
    generation++;
    origin = from;
    written = 0;
    ended = false;
    memory.close();
    memory = createSpoolMemory(buffers);
    if (generation > 1) void onDisk(async () => (await opening).truncate(0)).catch(() => undefined);
    options.onWritten(0);
    if (from.size !== undefined && from.size > options.maxBytes) throw tooLarge(from.source, from.size);
    return writer(from, generation);
  }

  function tooLarge(source: string, size: number): StoaError {
    return new StoaError(
      'integrity',
      `${subject}: ${source} sent a zip of ${size} bytes, more than ${options.maxBytes}`,
    );
  }

  function writer(from: { readonly source: string; readonly size?: number }, mine: number): Writable {
    const into = memory;
    let pumping = false;
    /** What there was no room for, and what to tell when there is. */
    let waiting: { rest: Buffer; accepted: (error?: Error) => void } | undefined;
    let finish: ((error?: Error | null) => void) | undefined;
    let broken: Error | undefined;

    function admit(): void {
      if (waiting === undefined) return;
      const { rest, accepted } = waiting;
      const taken = into.append(rest);
      grew();
      if (taken < rest.length) {
        waiting.rest = rest.subarray(taken);
      } else {
        waiting = undefined;
        options.turns(accepted);
      }
    }

    async function flush(): Promise<void> {
      for (let part = into.unflushed(); part !== undefined; part = into.unflushed()) {
        const { bytes } = part;
        await onDisk(async () => {
          if (mine === generation) await writeAll(await opening, bytes, written);
        }).finally(part.return);
        if (mine !== generation) return;
        written += bytes.length;
        into.flushed(bytes.length);
        options.onWritten(written);
        admit();
      }
    }

    async function pump(): Promise<void> {
      if (pumping) return;
      pumping = true;
      try {
        await flush();
      } catch (error) {
        broken = diskError(`${subject}: cannot write the download`, error) as Error;
        waiting?.accepted(broken);
        finish?.(broken);
      } finally {
        pumping = false;
      }
      if (broken === undefined) finish?.();
    }

    return new Writable({
      write(chunk: Buffer, _encoding, callback) {
        if (broken !== undefined) return callback(broken);
        const received = into.end + chunk.length;
        if (received > options.maxBytes) return callback(tooLarge(from.source, received));
        if (from.size !== undefined && received > from.size) {
          return callback(
            new StoaError(
              'integrity',
              `${subject}: ${from.source} sent more than the ${from.size} bytes it declared`,
            ),
          );
        }
        begun.resolve(from);
        waiting = { rest: chunk, accepted: callback };
        admit();
        void pump();
      },
      final(callback) {
        if (from.size !== undefined && into.end !== from.size) {
          return callback(
            new StoaError(
              'upstream',
              `${subject}: ${from.source} ended after ${into.end} of ${from.size} bytes`,
            ),
          );
        }
        finish = (error) => {
          if (error == null) ended = true;
          callback(error);
        };
        if (broken !== undefined) finish(broken);
        else if (!pumping) finish();
      },
    });
  }

  async function* read(range: {
    start?: number;
    end?: number;
    signal: AbortSignal;
  }): AsyncGenerator<Uint8Array> {
    let at = range.start ?? 0;
    const end = range.end ?? Number.POSITIVE_INFINITY;
    let pooled: Uint8Array | undefined;
    let own: Uint8Array | undefined;
    readers++;
    try {
      while (at < end) {
        if (failure !== undefined) throw failure;
        const limit = Math.min(visible(), end);
        if (at >= limit) {
          if (released) return;
          await orAborted(growth.promise, range.signal);
          continue;
        }
        taken = true;
        const live = memory.lend(at, limit);
        if (live !== undefined) {
          at += live.bytes.length;
          try {
            yield live.bytes;
          } finally {
            live.return();
          }
          continue;
        }
        pooled ??= buffers.take();
        if (pooled === undefined) own ??= Buffer.allocUnsafeSlow(ownReadBytes);
        const buffer = (pooled ?? own)!;
        const length = Math.min(buffer.length, limit - at, written - at);
        const from = at;
        const { bytesRead } = await pool.run(async () => (await opening).read(buffer, 0, length, from));
        if (bytesRead === 0) throw new StoaError('storage', `${subject}: the spool file was cut`);
        at += bytesRead;
        yield buffer.subarray(0, bytesRead);
      }
    } finally {
      if (pooled !== undefined) buffers.give(pooled);
      readers--;
      if (disposed && readers === 0) await closeFile();
    }
  }

  async function removeName(): Promise<void> {
    if (!linked) return;
    linked = false;
    if (await isOpen()) await unlink(file);
  }

  async function closeFile(): Promise<void> {
    if (await isOpen()) await (await opening).close();
  }

  function isOpen(): Promise<boolean> {
    return opening.then(
      () => true,
      () => false,
    );
  }

  return {
    begun: begun.promise,
    file,
    begin,
    read,
    get written() {
      return written;
    },
    take() {
      if (origin === undefined) throw new StoaError('internal', `${subject}: taken before it began`);
      taken = true;
      return origin;
    },
    get taken() {
      return taken;
    },
    release() {
      if (!ended) throw new StoaError('internal', `${subject}: released before its end`);
      released = true;
      grew();
    },
    fail(error) {
      failure ??= error;
      begun.reject(error);
      grew();
    },
    unlink: removeName,
    async [Symbol.asyncDispose]() {
      disposed = true;
      memory.close();
      await removeName();
      if (readers === 0) await closeFile();
    },
  };
}

async function writeAll(handle: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const { bytesWritten } = await handle.write(bytes, done, bytes.length - done, position + done);
    done += bytesWritten;
  }
}
