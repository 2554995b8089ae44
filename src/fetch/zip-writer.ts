import { extname } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { Worker } from 'node:worker_threads';
import { type ErrorKind, errorKinds, StoaError } from '../errors.ts';
import { formatModuleVersion } from '../module/version.ts';
import type { TreeFile } from '../module/zip-files.ts';
import { namedError } from './named-error.ts';
import { blockBytes, createZipBlocks } from './zip-blocks.ts';
import type { WrittenZip, ZipOrder } from './zip-write-job.ts';

/** Makes module zips in worker threads. */
export interface ZipWriter {
  /**
   * Makes one from the files of a repository's tree and a tar archive of the same files, and writes it as it comes. Which files
   * go in is decided before the first byte. Both streams are read or written to their end, or destroyed. Throws
   * `integrity`, in the words of the go command, where the tree is no module, else what went wrong with the streams.
   */
  writeModuleZip(task: ZipTask): Promise<WrittenZip>;
  /** Ends the threads, and what is under way with `draining`. */
  close(): Promise<void>;
}

/** One zip to be made. */
export interface ZipTask extends ZipOrder {
  /** All files below the module's folder, or of the whole repository, named from its root. */
  readonly files: readonly TreeFile[];
  /** An archive of these files, with names from the root of the repository. Its chunks are given away: nobody may look at them any more. */
  readonly tar: Readable;
  /** What is written to it is used up when it says that it was written. */
  readonly into: Writable;
  readonly signal: AbortSignal;
}

/** What a worker is told. */
export type ToZipWorker = { readonly id: number } & Step;

type Step =
  | { readonly type: 'begin'; readonly order: ZipOrder }
  | { readonly type: 'list'; readonly files: readonly TreeFile[] }
  | { readonly type: 'select' }
  | { readonly type: 'write'; readonly chunk: Uint8Array<ArrayBuffer> }
  | { readonly type: 'finish' }
  | { readonly type: 'drop' };

/** What a worker answers: the bytes that follow from what it was told, in the end what became of it. */
export interface FromZipWorker {
  readonly id: number;
  readonly bytes?: Uint8Array<ArrayBuffer>;
  readonly zip?: WrittenZip;
  readonly error?: { readonly kind: string; readonly message: string };
}

/** Blocks of the archive that may be with a worker before what it made of them was taken. */
const maxBlocksInFlight = 8;

/** A worker makes little but short-lived objects; with the room V8 gives by itself it takes 30 MB more for them. */
const maxYoungGenerationSizeMb = 4;

/** Names told at once: a message of a thousand takes a millisecond or less. */
const filesAtOnce = 1000;

interface Thread {
  readonly worker: Worker;
  readonly jobs: Map<number, Job>;
}

/** One zip at its thread. */
interface Job {
  /** What was asked and not answered; a thread answers in the order of the questions. */
  readonly asked: PromiseWithResolvers<FromZipWorker>[];
  /** Rejects what was asked, and what will be. */
  fail(error: StoaError): void;
}

/** A job as its zip sees it. */
interface Session {
  /** The answer of the worker; a chunk is transferred to it. */
  ask(step: Step): Promise<FromZipWorker>;
  /** True while nothing is asked that is not answered. */
  readonly isIdle: boolean;
  close(): void;
}

