import { describe, expect, test } from 'vitest';
import { createFlights, type FlightOptions } from '../../src/work/flight.ts';

function setup(options: FlightOptions = {}) {
  const flights = createFlights<{ readonly number: number }, string>(options);
  const release = Promise.withResolvers<string>();
  const started: AbortSignal[] = [];
  const join = (key = 'k') =>
    flights.join(
      key,
      () => ({ number: started.length }),
      (_, signal) => {
        started.push(signal);
        signal.addEventListener('abort', () => release.reject(new Error('stopped')));
        if (signal.aborted) release.reject(new Error('stopped'));
        return release.promise;
      },
    );
  return { flights, join, release, started };
}

describe('a flight', () => {
  test('is one piece of work for all who join, who see the same state', async () => {
    const { flights, join, release, started } = setup();
    const all = Array.from({ length: 50 }, () => join());
    const other = join('other');
    expect(flights.size).toBe(2);
    expect(new Set(all.map(({ state }) => state))).toEqual(new Set([{ number: 0 }]));
    expect(other.state).toEqual({ number: 1 });
    release.resolve('done');
    expect(await Promise.all(all.map(({ done }) => done))).toEqual(all.map(() => 'done'));
    expect(started).toHaveLength(2);
    expect(flights.size).toBe(0);
  });

  test('goes on until the last one leaves; who leaves twice has left once', async () => {
    const { flights, join, started } = setup();
    const [first, second] = [join(), join()];
    first.leave();
    first.leave();
    expect(started[0]!.aborted).toBe(false);
    second.leave();
    expect(started[0]!.aborted).toBe(true);
    await expect(second.done).rejects.toMatchObject({ kind: 'canceled' });
    expect(flights.size).toBe(0);
  });

  test('that everybody has left is not joined any more', async () => {
    const { join, started } = setup();
    join().leave();
    join();
    expect(started).toHaveLength(2);
  });

  test('is stopped at its deadline, whatever the work says to that', async () => {
    await expect(setup({ deadlineMs: 20 }).join().done).rejects.toMatchObject({
      kind: 'timeout',
      message: 'k: no answer within 0 s',
    });
    const late = (key: string) => `${key} was not fetched`;
    await expect(setup({ deadlineMs: 20, late }).join().done).rejects.toMatchObject({
      message: 'k was not fetched within 0 s',
    });
  });

  test('ends with the server, one that is begun after that at once', async () => {
    const life = new AbortController();
    const { flights, join } = setup({ life: life.signal });
    const { done } = join();
    life.abort();
    await expect(done).rejects.toMatchObject({ kind: 'draining' });
    expect(flights.size).toBe(0);
    await expect(join().done).rejects.toMatchObject({ kind: 'draining' });
  });
});
