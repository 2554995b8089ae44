import { StoaError } from '../errors.ts';

/**
 * Waits for what goes on when nobody waits any more. Throws `canceled` on abort, or the reason of that where it is a
 * StoaError; its message begins with `subject`.
 */
export async function untilAborted<T>(
  work: () => Promise<T>,
  subject: string,
  signal: AbortSignal,
): Promise<T> {
  const canceled = () =>
    signal.reason instanceof StoaError
      ? signal.reason
      : new StoaError('canceled', `${subject}: canceled`, { cause: signal.reason });
  if (signal.aborted) throw canceled();
  const aborted = Promise.withResolvers<never>();
  const abort = () => aborted.reject(canceled());
  signal.addEventListener('abort', abort);
  try {
    return await Promise.race([work(), aborted.promise]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}
