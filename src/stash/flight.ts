import { StoaError } from '../errors.ts';
import { orAborted } from '../storage/abortable.ts';

/**
 * One piece of work shared by all who need it. It belongs to nobody who waits: it ends with its own result, by
 * its deadline, when the server ends, or when the last who waited has left.
 */
interface Flight<S, R> {
  /** What those who wait may look at while the work runs. */
  readonly state: S;
  /** The result. It is never an unhandled rejection. */
  readonly done: Promise<R>;
  /** Gives up one's place; each `join` is matched by one `leave`, further calls do nothing. */
  leave(): void;
}

/** The flights that are under way, by key. */
export interface Flights<S, R> {
  /** Joins the flight of this key, or starts one. */
  join(key: string, start: () => S, work: (state: S, signal: AbortSignal) => Promise<R>): Flight<S, R>;
  /** Joins, and waits for the result or for `request` to be aborted, which throws `canceled`. */
  wait(
    key: string,
    request: AbortSignal,
    start: () => S,
    work: (state: S, signal: AbortSignal) => Promise<R>,
  ): Promise<R>;
  readonly size: number;
}

/** `life` ends every flight; `deadlineMs` ends each after that time, with a `timeout`. */
export function createFlights<S, R>(options: {
  readonly deadlineMs: number;
  readonly life: AbortSignal;
}): Flights<S, R> {
  interface Shared {
    readonly state: S;
    readonly done: Promise<R>;
    readonly stop: AbortController;
    waiting: number;
  }
  const running = new Map<string, Shared>();

  function launch(key: string, start: () => S, work: (state: S, signal: AbortSignal) => Promise<R>): Shared {
    const stop = new AbortController();
    const end = (): void => stop.abort(new StoaError('draining', 'the server is shutting down'));
    const deadline = setTimeout(() => stop.abort(tooLong(key, options.deadlineMs)), options.deadlineMs);
    deadline.unref();
    options.life.addEventListener('abort', end, { once: true });
    if (options.life.aborted) end();
    const state = start();
    const done = work(state, stop.signal)
      .catch((error: unknown) => {
        // Why it was stopped says more than how the stopped part put it.
        throw stop.signal.aborted ? stop.signal.reason : error;
      })
      .finally(() => {
        clearTimeout(deadline);
        options.life.removeEventListener('abort', end);
        if (running.get(key) === shared) running.delete(key);
      });
    done.catch(() => undefined);
    const shared: Shared = { state, done, stop, waiting: 0 };
    running.set(key, shared);
    return shared;
  }

  function join(
    key: string,
    start: () => S,
    work: (state: S, signal: AbortSignal) => Promise<R>,
  ): Flight<S, R> {
    const shared = running.get(key) ?? launch(key, start, work);
    shared.waiting++;
    let left = false;
    return {
      state: shared.state,
      done: shared.done,
      leave() {
        if (left) return;
        left = true;
        shared.waiting--;
        if (shared.waiting > 0) return;
        // The next who asks must not join work that is being stopped.
        if (running.get(key) === shared) running.delete(key);
        shared.stop.abort(new StoaError('canceled', 'nobody waits for it any more'));
      },
    };
  }

  return {
    join,
    async wait(key, request, start, work) {
      const flight = join(key, start, work);
      try {
        return await orAborted(flight.done, request);
      } finally {
        flight.leave();
      }
    },
    get size() {
      return running.size;
    },
  };
}

function tooLong(key: string, ms: number): StoaError {
  return new StoaError('timeout', `${key}: not fetched within ${Math.round(ms / 1000)} s`);
}
