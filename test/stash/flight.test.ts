import { describe, expect, it } from 'vitest';
import { StoaError } from '../../src/errors.ts';
import { createFlights } from '../../src/stash/flight.ts';

const none = () => undefined;

function setup(deadlineMs = 60_000) {
  const life = new AbortController();
  const flights = createFlights<undefined, string>({ deadlineMs, life: life.signal });
  const release = Promise.withResolvers<string>();
  const started: AbortSignal[] = [];
  const work = (_: undefined, signal: AbortSignal): Promise<string> => {
    started.push(signal);
    signal.addEventListener('abort', () => release.reject(new Error('stopped')));
    return release.promise;
  };
  return { life, flights, release, started, work };
}

describe('a flight', () => {
  it('is one piece of work for all who join', async () => {
    const { flights, release, started, work } = setup();
    const all = Array.from({ length: 50 }, () => flights.wait('k', new AbortController().signal, none, work));
    release.resolve('done');
    expect(await Promise.all(all)).toEqual(Array.from({ length: 50 }, () => 'done'));
    expect(started).toHaveLength(1);
  });

  it('goes on when the one who started it leaves', async () => {
    const { flights, release, started, work } = setup();
    const first = new AbortController();
    const left = flights.wait('k', first.signal, none, work);
    const stays = flights.wait('k', new AbortController().signal, none, work);
    first.abort();
    await expect(left).rejects.toMatchObject({ kind: 'canceled' });
    expect(started[0]!.aborted).toBe(false);
    release.resolve('done');
    expect(await stays).toBe('done');
  });

  it('does not hold one who had left before he asked', async () => {
    const { flights, work, started } = setup();
    await expect(flights.wait('k', AbortSignal.abort(), none, work)).rejects.toMatchObject({
      kind: 'canceled',
    });
    expect(started[0]!.aborted).toBe(true);
  });

  it('is stopped when the last one leaves, and the next starts anew', async () => {
    const { flights, started, work } = setup();
    const only = new AbortController();
    const left = flights.wait('k', only.signal, none, work);
    only.abort();
    await expect(left).rejects.toMatchObject({ kind: 'canceled' });
    expect(started[0]!.aborted).toBe(true);
    flights.join('k', none, work);
    expect(started).toHaveLength(2);
  });

  it('ends at its deadline with a timeout', async () => {
    const { flights, work } = setup(20);
    await expect(flights.wait('k', new AbortController().signal, none, work)).rejects.toMatchObject({
      kind: 'timeout',
      message: expect.stringContaining('k: not fetched within'),
    });
  });

  it('ends with the server', async () => {
    const { life, flights, work } = setup();
    const waiting = flights.wait('k', new AbortController().signal, none, work);
    life.abort();
    await expect(waiting).rejects.toMatchObject({ kind: 'draining' });
    expect(flights.size).toBe(0);
  });

  it('gives every one who waits the same failure, and forgets it', async () => {
    const { flights } = setup();
    const failing = async (): Promise<string> => {
      throw new StoaError('upstream', 'down');
    };
    const signal = new AbortController().signal;
    const both = [flights.wait('k', signal, none, failing), flights.wait('k', signal, none, failing)];
    for (const one of both) await expect(one).rejects.toMatchObject({ kind: 'upstream' });
    expect(await flights.wait('k', signal, none, async () => 'again')).toBe('again');
  });
});
