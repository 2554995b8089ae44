import { StoaError } from '../errors.ts';

/**
 * Does a piece of work once for all who want it at the same time, by its key. It ends with its result, at the deadline
 * (`timeout`), or when the last who waited has left; who leaves gets `canceled`.
 */
export type Share<T> = (
  key: string,
  request: AbortSignal,
  work: (signal: AbortSignal) => Promise<T>,
) => Promise<T>;

/** `subject` begins the message of a deadline. */
export function createShare<T>(deadlineMs: number, subject: (key: string) => string): Share<T> {
  const running = new Map<string, Shared<T>>();

  function launch(key: string, work: (signal: AbortSignal) => Promise<T>): Shared<T> {
    const stop = new AbortController();
    const late = () => {
      const seconds = Math.round(deadlineMs / 1000);
      stop.abort(new StoaError('timeout', `${subject(key)}: no answer within ${seconds} s`));
    };
    const timer = setTimeout(late, deadlineMs);
    timer.unref();
    const done = work(stop.signal)
      // Why it was stopped says more than how the stopped part put it.
      .catch((error: unknown) => Promise.reject(stop.signal.aborted ? stop.signal.reason : error))
      .finally(() => {
        clearTimeout(timer);
        if (running.get(key) === shared) running.delete(key);
      });
    done.catch(() => undefined);
    const shared = { done, stop, waiting: 0 };
    running.set(key, shared);
    return shared;
  }

  return async (key, request, work) => {
    if (request.aborted) throw canceled();
    const shared = running.get(key) ?? launch(key, work);
    const left = Promise.withResolvers<never>();
    const leave = () => left.reject(canceled());
    request.addEventListener('abort', leave);
    shared.waiting++;
    try {
      return await Promise.race([shared.done, left.promise]);
    } finally {
      request.removeEventListener('abort', leave);
      if (--shared.waiting === 0) {
        // Who asks next must not join what is being stopped.
        if (running.get(key) === shared) running.delete(key);
        shared.stop.abort(canceled());
      }
    }
  };
}

interface Shared<T> {
  /** It is never an unhandled rejection. */
  readonly done: Promise<T>;
  readonly stop: AbortController;
  waiting: number;
}

function canceled(): StoaError {
  return new StoaError('canceled', 'canceled');
}
