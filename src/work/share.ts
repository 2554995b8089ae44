import { StoaError } from '../errors.ts';
import { orAborted } from './abortable.ts';
import { createFlights, type FlightOptions } from './flight.ts';

/**
 * Does a piece of work once for all who want it at the same time, by its key. It ends as a flight does; who leaves gets
 * `canceled`.
 */
export type Share<T> = (
  key: string,
  request: AbortSignal,
  work: (signal: AbortSignal) => Promise<T>,
) => Promise<T>;

export function createShare<T>(options: FlightOptions): Share<T> {
  const flights = createFlights<undefined, T>(options);
  return async (key, request, work) => {
    if (request.aborted) throw new StoaError('canceled', 'canceled', { cause: request.reason });
    const flight = flights.join(
      key,
      () => undefined,
      (_, signal) => work(signal),
    );
    try {
      return await orAborted(flight.done, request);
    } finally {
      flight.leave();
    }
  };
}
