import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { createGate } from '../../src/fetch/gate.ts';
import { calm } from './setup.ts';

const files = { running: 2, queued: 2, waitMs: 60_000 };
const zips = { running: 1, queued: 1, waitMs: 5_000 };

describe('a gate', () => {
  test('lets in at once what has a place', async () => {
    const gate = createGate({ zip: zips, file: files });
    await gate.enter('a.example.com', 'file', calm());
    await gate.enter('a.example.com', 'file', calm());
    expect(gate.running('file')).toBe(2);
    expect(gate.queued('file')).toBe(0);
  });

  test('keeps zips and small files, and hosts, apart', async () => {
    const gate = createGate({ zip: zips, file: files });
    await gate.enter('a.example.com', 'zip', calm());
    await gate.enter('a.example.com', 'file', calm());
    await gate.enter('b.example.com', 'zip', calm());
    expect(gate.running('zip')).toBe(2);
    expect(gate.running('file')).toBe(1);
  });

  test('serves who waits in the order they came', async () => {
    const gate = createGate({ zip: { ...zips, queued: 3 }, file: files });
    const order: string[] = [];
    const leave = await gate.enter('a.example.com', 'zip', calm());
    const waiting = ['first', 'second', 'third'].map(async (name) => {
      const leaveToo = await gate.enter('a.example.com', 'zip', calm());
      order.push(name);
      leaveToo();
    });
    expect(gate.queued('zip')).toBe(3);
    leave();
    await Promise.all(waiting);
    expect(order).toEqual(['first', 'second', 'third']);
    expect(gate.running('zip')).toBe(0);
  });

  test('never gives a place that is handed over to somebody who just came', async () => {
    const gate = createGate({ zip: zips, file: files });
    const leave = await gate.enter('a.example.com', 'zip', calm());
    const waiting = gate.enter('a.example.com', 'zip', calm());
    leave();
    const late = gate.enter('a.example.com', 'zip', calm());
    expect(gate.running('zip')).toBe(1);
    const leaveWaiting = await waiting;
    expect(gate.queued('zip')).toBe(1);
    leaveWaiting();
    (await late)();
    expect(gate.running('zip')).toBe(0);
  });

  test('refuses when the queue is full, and says how full', async () => {
    const gate = createGate({ zip: zips, file: files });
    const leave = await gate.enter('a.example.com', 'zip', calm());
    const waiting = gate.enter('a.example.com', 'zip', calm());
    await expect(gate.enter('a.example.com', 'zip', calm())).rejects.toMatchObject({
      kind: 'overloaded',
      message: 'too many zip downloads from a.example.com: 1 run and 1 wait already',
    });
    leave();
    (await waiting)();
  });

  test('gives a place back once, however often it is told', async () => {
    const gate = createGate({ zip: zips, file: files });
    const leave = await gate.enter('a.example.com', 'file', calm());
    await gate.enter('a.example.com', 'file', calm());
    leave();
    leave();
    expect(gate.running('file')).toBe(1);
  });

  test('forgets who left while waiting', async () => {
    const gate = createGate({ zip: zips, file: files });
    const leave = await gate.enter('a.example.com', 'zip', calm());
    const client = new AbortController();
    const waiting = gate.enter('a.example.com', 'zip', client.signal);
    client.abort();
    await expect(waiting).rejects.toMatchObject({ kind: 'canceled' });
    expect(gate.queued('zip')).toBe(0);
    leave();
    expect(gate.running('zip')).toBe(0);
  });

  test('lets nobody in who has left already', async () => {
    const gate = createGate({ zip: zips, file: files });
    await expect(gate.enter('a.example.com', 'zip', AbortSignal.abort())).rejects.toMatchObject({
      kind: 'canceled',
    });
    expect(gate.running('zip')).toBe(0);
  });

  describe('as time passes', () => {
    beforeEach(() => {
      vi.useFakeTimers();
    });
    afterEach(() => {
      vi.useRealTimers();
    });

    test('refuses who waited too long', async () => {
      const gate = createGate({ zip: zips, file: files });
      const leave = await gate.enter('a.example.com', 'zip', calm());
      const waiting = gate.enter('a.example.com', 'zip', calm());
      const refused = expect(waiting).rejects.toMatchObject({
        kind: 'overloaded',
        message: 'too many zip downloads from a.example.com: no place became free within 5 seconds',
      });
      await vi.advanceTimersByTimeAsync(4_999);
      expect(gate.queued('zip')).toBe(1);
      await vi.advanceTimersByTimeAsync(1);
      await refused;
      expect(gate.queued('zip')).toBe(0);
      leave();
      expect(gate.running('zip')).toBe(0);
    });

    test('leaves no timer behind who was let in', async () => {
      const gate = createGate({ zip: zips, file: files });
      const leave = await gate.enter('a.example.com', 'zip', calm());
      const waiting = gate.enter('a.example.com', 'zip', calm());
      leave();
      await waiting;
      expect(vi.getTimerCount()).toBe(0);
    });
  });
});
