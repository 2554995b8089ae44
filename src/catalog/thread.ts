import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';
import { type ErrorKind, errorKinds, StoaError } from '../errors.ts';
import { orAborted } from '../work/abortable.ts';
import type { Catalog, Jobs } from './catalog.ts';
import type { Report } from './keeper.ts';

/** The thread that has the catalog: started once it is told to, and again when it died. */
export interface CatalogThread {
  start(): void;
  /** The catalog in it. A call that is not answered in time throws `catalog`. */
  readonly catalog: Catalog;
  /** Lines were written to the outbox. */
  poke(): void;
  /** Brings in what is left, closes the catalog and ends the thread; within the time, else what is left stays for the next start. */
  close(): Promise<void>;
}

/** What the thread begins with. */
export interface ThreadData {
  readonly file: string;
  /** The outboxes. */
  readonly folder: string;
  /** The own name of this process. */
  readonly owner: string;
}

export type Method = Exclude<keyof Catalog, 'jobs'> | keyof Jobs;

/** What the thread is told. */
export type ToThread =
  | { readonly type: 'call'; readonly id: number; readonly method: Method; readonly args: readonly unknown[] }
  | { readonly type: 'finish'; readonly id: number }
  | { readonly type: 'poke' };

/** What the thread tells. */
export type FromThread =
  | { readonly type: 'value'; readonly id: number; readonly value: unknown }
  | { readonly type: 'error'; readonly id: number; readonly kind: string; readonly message: string }
  | { readonly type: 'report'; readonly report: Report }
  | { readonly type: 'unreadable'; readonly segment: string; readonly line: string };

export interface ThreadOptions extends ThreadData {
  readonly report: (report: Report) => void;
  /** Told of a line of an outbox that nobody can read. */
  readonly unreadable: (segment: string, line: string) => void;
  /** Told why the thread ended by itself. */
  readonly died: (error: unknown) => void;
  /** What runs in the thread. */
  readonly program?: URL;
  /** Milliseconds that a call may take. */
  readonly answerMs?: number;
  /** Milliseconds that the end may take. */
  readonly closeMs?: number;
  readonly restartMs?: number;
}

/** It works in small pieces; one that is out of hand ends the thread, not the server. */
const resourceLimits = { maxYoungGenerationSizeMb: 4, maxOldGenerationSizeMb: 256 };

export function createCatalogThread(options: ThreadOptions): CatalogThread {
  const { file, folder, owner, answerMs = 15_000, closeMs = 5000, restartMs = 5000 } = options;
  const { program = new URL(`./catalog-worker${extname(import.meta.url)}`, import.meta.url) } = options;
  const waiting = new Map<number, PromiseWithResolvers<unknown>>();
  let ids = 0;
  let isClosed = false;
  let timer: NodeJS.Timeout | undefined;
  let worker: Worker | undefined;

  function start(): void {
    const workerData: ThreadData = { file, folder, owner };
    const started = new Worker(program, { name: 'stoa-catalog', workerData, resourceLimits });
    started.unref();
    started.on('message', (message: FromThread) => hear(message));
    started.on('error', (error) => lost(started, error));
    started.on('exit', (code) => lost(started, new Error(`exit code ${code}`)));
    worker = started;
  }

  function hear(message: FromThread): void {
    switch (message.type) {
      case 'report':
        options.report(message.report);
        return;
      case 'unreadable':
        options.unreadable(message.segment, message.line);
        return;
      case 'value':
        waiting.get(message.id)?.resolve(message.value);
        return;
      case 'error': {
        const kind = message.kind in errorKinds ? (message.kind as ErrorKind) : 'internal';
        waiting.get(message.id)?.reject(new StoaError(kind, message.message));
      }
    }
  }

  function lost(which: Worker, error: unknown): void {
    if (which !== worker) return;
    worker = undefined;
    for (const { reject } of waiting.values())
      reject(new StoaError('catalog', 'the thread of the catalog ended', { cause: error }));
    if (isClosed) return;
    options.died(error);
    timer = setTimeout(start, restartMs);
    timer.unref();
  }

  async function ask(
    message: (id: number) => ToThread,
    withinMs: number,
    signal?: AbortSignal,
  ): Promise<unknown> {
    if (worker === undefined) throw new StoaError('catalog', `${file}: not open`);
    const id = ids++;
    const answer = Promise.withResolvers<unknown>();
    answer.promise.catch(() => undefined);
    const deadline = setTimeout(
      () => answer.reject(new StoaError('catalog', `${file}: no answer within ${withinMs} ms`)),
      withinMs,
    );
    waiting.set(id, answer);
    worker.postMessage(message(id));
    try {
      return await orAborted(answer.promise, signal);
    } finally {
      clearTimeout(deadline);
      waiting.delete(id);
    }
  }

  function call<M extends Method>(method: M) {
    type Call = (Catalog & Jobs)[M];
    // The signal, which no thread can be handed, is the last parameter of every method.
    return ((...args: unknown[]) => {
      const last = args.at(-1);
      const signal = last instanceof AbortSignal ? last : undefined;
      const rest = signal === undefined ? args : args.slice(0, -1);
      return ask((id) => ({ type: 'call', id, method, args: rest }), answerMs, signal);
    }) as unknown as Call;
  }

  return {
    start,
    catalog: {
      apply: call('apply'),
      asked: call('asked'),
      versions: call('versions'),
      missing: call('missing'),
      events: call('events'),
      prune: call('prune'),
      jobs: {
        claim: call('claim'),
        renew: call('renew'),
        settle: call('settle'),
        list: call('list'),
        count: call('count'),
      },
    },
    poke: () => worker?.postMessage({ type: 'poke' } satisfies ToThread),
    async close() {
      isClosed = true;
      clearTimeout(timer);
      if (worker === undefined) return;
      await ask((id) => ({ type: 'finish', id }), closeMs).catch(() => undefined);
      const ending = worker;
      worker = undefined;
      await ending.terminate();
    },
  };
}
