import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';
import { type ErrorKind, errorKinds, StoaError } from '../errors.ts';
import { formatModuleVersion, type ModuleVersion } from '../module/version.ts';
import { orAborted } from '../work/abortable.ts';
import type { ZipFacts } from './zip-job.ts';

/** Checks and hashes zips in worker threads. */
export interface Verifier {
  /** Begins with a file that may still be growing. */
  begin(module: ModuleVersion, file: string): Verification;
  /** Zips in work or waiting for a thread. */
  readonly pending: number;
  close(): Promise<void>;
}

/** One zip on its way to a verdict. End it with `finish` or `abandon`. */
export interface Verification {
  /** Tells how many bytes are in the file by now. */
  grow(available: number): void;
  /** The facts of the whole file of `size` bytes; throws `integrity` when it is no valid zip of this module version. */
  finish(size: number, signal: AbortSignal): Promise<ZipFacts>;
  abandon(): void;
}

/** What a worker is told. */
export type ToWorker =
  | { readonly type: 'begin'; readonly id: number; readonly module: ModuleVersion; readonly file: string }
  | { readonly type: 'grow'; readonly id: number; readonly available: number }
  | { readonly type: 'finish'; readonly id: number; readonly size: number }
  | { readonly type: 'abandon'; readonly id: number };

/** What a worker answers. */
export type FromWorker =
  | { readonly id: number; readonly facts: ZipFacts }
  | { readonly id: number; readonly error: { readonly kind: string; readonly message: string } };

/** Bytes that must have come before the worker is told again: a message costs as much as hashing a few KiB. */
const growStep = 512 * 1024;

/** A worker makes little but short-lived objects, and would else let tens of MB of them gather. */
const maxYoungGenerationSizeMb = 4;

interface Thread {
  readonly worker: Worker;
  readonly waiting: Map<number, PromiseWithResolvers<ZipFacts>>;
}

/** A verifier of `threads` workers, started when first needed and again after one died. */
export function createVerifier(options: { readonly threads: number }): Verifier {
  const threads: (Thread | undefined)[] = Array.from({ length: options.threads });
  let ids = 0;
  let closed = false;

  function start(slot: number): Thread {
    const worker = new Worker(new URL(`./zip-worker${extname(import.meta.url)}`, import.meta.url), {
      name: 'stoa-zip',
      resourceLimits: { maxYoungGenerationSizeMb },
    });
    const thread: Thread = { worker, waiting: new Map() };
    worker.unref();
    worker.on('message', (message: FromWorker) => {
      const result = thread.waiting.get(message.id);
      thread.waiting.delete(message.id);
      if ('facts' in message) result?.resolve(message.facts);
      else result?.reject(fromWorker(message.error));
    });
    const lost = (error: unknown): void => {
      if (threads[slot] === thread) threads[slot] = undefined;
      for (const result of thread.waiting.values())
        result.reject(new StoaError('internal', 'a zip worker died', { cause: error }));
      thread.waiting.clear();
    };
    worker.on('error', lost);
    worker.on('exit', (code) => lost(new Error(`exit code ${code}`)));
    threads[slot] = thread;
    return thread;
  }

  /** The thread with the least to do. */
  function choose(): Thread {
    if (closed) throw new StoaError('draining', 'the server is shutting down');
    let best = 0;
    for (let slot = 0; slot < threads.length; slot++) {
      if ((threads[slot]?.waiting.size ?? 0) < (threads[best]?.waiting.size ?? 0)) best = slot;
    }
    return threads[best] ?? start(best);
  }

  return {
    begin(module, file) {
      const { worker, waiting } = choose();
      const id = ids++;
      const result = Promise.withResolvers<ZipFacts>();
      result.promise.catch(() => undefined);
      waiting.set(id, result);
      const tell = (message: ToWorker): void => worker.postMessage(message);
      let told = 0;
      tell({ type: 'begin', id, module: { path: module.path, version: module.version }, file });
      const abandon = (): void => {
        if (waiting.delete(id)) tell({ type: 'abandon', id });
      };
      return {
        grow(available) {
          if (available < told + growStep) return;
          told = available;
          tell({ type: 'grow', id, available });
        },
        async finish(size, signal) {
          tell({ type: 'finish', id, size });
          try {
            return await orAborted(result.promise, signal);
          } catch (error) {
            throw error instanceof StoaError
              ? error
              : new StoaError('internal', `${formatModuleVersion(module)}: could not be verified`, {
                  cause: error,
                });
          } finally {
            waiting.delete(id);
          }
        },
        abandon,
      };
    },
    get pending() {
      return threads.reduce((sum, thread) => sum + (thread?.waiting.size ?? 0), 0);
    },
    async close() {
      closed = true;
      await Promise.all(threads.map((thread) => thread?.worker.terminate()));
    },
  };
}

function fromWorker(error: { readonly kind: string; readonly message: string }): StoaError {
  const kind = error.kind in errorKinds ? (error.kind as ErrorKind) : 'internal';
  return new StoaError(kind, error.message);
}
