import { isStoaError, StoaError, toStoaError } from '../errors.ts';

/**
 * What went wrong with a fetch, for the person who asked: a message that begins with the module, put before it as `subject`
 * (a path, or `path@version`) where it is missing. After an abort it is the reason of that, such as a deadline.
 */
export function namedError(error: unknown, subject: string, signal: AbortSignal): StoaError {
  const known = classify(error, signal);
  const [path] = subject.split('@', 1);
  if (known.message.startsWith(`${path}: `) || known.message.startsWith(`${path}@`)) return known;
  const { kind, message, retryAfter } = known;
  return new StoaError(kind, `${subject}: ${message}`, {
    cause: known,
    ...(retryAfter !== undefined && { retryAfter }),
  });
}

function classify(error: unknown, signal: AbortSignal): StoaError {
  if (signal.aborted) {
    // Whoever aborted may have said why, such as a deadline.
    return isStoaError(signal.reason)
      ? signal.reason
      : new StoaError('canceled', 'canceled', { cause: error });
  }
  const isCut = error instanceof Error && 'code' in error && error.code === 'ERR_STREAM_PREMATURE_CLOSE';
  return isCut ? new StoaError('upstream', 'the transfer broke off', { cause: error }) : toStoaError(error);
}
