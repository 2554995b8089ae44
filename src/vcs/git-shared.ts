import { orAborted } from '../work/abortable.ts';
import { createShare } from '../work/share.ts';

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
    readonly number: number;
    readonly way: Way;
    readonly wanted: Set<string>;
  }
  const share = createShare<void>({});
  let open: Gathered | undefined;
  let running: Gathered | undefined;
  let count = 0;

  async function run(gathered: Gathered, signal: AbortSignal): Promise<void> {
    const end = (): void => {
      if (open === gathered) open = undefined;
      if (running === gathered) running = undefined;
    };
    // What everybody has left is not joined any more.
    signal.addEventListener('abort', end, { once: true });
    try {
      await new Promise((resolve) => setTimeout(resolve, gatherMs));
      await turns.run(async () => {
        end();
        running = gathered;
        await fetch(gathered.way, [...gathered.wanted], signal);
      }, signal);
    } finally {
      end();
    }
  }

  return (way, wanted, signal) => {
    const isComing = running !== undefined && wanted.every((name) => running?.wanted.has(name));
    if (!isComing) open ??= { number: ++count, way, wanted: new Set() };
    const batch = isComing ? running! : open!;
    for (const name of wanted) batch.wanted.add(name);
    return share(String(batch.number), signal, (work) => run(batch, work));
  };
}
