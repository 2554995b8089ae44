import { expect, test } from 'vitest';
import { StoaError } from '../../src/errors.ts';
import { createShare } from '../../src/work/share.ts';
import { failure } from '../net/origin.ts';

const { signal } = new AbortController();

/** Work that ends when it is told, and what was seen of it. */
function openWork() {
  const signals: AbortSignal[] = [];
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const work = (signal: AbortSignal) => {
    signals.push(signal);
    return promise;
  };
  return { work, signals, resolve, reject };
}

test('work is done once for all who want it at once, and again for who comes later', async () => {
  const share = createShare<string>({ deadlineMs: 10_000 });
  const { work, signals, resolve } = openWork();
  const both = [share('a', signal, work), share('a', signal, work), share('b', signal, work)];
  resolve('done');
  expect(await Promise.all(both)).toEqual(['done', 'done', 'done']);
  expect(signals).toHaveLength(2);
  await share('a', signal, work);
  expect(signals).toHaveLength(3);
});

test('a failure is shared too, and forgotten', async () => {
  const share = createShare<string>({ deadlineMs: 10_000 });
  const { work, reject } = openWork();
  const both = [failure(share('a', signal, work)), failure(share('a', signal, work))];
  reject(new StoaError('upstream', 'broken'));
  expect(await Promise.all(both)).toMatchObject([{ message: 'broken' }, { message: 'broken' }]);
  expect(await share('a', signal, async () => 'done')).toBe('done');
});

test('who leaves ends the wait for itself alone, and the last one the work', async () => {
  const share = createShare<string>({ deadlineMs: 10_000 });
  const { work, signals } = openWork();
  const leaving = [new AbortController(), new AbortController()];
  const [first, second] = leaving.map(({ signal }) => failure(share('a', signal, work)));
  leaving[0]!.abort();
  expect(await first).toMatchObject({ kind: 'canceled' });
  expect(signals[0]!.aborted).toBe(false);
  leaving[1]!.abort();
  expect(await second).toMatchObject({ kind: 'canceled' });
  expect(signals[0]!.aborted).toBe(true);
  // What is being stopped is not joined, although it has not ended yet.
  expect(await share('a', signal, async () => 'new')).toBe('new');
});

test('what was stopped does not end what came after it', async () => {
  const share = createShare<string>({ deadlineMs: 10_000 });
  const [old, next] = [openWork(), openWork()];
  const leaving = new AbortController();
  const left = failure(share('a', leaving.signal, old.work));
  leaving.abort();
  await left;
  const second = share('a', signal, next.work);
  old.resolve('late');
  await new Promise(setImmediate);
  const third = share('a', signal, next.work);
  next.resolve('done');
  expect(await Promise.all([second, third])).toEqual(['done', 'done']);
  expect(next.signals).toHaveLength(1);
});

test('nothing is begun for who has left', async () => {
  const share = createShare<string>({ deadlineMs: 10_000 });
  const { work, signals } = openWork();
  expect(await failure(share('a', AbortSignal.abort(), work))).toMatchObject({ kind: 'canceled' });
  expect(signals).toEqual([]);
});

test('work that takes too long is stopped, whatever it says to that', async () => {
  const share = createShare<string>({ deadlineMs: 20, late: (key) => `host of ${key}: no answer` });
  const stopped = (signal: AbortSignal) =>
    new Promise<string>((_, reject) => signal.addEventListener('abort', () => reject(new Error('stopped'))));
  expect(await failure(share('a', signal, stopped))).toMatchObject({
    kind: 'timeout',
    message: 'host of a: no answer within 0 s',
  });
});
