import { type FileHandle, open, unlink } from 'node:fs/promises';
import { Writable } from 'node:stream';
import { StoaError } from '../errors.ts';
import type { Spool } from '../fetch/fetcher.ts';
import { diskError } from '../storage/disk-files.ts';
import type { PoolGate } from '../storage/pool-gate.ts';
import { orAborted } from './flight.ts';

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
  /** Called after bytes reached the file, with how many are there; called with 0 when it starts over. */
  readonly onWritten: (bytes: number) => void;
}

/** A zip without these has no end of central directory record, which no reader does without. */
const withheldBytes = 1024;

/** Bytes kept in memory for the followers that are at the live edge. */
const tailBytes = 256 * 1024;

/** Bytes that may wait for the disk before the source is slowed down. */
const backlogBytes = 1024 * 1024;

/** Follower's buffer for reading back what is no longer in memory. */
const readBytes = 256 * 1024;

/**
 * A spool over a file that must not exist. It is opened behind the caller's back, since the source can be asked meanwhile; what keeps
 * it from being opened fails the first write. The caller disposes of the spool, which removes the file.
 */
export function createSpool(options: FileSpoolOptions): FileSpool {
  const { file, subject, pool } = options;
  const opening = open(file, 'wx+', 0o644);
  opening.catch(() => undefined);
  const begun = Promise.withResolvers<{ source: string; size?: number }>();
  begun.promise.catch(() => undefined);
  let growth = Promise.withResolvers<void>();
  let tail: { offset: number; chunk: Buffer }[] = [];
  let declared: number | undefined;
  let received = 0;
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
    if (released) return received;
    const end = declared === undefined ? received : declared;
    return Math.max(0, Math.min(received, end - withheldBytes));
  }

  function begin(from: { readonly source: string; readonly size?: number }): Writable {
    if (taken)
      throw new StoaError(
        'upstream',
        `${subject}: the download broke off after a client had taken bytes of it`,
      );
    generation++;
    declared = from.size;
    received = 0;
    written = 0;
    ended = false;
    tail = [];
    if (generation > 1) void onDisk(async () => (await opening).truncate(0)).catch(() => undefined);
    options.onWritten(0);
    if (declared !== undefined && declared > options.maxBytes) throw tooLarge(from.source, declared);
    return writer(from, generation);
  }

  function tooLarge(source: string, size: number): StoaError {
    return new StoaError(
      'integrity',
      `${subject}: ${source} sent a zip of ${size} bytes, more than ${options.maxBytes}`,
    );
  }

  function writer(from: { readonly source: string; readonly size?: number }, mine: number): Writable {
    let backlog: Buffer[] = [];
    let backlogSize = 0;
    let pumping = false;
    let accept: (() => void) | undefined;
    let finish: ((error?: Error | null) => void) | undefined;
    let broken: Error | undefined;

    async function pump(): Promise<void> {
      if (pumping) return;
      pumping = true;
      try {
        while (backlog.length > 0) {
          const chunks = backlog;
          const size = backlogSize;
          backlog = [];
          backlogSize = 0;
          accept?.();
          accept = undefined;
          await onDisk(async () => {
            if (mine === generation) await writeAll(await opening, chunks, written);
          });
          if (mine !== generation) return;
          written += size;
          while (
            tail.length > 0 &&
            tail[0]!.offset + tail[0]!.chunk.length <= Math.min(written, received - tailBytes)
          )
            tail.shift();
          options.onWritten(written);
        }
      } catch (error) {
        broken = diskError(`${subject}: cannot write the download`, error) as Error;
        accept?.();
        finish?.(broken);
      } finally {
        pumping = false;
      }
      if (broken === undefined) finish?.();
    }

    return new Writable({
      write(chunk: Buffer, _encoding, callback) {
        if (broken !== undefined) return callback(broken);
        if (received + chunk.length > options.maxBytes)
          return callback(tooLarge(from.source, received + chunk.length));
        if (from.size !== undefined && received + chunk.length > from.size) {
          return callback(
            new StoaError(
              'integrity',
              `${subject}: ${from.source} sent more than the ${from.size} bytes it declared`,
            ),
          );
        }
        tail.push({ offset: received, chunk });
        received += chunk.length;
        backlog.push(chunk);
        backlogSize += chunk.length;
        begun.resolve(from);
        grew();
        if (backlogSize > backlogBytes) accept = () => callback(broken);
        else callback();
        void pump();
      },
      final(callback) {
        if (from.size !== undefined && received !== from.size) {
          return callback(
            new StoaError(
              'upstream',
              `${subject}: ${from.source} ended after ${received} of ${from.size} bytes`,
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
    let buffer: Buffer | undefined;
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
        const live = fromTail(tail, at, limit);
        if (live !== undefined) {
          at += live.length;
          yield live;
          continue;
        }
        buffer ??= Buffer.allocUnsafe(readBytes);
        const length = Math.min(buffer.length, limit - at, written - at);
        const into = buffer;
        const from = at;
        const { bytesRead } = await pool.run(async () => (await opening).read(into, 0, length, from));
        if (bytesRead === 0) throw new StoaError('storage', `${subject}: the spool file was cut`);
        at += bytesRead;
        yield buffer.subarray(0, bytesRead);
      }
    } finally {
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
      await removeName();
      if (readers === 0) await closeFile();
    },
  };
}

/** The bytes at `at` up to `limit` that one chunk in memory has, if any. */
function fromTail(
  tail: readonly { offset: number; chunk: Buffer }[],
  at: number,
  limit: number,
): Buffer | undefined {
  const first = tail[0];
  if (first === undefined || at < first.offset) return undefined;
  for (let i = tail.length - 1; i >= 0; i--) {
    const { offset, chunk } = tail[i]!;
    if (at >= offset)
      return at < offset + chunk.length
        ? chunk.subarray(at - offset, Math.min(chunk.length, limit - offset))
        : undefined;
  }
  return undefined;
}

async function writeAll(handle: FileHandle, chunks: Buffer[], position: number): Promise<void> {
  let rest = chunks;
  let at = position;
  while (rest.length > 0) {
    const { bytesWritten } = await handle.writev(rest, at);
    at += bytesWritten;
    rest = withoutFirst(rest, bytesWritten);
  }
}

/** What a short write left over. */
function withoutFirst(chunks: Buffer[], bytes: number): Buffer[] {
  let skip = bytes;
  let i = 0;
  while (i < chunks.length && skip >= chunks[i]!.length) skip -= chunks[i++]!.length;
  const rest = chunks.slice(i);
  if (skip > 0) rest[0] = rest[0]!.subarray(skip);
  return rest;
}