/** A writer with `threads` workers, started when first needed and again after one died. */
export function createZipWriter(options: { readonly threads: number }): ZipWriter {
  const threads: (Thread | undefined)[] = Array.from({ length: options.threads });
  let ids = 0;
  let closed = false;

  function start(slot: number): Thread {
    const worker = new Worker(new URL(`./zip-write-worker${extname(import.meta.url)}`, import.meta.url), {
      name: 'stoa-zip-write',
      resourceLimits: { maxYoungGenerationSizeMb },
    });
    const thread: Thread = { worker, jobs: new Map() };
    worker.unref();
    worker.on('message', (answer: FromZipWorker) => {
      const job = thread.jobs.get(answer.id);
      if (answer.error === undefined) job?.asked.shift()?.resolve(answer);
      else job?.fail(fromWorker(answer.error));
    });
    const lost = (error: unknown): void => {
      if (threads[slot] === thread) threads[slot] = undefined;
      const failure = closed ? draining() : new StoaError('internal', 'a zip worker died', { cause: error });
      for (const job of thread.jobs.values()) job.fail(failure);
    };
    worker.on('error', lost);
    worker.on('exit', (code) => lost(new Error(`exit code ${code}`)));
    threads[slot] = thread;
    return thread;
  }

  /** The thread with the least to do. */
  function choose(): Thread {
    if (closed) throw draining();
    let best = 0;
    for (let slot = 0; slot < threads.length; slot++)
      if ((threads[slot]?.jobs.size ?? 0) < (threads[best]?.jobs.size ?? 0)) best = slot;
    return threads[best] ?? start(best);
  }

  /** Begins a job; it ends with `close`, with the signal, or with its thread. `failed` is told why it can't go on. */
  function open(signal: AbortSignal, failed: (error: StoaError) => void): Session {
    const { worker, jobs } = choose();
    const id = ids++;
    let failure: StoaError | undefined;
    const asked: Job['asked'] = [];
    const fail = (error: StoaError): void => {
      if (failure !== undefined) return;
      failure = error;
      for (const { reject } of asked.splice(0)) reject(error);
      failed(error);
    };
    const abort = (): void => fail(new StoaError('canceled', 'canceled', { cause: signal.reason }));
    signal.addEventListener('abort', abort, { once: true });
    jobs.set(id, { asked, fail });
    worker.ref();
    return {
      ask(step) {
        const answer = Promise.withResolvers<FromZipWorker>();
        // It may be rejected while the archive is waited for.
        answer.promise.catch(() => undefined);
        if (failure !== undefined) answer.reject(failure);
        else {
          asked.push(answer);
          const message: ToZipWorker = { id, ...step };
          worker.postMessage(message, message.type === 'write' ? [message.chunk.buffer] : []);
        }
        return answer.promise;
      },
      get isIdle() {
        return asked.length === 0;
      },
      close() {
        signal.removeEventListener('abort', abort);
        jobs.delete(id);
        if (jobs.size === 0) worker.unref();
        worker.postMessage({ id, type: 'drop' } satisfies ToZipWorker);
      },
    };
  }

  return {
    async writeModuleZip(task) {
      const { tar, into, signal } = task;
      let zip: WrittenZip | undefined;
      // Node throws the output of a child process away when that ends before anybody listened.
      tar.on('readable', () => undefined);
      try {
        await pipeline(
          tar,
          async function* (chunks: AsyncIterable<Uint8Array>) {
            const session = open(signal, (error) => tar.destroy(error));
            try {
              zip = yield* bytesOf(session, task, chunks);
            } finally {
              session.close();
            }
          },
          into,
          { signal },
        );
        return zip!;
      } catch (error) {
        throw namedError(error, formatModuleVersion(task.version), signal);
      }
    },

    async close() {
      closed = true;
      await Promise.all(threads.map((thread) => thread?.worker.terminate()));
    },
  };
}

/** The bytes of the zip, and what it became. */
async function* bytesOf(
  session: Session,
  { files, into, ...task }: ZipTask,
  pieces: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, WrittenZip> {
  const { version, folder, goMod, licence, maxBytes } = task;
  const { path, version: number } = version;
  await session.ask({
    type: 'begin',
    order: { version: { path, version: number }, folder, goMod, licence, maxBytes },
  });
  for (let at = 0; at < files.length; at += filesAtOnce) {
    const part = files.slice(at, at + filesAtOnce).map(({ name, kind }) => ({ name, kind }));
    await session.ask({ type: 'list', files: part });
  }
  await session.ask({ type: 'select' });
  const blocks = createZipBlocks(into);
  const inFlight: Promise<FromZipWorker>[] = [];

  function send(): void {
    inFlight.push(session.ask({ type: 'write', chunk: blocks.take() }));
  }

  for await (const piece of pieces) {
    for (let at = 0; at < piece.length; ) {
      at += blocks.fill(piece.subarray(at));
      // What does not fill a block yet waits for more only while there is something else to do.
      if (blocks.filled === blockBytes || (at === piece.length && session.isIdle)) send();
    }
    free(piece);
    while (inFlight.length > maxBlocksInFlight) yield* blocks.give((await inFlight.shift()!).bytes!);
  }
  if (blocks.filled > 0) send();
  for (const answer of inFlight) yield* blocks.give((await answer).bytes!);
  const last = await session.ask({ type: 'finish' });
  yield* blocks.give(last.bytes!);
  return last.zip!;
}

/** Frees the memory of bytes that nobody looks at any more, where they have it for themselves, as what a pipe reads does. */
function free({ buffer, byteLength }: Uint8Array): void {
  if (buffer instanceof ArrayBuffer && byteLength === buffer.byteLength) buffer.transfer(0);
}

function draining(): StoaError {
  return new StoaError('draining', 'the server is shutting down');
}

function fromWorker(error: { readonly kind: string; readonly message: string }): StoaError {
  const kind = error.kind in errorKinds ? (error.kind as ErrorKind) : 'internal';
  return new StoaError(kind, error.message);
}
