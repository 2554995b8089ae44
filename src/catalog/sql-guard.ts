import { StoaError } from '../errors.ts';

/** Runs a piece of work over a database, and gives its failures their kind. */
export type Guarded = <T>(work: () => Promise<T>, signal: AbortSignal | undefined) => Promise<T>;

/** `where` names the database in messages. */
export function createGuard(where: string): Guarded {
  return async (work, signal) => {
    if (signal?.aborted) throw new StoaError('canceled', 'canceled', { cause: signal.reason });
    try {
      return await work();
    } catch (error) {
      if (error instanceof StoaError) throw error;
      throw new StoaError('catalog', `${where}: ${(error as Error).message}`, { cause: error });
    }
  };
}
