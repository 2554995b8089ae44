import { StoaError } from '../errors.ts';

/** Work under way that several wait for. It belongs to none of them, and is aborted when the last has left. */
export interface Shared<T> {
  /** Its result, or `canceled` on abort, which means that one has left. */
  join(signal: AbortSignal): Promise<T>;
  /** True once nobody waits any more; then it must not be joined. */
  readonly isLeft: boolean;
}

/** Starts the work. */
export function share<T>(work: (signal: AbortSignal) => Promise<T>): Shared<T> {
  const stop = new AbortController();
  const done = work(stop.signal);
  done.catch(() => undefined);
  let waiting = 0;
  return {
    async join(signal) {
      waiting++;
      try {
        return await orAborted(done, signal);
      } finally {
        if (--waiting === 0) stop.abort();
      }
    },
    get isLeft() {
      return stop.signal.aborted;
    },
  };
}

/** The outcome of the promise, or `canceled` as soon as the signal is aborted. */
export async function orAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  const canceled = (): StoaError => new StoaError('canceled', 'canceled', { cause: signal.reason });
  // Who has left does not hear of its failure either.
  promise.catch(() => undefined);
  if (signal.aborted) throw canceled();
  const aborted = Promise.withResolvers<never>();
  const abort = (): void => aborted.reject(canceled());
  signal.addEventListener('abort', abort, { once: true });
  try {
    return await Promise.race([promise, aborted.promise]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

/** Lets so many pieces of work run at once, and the others in the order they came. */
export interface Turns {
  /** Throws `canceled` when aborted before its turn; then the work never begins. */
  run<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T>;
}

/** Who waits is bounded by the caller: each request waits for one turn at a time. */
export function createTurns(width = 1): Turns {
  const waiting = new Set<() => void>();
  let free = width;

  async function enter(signal: AbortSignal): Promise<void> {
    if (free > 0 && !signal.aborted) {
      free--;
      return;
    }
    const turn = Promise.withResolvers<void>();
    waiting.add(turn.resolve);
    // Else a turn could come to one who has just left.
    const leave = (): void => void waiting.delete(turn.resolve);
    signal.addEventListener('abort', leave, { once: true });
    try {
      await orAborted(turn.promise, signal);
    } finally {
      signal.removeEventListener('abort', leave);
      leave();
    }
  }

  return {
    async run(work, signal) {
      await enter(signal);
      try {
        return await work();
      } finally {
        const [next] = waiting;
        if (next === undefined) free++;
        else {
          waiting.delete(next);
          next();
        }
      }
    },
  };
}

/**
 * Gathers what is wanted at about the same time, and fetches it together, by way of who came first. What is wanted
 * while a fetch is under way comes with the next, unless it is among what is being fetched.
 */
export type Batch<Way> = (way: Way, wanted: readonly string[], signal: AbortSignal) => Promise<void>;

/** Milliseconds that a batch is held open for others who want something too. */
const gatherMs = 1;

export function createBatch<Way>(
  turns: Turns,
  fetch: (way: Way, wanted: readonly string[], signal: AbortSignal) => Promise<void>,
): Batch<Way> {
  interface Gathered {
    readonly wanted: Set<string>;
    readonly work: Shared<void>;
  }
  let open: Gathered | undefined;
  let running: Gathered | undefined;

  function begin(way: Way): Gathered {
    const wanted = new Set<string>();
    const work = share(async (signal) => {
      try {
        await new Promise((resolve) => setTimeout(resolve, gatherMs));
        await turns.run(async () => {
          if (open === gathered) open = undefined;
          running = gathered;
          await fetch(way, [...wanted], signal);
        }, signal);
      } finally {
        if (open === gathered) open = undefined;
        if (running === gathered) running = undefined;
      }
    });
    const gathered = { wanted, work };
    return gathered;
  }

  return (way, wanted, signal) => {
    const now = running;
    if (now !== undefined && !now.work.isLeft && wanted.every((name) => now.wanted.has(name)))
      return now.work.join(signal);
    if (open === undefined || open.work.isLeft) open = begin(way);
    for (const name of wanted) open.wanted.add(name);
    return open.work.join(signal);
  };
}
