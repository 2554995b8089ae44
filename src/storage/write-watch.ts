import { StoaError } from '../errors.ts';
import type { BlobStore } from './store.ts';

/** Whether a store takes writes: hits go on without, so that somebody has to be told. */
export interface WriteWatch {
  /** The store, its puts being watched. */
  readonly store: BlobStore;
  /** Tells of a write that failed beside the store, in the same file system. */
  failed(error: StoaError): void;
  /** Why the last write failed; undefined while writes succeed. While one failed last, a small one is tried now and then. */
  trouble(signal: AbortSignal): Promise<string | undefined>;
  /** The same as last known. */
  readonly isTroubled: boolean;
}

/** Milliseconds between two tries. */
const tryEveryMs = 5000;

/** Written over and over while the store is in trouble, and nothing else. */
const probeKey = 'fresh/@probe';

export function watchWrites(store: BlobStore, now: () => number = Date.now): WriteWatch {
  let trouble: string | undefined;
  let tried = 0;

  function note(error: unknown): void {
    if (error instanceof StoaError && error.kind === 'storage') trouble = error.message;
  }

  const put: BlobStore['put'] = async (key, body, options) => {
    try {
      const won = await store.put(key, body, options);
      if (won) trouble = undefined;
      return won;
    } catch (error) {
      note(error);
      throw error;
    }
  };

  return {
    store: { ...store, put },
    failed: note,
    async trouble(signal) {
      if (trouble === undefined || now() - tried < tryEveryMs) return trouble;
      tried = now();
      await put(probeKey, Buffer.from('probe'), { signal }).catch(() => undefined);
      return trouble;
    },
    get isTroubled() {
      return trouble !== undefined;
    },
  };
}
