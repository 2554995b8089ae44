import { describe, expect, test } from 'vitest';
import { createPoolGate } from '../../src/storage/pool-gate.ts';

/** Work that lasts until it is told to end, and tells when it began. */
function task(order: string[], name: string) {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const work = () => {
    order.push(name);
    return promise;
  };
  return { work, end: () => resolve(name), fail: (error: Error) => reject(error) };
}

describe('the gate before the thread pool', () => {
  test('lets as many in as it is wide, the others in their order', async () => {
    const order: string[] = [];
    const gate = createPoolGate(2);
    const tasks = ['a', 'b', 'c', 'd'].map((name) => task(order, name));
    const runs = tasks.map(({ work }) => gate.run(work));
    await Promise.resolve();
    expect(order).toEqual(['a', 'b']);
    tasks[1]!.end();
    expect(await runs[1]).toBe('b');
    expect(order).toEqual(['a', 'b', 'c']);
    tasks[0]!.end();
    await runs[0];
    expect(order).toEqual(['a', 'b', 'c', 'd']);
    for (const { end } of tasks) end();
    await Promise.all(runs);
  });

  test('gives the place back when the work fails, also at once', async () => {
    const order: string[] = [];
    const gate = createPoolGate(1);
    const broken = task(order, 'a');
    const run = gate.run(broken.work);
    broken.fail(new Error('disk full'));
    await expect(run).rejects.toThrow('disk full');
    const thrown = gate.run(() => {
      throw new Error('at once');
    });
    await expect(thrown).rejects.toThrow('at once');
    expect(await gate.run(async () => 'next')).toBe('next');
  });

  test('forgets who leaves the queue, and lets the next in', async () => {
    const order: string[] = [];
    const gate = createPoolGate(1);
    const stop = new AbortController();
    const [a, b, c] = ['a', 'b', 'c'].map((name) => task(order, name));
    const runs = [gate.run(a!.work), gate.run(b!.work, stop.signal), gate.run(c!.work)];
    stop.abort();
    await expect(runs[1]).rejects.toMatchObject({ kind: 'canceled' });
    a!.end();
    c!.end();
    expect(await runs[2]).toBe('c');
    expect(order).toEqual(['a', 'c']);
  });

  test('does not begin what was aborted before, nor end what has begun', async () => {
    const order: string[] = [];
    const gate = createPoolGate(1);
    await expect(gate.run(task(order, 'a').work, AbortSignal.abort())).rejects.toMatchObject({
      kind: 'canceled',
    });
    expect(order).toEqual([]);
    const stop = new AbortController();
    const begun = task(order, 'b');
    const run = gate.run(begun.work, stop.signal);
    stop.abort();
    begun.end();
    expect(await run).toBe('b');
  });
});
