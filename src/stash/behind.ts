import type { Log } from '../observe/log.ts';
import type { BlobStore } from '../storage/store.ts';

/**
 * Writes that nobody waits for: what can be asked or derived again, so that losing one costs a question. One at a
 * time, the newest content of a key only, in a queue that is bounded.
 */
export interface Behind {
  /** Writes the key soon, with what `content` gives then; given up where the queue is full. */
  write(key: string, content: () => Uint8Array | Promise<Uint8Array>): void;
  /** Fulfilled when all that was given so far is written or has failed. */
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
  const waiting = new Map<string, () => Uint8Array | Promise<Uint8Array>>();
  let writing: Promise<void> | undefined;

  async function writeAll(): Promise<void> {
    for (const [key, content] of waiting) {
      waiting.delete(key);
      try {
        await store.put(key, await content(), { signal: life });
      } catch (error) {
        log.debug('a write behind failed', { key, reason: (error as Error).message });
      }
    }
    writing = undefined;
  }

  return {
    write(key, content) {
      if (waiting.size >= maxWaiting && !waiting.has(key)) return;
      waiting.set(key, content);
      writing ??= writeAll();
    },
    async settled() {
      await writing;
    },
  };
}
