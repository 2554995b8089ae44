import { StoaError } from '../errors.ts';

/**
 * Keeps misses from filling the threads that hits read files with: whatever a put or a spool hands to libuv's
 * pool (write, fsync, link) passes here, a few at a time, first come first served. A put waits for few places
 * at once, so the queue is bounded by the bounds on misses.
 */
export interface PoolGate {
  /**
   * Runs the work when a place is free and keeps the place until its promise is settled. Aborted while it
   * waits, it throws `canceled` and the work never begins; work that began is not interrupted.
   */
  run<T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T>;
}

/**
 * A gate for `width` pieces of work at a time: half of the pool's threads, of which libuv has four unless
 * UV_THREADPOOL_SIZE says otherwise.
 */
export function createPoolGate(width = 2): PoolGate {
  const waiting = new Set<() => void>();
  let free = width;

  function enter(signal: AbortSignal | undefined): Promise<void> | undefined {
    if (signal?.aborted) throw canceled(signal);
    if (free > 0) {
      free--;
      return undefined;
    }
    return new Promise((resolve, reject) => {
      const admit = () => {
        signal?.removeEventListener('abort', leave);
        resolve();
      };
      const leave = () => {
        waiting.delete(admit);
        reject(canceled(signal));
      };
      waiting.add(admit);
      signal?.addEventListener('abort', leave, { once: true });
    });
  }

  function exit(): void {
    const [next] = waiting;
    if (next === undefined) {
      free++;
      return;
    }
    waiting.delete(next);
    next();
  }

  return {
    async run(work, signal) {
      await enter(signal);
      try {
        return await work();
      } finally {
        exit();
      }
    },
  };
}

function canceled(signal: AbortSignal | undefined): StoaError {
  return new StoaError('canceled', 'canceled', { cause: signal?.reason });
}
