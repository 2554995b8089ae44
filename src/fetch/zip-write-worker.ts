/** A worker thread that makes zips, so that a hit never waits for one. Spoken to by zip-writer.ts alone. */
import { setPriority } from 'node:os';
import { type MessagePort, parentPort } from 'node:worker_threads';
import { toStoaError } from '../errors.ts';
import { createZipWriteJob, type ZipWriteJob } from './zip-write-job.ts';
import type { FromZipWorker, ToZipWorker } from './zip-writer.ts';

// On Linux this lowers the calling thread alone: making zips must not take the processor from answering.
try {
  setPriority(19);
} catch {
  // Where it is forbidden, the threads simply compete.
}

serve(parentPort!);

/** Answers each message about a job that did not fail; `drop` alone has no answer. */
function serve(port: MessagePort): void {
  const jobs = new Map<number, ZipWriteJob>();

  port.on('message', (message: ToZipWorker) => {
    try {
      const answer = handle(message);
      if (answer !== undefined)
        port.postMessage(answer, answer.bytes === undefined ? [] : [answer.bytes.buffer]);
    } catch (error) {
      jobs.delete(message.id);
      const { kind, message: text } = toStoaError(error);
      port.postMessage({ id: message.id, error: { kind, message: text } } satisfies FromZipWorker);
    }
  });

  function handle(message: ToZipWorker): FromZipWorker | undefined {
    const { id } = message;
    if (message.type === 'begin') {
      jobs.set(id, createZipWriteJob(message.order));
      return { id };
    }
    const job = jobs.get(id);
    if (job === undefined) return undefined;
    switch (message.type) {
      case 'list':
        job.list(message.files);
        return { id };
      case 'select':
        job.select();
        return { id };
      case 'write':
        return { id, bytes: job.write(message.chunk) };
      case 'finish':
        jobs.delete(id);
        return { id, ...job.finish() };
      case 'drop':
        jobs.delete(id);
        return undefined;
    }
  }
}
