import { StoaError } from '../errors.ts';

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
  readonly size: number;
}

export interface FlightOptions {
  /** Milliseconds after which a flight ends with `timeout`; absent: what it does has deadlines of its own. */
  readonly deadlineMs?: number;
  /** What that says of a key, before `within … s`; that there was no answer unless it is told. */
  readonly late?: (key: string) => string;
  /** Ends every flight. */
  readonly life?: AbortSignal;
}

export function createFlights<S, R>({ deadlineMs, late, life }: FlightOptions): Flights<S, R> {
  interface Shared {
    readonly state: S;
    readonly done: Promise<R>;
    readonly stop: AbortController;
    waiting: number;
  }
  const running = new Map<string, Shared>();

  function tooLong(key: string, ms: number): StoaError {
    return new StoaError(
      'timeout',
      `${late?.(key) ?? `${key}: no answer`} within ${Math.round(ms / 1000)} s`,
    );
  }

  function launch(key: string, start: () => S, work: (state: S, signal: AbortSignal) => Promise<R>): Shared {
    const stop = new AbortController();
    const end = (): void => stop.abort(new StoaError('draining', 'the server is shutting down'));
    const deadline =
      deadlineMs === undefined
        ? undefined
        : setTimeout(() => stop.abort(tooLong(key, deadlineMs)), deadlineMs).unref();
    life?.addEventListener('abort', end, { once: true });
    if (life?.aborted) end();
    const state = start();
    const done = work(state, stop.signal)
      .catch((error: unknown) => {
        // Why it was stopped says more than how the stopped part put it.
        throw stop.signal.aborted ? stop.signal.reason : error;
      })
      .finally(() => {
        clearTimeout(deadline);
        life?.removeEventListener('abort', end);
        if (running.get(key) === shared) running.delete(key);
      });
    done.catch(() => undefined);
    const shared: Shared = { state, done, stop, waiting: 0 };
    running.set(key, shared);
    return shared;
  }

  return {
    join(key, start, work) {
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
    },
    get size() {
      return running.size;
    },
  };
}
