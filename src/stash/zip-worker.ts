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

/**
 * Reads through a window, since a zip is mostly many small entries in a row; a larger piece goes through memory that all jobs
 * share. What it gives is valid until the next call.
 */
function windowed(fd: number): ReadAt {
  const window = Buffer.allocUnsafe(256 * 1024);
  let start = 0;
  let length = 0;
  return (offset, wanted) => {
    if (offset >= start && offset + wanted <= start + length)
      return window.subarray(offset - start, offset - start + wanted);
    if (wanted > window.length)
      return fill(fd, wanted <= shared.length ? shared : Buffer.allocUnsafe(wanted), offset, wanted).subarray(
        0,
        wanted,
      );
    start = offset;
    length = readSync(fd, window, 0, window.length, offset);
    if (length < wanted) fill(fd, window.subarray(length), offset + length, wanted - length);
    length = Math.max(length, wanted);
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
