import { setTimeout as sleep } from 'node:timers/promises';
import type { S3Client } from '@aws-sdk/client-s3';
import { orAborted } from '../work/abortable.ts';
import { inWords, isPassing } from './s3-error.ts';

/** One call of the SDK. It hands the signal on. */
type Call<T> = (client: S3Client, at: { readonly abortSignal: AbortSignal }) => Promise<T>;

/** A way to the store with connections of its own. */
export interface S3Lane {
  /** Makes a call once; throws what the SDK throws. */
  once<T>(call: Call<T>, signal?: AbortSignal): Promise<T>;
  /** Makes a call that may be made again, until it works or fails for good; throws an error in words. */
  again<T>(call: Call<T>, signal?: AbortSignal): Promise<T>;
  /** Waits before try number `tries + 1`. */
  pause(tries: number, signal?: AbortSignal): Promise<void>;
}

/** Tries of one call. */
export const maxTries = 6;

const baseMs = 100;

/**
 * Calls through one client, each with `timeoutMs` until its answer begins, the waiting for a connection included. The SDK
 * itself must not try again: what became of a write whose answer was lost has to be looked up first.
 */
export function createLane(
  client: S3Client,
  { timeoutMs, random }: { readonly timeoutMs: number; readonly random: () => number },
): S3Lane {
  async function once<T>(call: Call<T>, signal?: AbortSignal): Promise<T> {
    const stop = new AbortController();
    const abort = () => stop.abort(signal?.reason);
    const late = setTimeout(() => stop.abort(noAnswer(timeoutMs)), timeoutMs);
    signal?.addEventListener('abort', abort, { once: true });
    if (signal?.aborted) abort();
    try {
      // The SDK does not look at the signal while it gets its credentials.
      return await orAborted(call(client, { abortSignal: stop.signal }), stop.signal);
    } catch (error) {
      throw stop.signal.aborted ? stop.signal.reason : error;
    } finally {
      clearTimeout(late);
      signal?.removeEventListener('abort', abort);
    }
  }

  /** Exponential with full jitter, so that many who were refused do not come back at once. */
  async function pause(tries: number, signal?: AbortSignal): Promise<void> {
    await sleep(random() * baseMs * 2 ** tries, undefined, signal === undefined ? {} : { signal });
  }

  return {
    once,
    async again(call, signal) {
      const start = performance.now();
      for (let tries = 1; ; tries++) {
        try {
          return await once(call, signal);
        } catch (error) {
          const isLast = tries === maxTries || performance.now() - start > timeoutMs;
          if (isLast || signal?.aborted || !isPassing(error)) throw inWords(error);
        }
        await pause(tries, signal);
      }
    },
    pause,
  };
}

function noAnswer(timeoutMs: number): Error {
  return Object.assign(new Error(`no answer within ${timeoutMs} ms`), { name: 'TimeoutError' });
}
