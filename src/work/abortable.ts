import { StoaError } from '../errors.ts';

/**
 * What the source yields, ended with `canceled` by the abort, also while the next value does not come. The
 * source is told to end; after an abort nobody waits for it to do so.
 */
export async function* abortable<T>(
  source: AsyncIterable<T>,
  signal: AbortSignal | undefined,
): AsyncGenerator<T> {
  const iterator = source[Symbol.asyncIterator]();
  let ended = false;
  try {
    for (;;) {
      if (signal?.aborted) throw canceled(signal);
      const step = await orAborted(iterator.next(), signal);
      if (step.done) {
        ended = true;
        return;
      }
      yield step.value;
    }
  } finally {
    if (!ended) {
      const end = Promise.resolve(iterator.return?.());
      if (signal?.aborted) end.catch(() => undefined);
      else await end;
    }
  }
}

/**
 * The promise's outcome, or `canceled` as soon as the signal is aborted; the promise itself goes on, and its later
 * failure is nobody's.
 */
export function orAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise;
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(canceled(signal));
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}

function canceled(signal: AbortSignal): StoaError {
  return new StoaError('canceled', 'canceled', { cause: signal.reason });
}
