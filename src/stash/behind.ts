import type { Log } from '../observe/log.ts';
import type { BlobStore } from '../storage/store.ts';

/**
 * Work that nobody waits for, writes above all: what can be asked or derived again, so that losing one costs a question. One at a
 * time, the newest of a key only, in a queue that is bounded.
 */
export interface Behind {
  /** Writes the key soon, with what `content` gives then; given up where the queue is full. */
  write(key: string, content: () => Uint8Array | Promise<Uint8Array>): void;
  /** Does other work soon, under a name that is no key of the store; given up where the queue is full. */
  run(key: string, work: () => Promise<void>): void;
  /** Fulfilled when all that was given so far is done or has failed. */
  settled(): Promise<void>;
}

const maxWaiting = 1024;

/** `life` ends the writes. */
export function createBehind(options: {
  readonly store: BlobStore;
  readonly life: AbortSignal;
  readonly log: Log;
}): Behind {
  const { store, life, log } = options;
  const waiting = new Map<string, () => Promise<unknown>>();
  let working: Promise<void> | undefined;

  async function workAll(): Promise<void> {
    for (const [key, work] of waiting) {
      waiting.delete(key);
      try {
        await work();
      } catch (error) {
        log.debug('work behind an answer failed', { key, reason: (error as Error).message });
      }
    }
    working = undefined;
  }

  function run(key: string, work: () => Promise<unknown>): void {
    if (waiting.size >= maxWaiting && !waiting.has(key)) return;
    waiting.set(key, work);
    working ??= workAll();
  }

  return {
    write: (key, content) => run(key, async () => store.put(key, await content(), { signal: life })),
    run,
    async settled() {
      await working;
    },
  };
}
