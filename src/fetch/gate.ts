import { StoaError } from '../errors.ts';

/** Zips are few, long and large; everything else is short. Each has places of its own, so that neither waits for the other. */
export type Lane = 'zip' | 'file';

/** The bounds of one lane towards one host. */
export interface LaneLimits {
  /** Requests that run at once. */
  readonly running: number;
  /** Requests that wait for a place. */
  readonly queued: number;
  /** Milliseconds that a request waits at most. */
  readonly waitMs: number;
}

/** Bounds what runs towards each host. Who waits here holds no socket yet. */
export interface Gate {
  /**
   * Fulfilled when there is a place, first come, first served; the caller gives it back with the returned function,
   * which may be called twice. Throws `overloaded` when the queue is full or the wait too long, `canceled` on abort.
   */
  enter(host: string, lane: Lane, signal: AbortSignal): Promise<() => void>;
  /** Requests that hold a place now, towards all hosts. */
  running(lane: Lane): number;
  /** Requests that wait now, towards all hosts. */
  queued(lane: Lane): number;
}

interface State {
  running: number;
  /** In order of arrival. */
  readonly waiting: Set<() => void>;
}

export function createGate(limits: Readonly<Record<Lane, LaneLimits>>): Gate {
  const lanes: Record<Lane, Map<string, State>> = { zip: new Map(), file: new Map() };

  function leaver(host: string, lane: Lane, state: State): () => void {
    let left = false;
    return () => {
      if (left) return;
      left = true;
      const [next] = state.waiting;
      // The place is handed over, not given up: nobody who comes now may take it from who waited.
      if (next) next();
      else if (--state.running === 0) lanes[lane].delete(host);
    };
  }

  async function enter(host: string, lane: Lane, signal: AbortSignal): Promise<() => void> {
    if (signal.aborted) throw canceled(host);
    const limit = limits[lane];
    const state = lanes[lane].get(host) ?? { running: 0, waiting: new Set() };
    lanes[lane].set(host, state);
    if (state.running >= limit.running) {
      if (state.waiting.size >= limit.queued) {
        const { running } = limit;
        throw overloaded(host, lane, `${running} run and ${state.waiting.size} wait already`);
      }
      await handover(host, lane, state, signal);
    } else {
      state.running++;
    }
    return leaver(host, lane, state);
  }

  function handover(host: string, lane: Lane, state: State, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const stop = (): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', abort);
        state.waiting.delete(proceed);
      };
      const proceed = (): void => {
        stop();
        resolve();
      };
      const abort = (): void => {
        stop();
        reject(canceled(host));
      };
      const { waitMs } = limits[lane];
      const timer = setTimeout(() => {
        stop();
        reject(overloaded(host, lane, `no place became free within ${Math.round(waitMs / 1000)} seconds`));
      }, waitMs);
      signal.addEventListener('abort', abort);
      state.waiting.add(proceed);
    });
  }

  const sum = (lane: Lane, of: (state: State) => number): number =>
    [...lanes[lane].values()].reduce((total, state) => total + of(state), 0);

  return {
    enter,
    running: (lane) => sum(lane, (state) => state.running),
    queued: (lane) => sum(lane, (state) => state.waiting.size),
  };
}

function overloaded(host: string, lane: Lane, why: string): StoaError {
  const what = lane === 'zip' ? 'zip downloads' : 'requests';
  return new StoaError('overloaded', `too many ${what} from ${host}: ${why}`);
}

function canceled(host: string): StoaError {
  return new StoaError('canceled', `canceled while waiting for a place towards ${host}`);
}
