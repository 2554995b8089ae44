import { StoaError } from '../errors.ts';
import { hasPathPrefix } from './repo-root.ts';

/** Gives a place back; `answered` tells whether it led to an answer that may be one for related paths too. */
type Finish = (answered: boolean) => void;

/**
 * The order in which paths are looked up whose answers may tell of each other. The go command asks for all prefixes of a
 * package path at once, and what the longest one leads to is mostly what the others lead to as well: so it goes first,
 * and a path waits while another is looked up that is above or below it. After a look-up without an answer those who waited
 * for it go all at once, and nobody waits for more than three.
 *
 * Fulfilled when it is this path's turn; the caller finishes it. Throws `canceled` on abort.
 */
export type AwaitRelated = (path: string, signal: AbortSignal) => Promise<Finish>;

export interface RelatedOptions {
  /** Milliseconds in which those are gathered that ask at once. */
  readonly gatherMs: number;
  /** True for a path whose answer is there by now: it need not wait. */
  readonly isKnown: (path: string) => boolean;
}

interface Waiter {
  readonly path: string;
  /** Look-ups of related paths that it waited for. */
  waited: number;
  go(): void;
}

const maxWaited = 3;

export function createAwaitRelated({ gatherMs, isKnown }: RelatedOptions): AwaitRelated {
  const waiting = new Set<Waiter>();
  const running = new Set<{ readonly path: string }>();
  let isGathering = false;

  function gather(): void {
    if (isGathering) return;
    isGathering = true;
    setTimeout(() => {
      isGathering = false;
      start();
    }, gatherMs);
  }

  function start(): void {
    const longestFirst = [...waiting].sort((a, b) => b.path.length - a.path.length);
    for (const waiter of longestFirst) {
      const isFree = waiter.waited >= maxWaited || isKnown(waiter.path);
      if (isFree || ![...running].some(({ path }) => isRelated(path, waiter.path))) waiter.go();
    }
  }

  function begin(path: string): Finish {
    const entry = { path };
    running.add(entry);
    return (answered) => {
      running.delete(entry);
      for (const waiter of waiting) {
        if (isRelated(path, waiter.path)) waiter.waited = answered ? waiter.waited + 1 : maxWaited;
      }
      start();
    };
  }

  return (path, signal) =>
    new Promise((resolve, reject) => {
      const leave = (): void => {
        waiting.delete(waiter);
        signal.removeEventListener('abort', abort);
      };
      const abort = (): void => {
        leave();
        reject(new StoaError('canceled', `${path}: canceled`, { cause: signal.reason }));
      };
      const waiter: Waiter = {
        path,
        waited: 0,
        go() {
          leave();
          resolve(begin(path));
        },
      };
      if (signal.aborted) return abort();
      signal.addEventListener('abort', abort);
      waiting.add(waiter);
      gather();
    });
}

/** True where one path is above the other. */
function isRelated(a: string, b: string): boolean {
  return a !== b && (hasPathPrefix(a, b) || hasPathPrefix(b, a));
}
