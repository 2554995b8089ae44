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
      const step = await beforeAbort(() => iterator.next(), signal);
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

function beforeAbort<T>(work: () => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return work();
  return new Promise((resolve, reject) => {
    const abort = () => reject(new StoaError('canceled', 'canceled', { cause: signal.reason }));
    if (signal.aborted) return abort();
    signal.addEventListener('abort', abort, { once: true });
    work()
      .then(resolve, reject)
      .finally(() => signal.removeEventListener('abort', abort));
  });
}
