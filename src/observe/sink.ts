import { write as writeFile, writeSync } from 'node:fs';

/** Where log lines go: one place for all of them, so that they stay in order. */
export interface LogSink {
  /**
   * Takes a line with its newline and returns at once. False: the reader of the log is so far behind that the line
   * was dropped. Lines that are not `droppable` have twice the room.
   */
  write(line: string, droppable: boolean): boolean;
  /** Fulfilled when all that was taken is written, or cannot be, or was not within two seconds. */
  flush(): Promise<void>;
  /** Writes out what is left before it returns, and takes no more. A reader that is stuck has half a second, unless the descriptor blocks. */
  close(): void;
}

/** When lines are handed on. */
export interface SinkBounds {
  /** Characters that may wait while the reader is stuck. */
  readonly maxWaiting?: number;
  /** Characters that are written in one go, without waiting for the timer. */
  readonly chunk?: number;
  /** Milliseconds after which a waiting line is written, or a failed write is tried again. */
  readonly delay?: number;
}

/**
 * A sink over a file descriptor (1 is stdout), which stays the caller's. Writes happen off the event loop, one at a
 * time: a stuck reader stops no request and fills no more memory than the bounds say. What is left when the process
 * exits is written then. After a broken pipe lines are dropped for good; after any other failure (a full disk) the
 * same bytes are tried again.
 *
 * pino's own destination is not used: its last write at exit never ends on a full disk, it takes no more lines once
 * the event loop ran empty, and a line costs it a walk over the whole buffer.
 */
export function openLogSink(fd: number, bounds: SinkBounds = {}): LogSink {
  const { maxWaiting = 4 * 1024 * 1024, chunk = 64 * 1024, delay = 100 } = bounds;
  const scratch = Buffer.allocUnsafeSlow((chunk + 1024) * maxUtf8Bytes);
  let waiting = '';
  /** The bytes of the write that is under way, or that is tried again when the timer fires. */
  let current: Buffer | undefined;
  let inKernel = false;
  let ended = false;
  let timer: NodeJS.Timeout | undefined;
  let flushers: (() => void)[] = [];

  process.once('exit', close);

  function pump(): void {
    if (ended || current !== undefined) return;
    if (waiting === '') {
      settle();
      return;
    }
    // One write at a time: its bytes can always lie in the same place, unless much has piled up.
    current =
      waiting.length * maxUtf8Bytes <= scratch.length
        ? scratch.subarray(0, scratch.write(waiting))
        : Buffer.from(waiting);
    waiting = '';
    writeCurrent();
  }

  function writeCurrent(): void {
    inKernel = true;
    writeFile(fd, current!, (error, written) => {
      inKernel = false;
      if (ended) return;
      if (error !== null) {
        if (isBroken(error)) end();
        else later();
        if (!isBusy(error)) settle();
        return;
      }
      current = written < current!.length ? current!.subarray(written) : undefined;
      if (current !== undefined) writeCurrent();
      else if (waiting.length >= chunk || flushers.length > 0) pump();
      else if (waiting !== '') later();
    });
  }

  function later(): void {
    timer ??= setTimeout(() => {
      timer = undefined;
      if (current !== undefined && !inKernel) writeCurrent();
      else pump();
    }, delay).unref();
  }

  function settle(): void {
    const settled = flushers;
    flushers = [];
    for (const done of settled) done();
  }

  function end(): void {
    ended = true;
    process.removeListener('exit', close);
    clearTimeout(timer);
    waiting = '';
    current = undefined;
  }

  function close(): void {
    if (ended) return;
    // A write that a thread has begun goes on beside us and cannot be waited for; a live reader takes it within this pause.
    if (inKernel) sleep(20);
    const rest = inKernel || current === undefined ? [] : [current];
    writeAll(fd, Buffer.concat([...rest, Buffer.from(waiting)]));
    end();
    settle();
  }

  return {
    write(line, droppable) {
      if (ended || waiting.length + line.length > (droppable ? maxWaiting : 2 * maxWaiting)) return false;
      waiting += line;
      if (current === undefined) {
        if (waiting.length >= chunk) pump();
        else later();
      }
      return true;
    },
    flush() {
      if (ended || (waiting === '' && current === undefined)) return Promise.resolve();
      return new Promise((resolve) => {
        const deadline = setTimeout(resolve, 2000);
        flushers.push(() => {
          clearTimeout(deadline);
          resolve();
        });
        pump();
      });
    },
    close,
  };
}

/** Of one UTF-16 code unit. */
const maxUtf8Bytes = 3;

function isBroken(error: NodeJS.ErrnoException): boolean {
  return error.code === 'EPIPE' || error.code === 'EBADF';
}

function isBusy(error: NodeJS.ErrnoException): boolean {
  return error.code === 'EAGAIN' || error.code === 'EBUSY';
}

/** Writes it all, or what a reader takes within half a second: nobody is left to be told of a failure. */
function writeAll(fd: number, bytes: Buffer): void {
  let rest = bytes;
  for (let tries = 0; rest.length > 0 && tries < 50; ) {
    try {
      rest = rest.subarray(writeSync(fd, rest));
    } catch (error) {
      if (!isBusy(error as NodeJS.ErrnoException)) return;
      tries++;
      sleep(10);
    }
  }
}

function sleep(milliseconds: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
}
