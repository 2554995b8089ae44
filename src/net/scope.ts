import { StoaError } from '../errors.ts';
import { formatMs } from './failure.ts';

/** The time in which one request lives, with all of its tries, redirects and its body. */
export interface Scope {
  /** Aborted when the caller gives up, when the time is over, and by `end`; the reason is a StoaError. */
  readonly signal: AbortSignal;
  /** Ends what still runs; may be called twice. */
  end(reason?: StoaError): void;
}

/**
 * Opens a scope that ends with the caller's signal (`canceled`) or after `totalMs` (`timeout`). The caller
 * ends it.
 */
export function openScope(host: string, caller: AbortSignal, totalMs: number): Scope {
  const controller = new AbortController();
  const timer = setTimeout(() => {
    end(new StoaError('timeout', `${host}: not done within ${formatMs(totalMs)}`));
  }, totalMs);
  timer.unref();

  function end(reason = new StoaError('canceled', `${host}: the request is over`)): void {
    clearTimeout(timer);
    caller.removeEventListener('abort', onAbort);
    controller.abort(reason);
  }

  function onAbort(): void {
    end(new StoaError('canceled', `${host}: canceled`, { cause: caller.reason }));
  }

  if (caller.aborted) onAbort();
  else caller.addEventListener('abort', onAbort);
  return { signal: controller.signal, end };
}
