import { setImmediate } from 'node:timers/promises';
import { StoaError } from '../errors.ts';
import { formatModuleVersion } from '../module/version.ts';
import type { Wanted } from './ledger-log.ts';
import type { Logged } from './ledger-record.ts';

/**
 * Logs a version; answers what is logged for it. What comes while a batch is being committed is the next batch, so that a commit
 * is as large as appending is slow. It belongs to nobody who waits.
 */
export type Append = (wanted: Wanted) => Promise<Logged>;

/** `commit` logs a whole batch. */
export function createAppends(commit: (wanted: readonly Wanted[]) => Promise<readonly Logged[]>): Append {
  const waiting = new Map<string, Waiting>();
  let isRunning = false;

  async function run(): Promise<void> {
    isRunning = true;
    while (waiting.size > 0) {
      // What arrived with the first one goes with it.
      await setImmediate();
      const batch = [...waiting.entries()].slice(0, maxBatch);
      for (const [key] of batch) waiting.delete(key);
      const entries = batch.map(([, entry]) => entry);
      try {
        const logged = await commit(entries.map(({ wanted }) => wanted));
        for (const [i, { resolve }] of entries.entries()) resolve(logged[i]!);
      } catch (error) {
        for (const { reject } of entries) reject(error);
      }
    }
    isRunning = false;
  }

  return (wanted) => {
    const key = formatModuleVersion(wanted.version);
    const known = waiting.get(key);
    if (known !== undefined) return known.promise;
    if (waiting.size >= maxWaiting)
      throw new StoaError('overloaded', `${key}: too many versions wait for the private log`);
    const entry = { wanted, ...Promise.withResolvers<Logged>() };
    waiting.set(key, entry);
    if (!isRunning) void run();
    return entry.promise;
  };
}

interface Waiting extends PromiseWithResolvers<Logged> {
  readonly wanted: Wanted;
}

/** Records in one commit. */
const maxBatch = 256;
const maxWaiting = 10_000;
