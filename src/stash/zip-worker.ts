/** A worker thread that checks and hashes zips, so that a hit never waits for either. Spoken to by verifier.ts alone. */
import { closeSync, openSync, readSync } from 'node:fs';
import { setPriority } from 'node:os';
import { parentPort } from 'node:worker_threads';
import { toStoaError } from '../errors.ts';
import type { ReadAt } from '../module/zip.ts';
import type { FromWorker, ToWorker } from './verifier.ts';
import { createZipJob, type ZipJob } from './zip-job.ts';

/** Room for an entry that is inflated in one call. */
const shared = Buffer.allocUnsafeSlow(4 * 1024 * 1024);

/** Room for many small entries. */
const window = Buffer.allocUnsafeSlow(256 * 1024);

const jobs = new Map<number, { readonly job: ZipJob; readonly fd: number }>();

// On Linux this lowers the calling thread alone: verifying must not take the processor from answering.
try {
  setPriority(19);
} catch {
  // Where it is forbidden, the threads simply compete.
}

parentPort!.on('message', (message: ToWorker) => void handle(message));

async function handle(message: ToWorker): Promise<void> {
  if (message.type === 'begin') {
    try {
      const fd = openSync(message.file, 'r');
      jobs.set(message.id, { fd, job: createZipJob(message.module, windowed(fd)) });
    } catch (error) {
      answer({ id: message.id, error: describe(error) });
    }
    return;
  }
  const entry = jobs.get(message.id);
  if (entry === undefined) return;
  if (message.type === 'grow') {
    entry.job.grow(message.available);
    return;
  }
  jobs.delete(message.id);
  try {
    if (message.type === 'finish') answer({ id: message.id, facts: await entry.job.finish(message.size) });
  } catch (error) {
    answer({ id: message.id, error: describe(error) });
  } finally {
    // Another file may get this number.
    if (held.fd === entry.fd) held.fd = -1;
    closeSync(entry.fd);
  }
}

function answer(message: FromWorker): void {
  parentPort!.postMessage(message);
}

function describe(error: unknown): { kind: string; message: string } {
  const { kind, message } = toStoaError(error);
  return { kind, message };
}

/** What the window holds: of which file, and which bytes of it. */
const held = { fd: -1, start: 0, length: 0 };

/**
 * Reads through a window, since a zip is mostly many small entries in a row; a larger piece goes through memory of its own kind.
 * All jobs share both, one after the other: a hundred windows would be memory that is used once in a while each. What it gives is valid until the
 * next call of any job.
 */
function windowed(fd: number): ReadAt {
  return (offset, wanted) => {
    const { start, length } = held;
    if (held.fd === fd && offset >= start && offset + wanted <= start + length)
      return window.subarray(offset - start, offset - start + wanted);
    if (wanted > window.length)
      return fill(fd, wanted <= shared.length ? shared : Buffer.allocUnsafe(wanted), offset, wanted).subarray(
        0,
        wanted,
      );
    held.fd = -1;
    held.start = offset;
    held.length = readSync(fd, window, 0, window.length, offset);
    if (held.length < wanted)
      fill(fd, window.subarray(held.length), offset + held.length, wanted - held.length);
    held.length = Math.max(held.length, wanted);
    held.fd = fd;
    return window.subarray(0, wanted);
  };
}

/** Fills the whole buffer's first `wanted` bytes, or throws where the file ends before. */
function fill(fd: number, buffer: Buffer, offset: number, wanted: number): Buffer {
  let done = 0;
  while (done < wanted) {
    const bytes = readSync(fd, buffer, done, wanted - done, offset + done);
    if (bytes === 0) throw new RangeError(`the file ends before ${offset + wanted}`);
    done += bytes;
  }
  return buffer;
}
