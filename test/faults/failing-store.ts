import { StoaError } from '../../src/errors.ts';
import type { Blob, BlobStore } from '../../src/storage/store.ts';

/** A store some of whose calls fail. */
export interface FailingStore {
  wrap(store: BlobStore): BlobStore;
  /** Failures so far. */
  readonly failures: number;
  /** From now on every call works. */
  heal(): void;
}

/**
 * Every n-th call fails, one kind of call as the other: opening, every chunk that is read, looking up, beginning a list, going on
 * with it, putting, deleting. A put fails in turn before anything is done, and after everything is: then its answer is lost.
 */
export function createFailingStore(everyNth: number): FailingStore {
  let calls = 0;
  let failures = 0;
  let puts = 0;
  let healed = false;

  function isStruck(): boolean {
    calls++;
    if (healed || calls % everyNth !== 0) return false;
    failures++;
    return true;
  }

  function strike(key: string): void {
    if (isStruck()) throw failed(key);
  }

  function guarded(key: string, blob: Blob): Blob {
    return {
      ...blob,
      async *read() {
        for await (const chunk of blob.read()) {
          strike(key);
          yield chunk;
        }
      },
    };
  }

  return {
    wrap: (store) => ({
      async get(key, options) {
        strike(key);
        const blob = await store.get(key, options);
        return blob && guarded(key, blob);
      },
      async stat(key, options) {
        strike(key);
        return store.stat(key, options);
      },
      async put(key, body, options) {
        const struck = isStruck();
        if (struck && puts++ % 2 === 0) throw failed(key);
        const won = await store.put(key, body, options);
        if (struck) throw failed(key);
        return won;
      },
      async delete(key, options) {
        strike(key);
        return store.delete(key, options);
      },
      async *list(prefix, options) {
        strike(prefix);
        let listed = 0;
        for await (const key of store.list(prefix, options)) {
          yield key;
          if (++listed === 1) strike(prefix);
        }
      },
    }),
    get failures() {
      return failures;
    },
    heal() {
      healed = true;
    },
  };
}

function failed(key: string): StoaError {
  return new StoaError('storage', `${key}: input/output error`);
}
