import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Jobs } from '../../src/catalog/catalog.ts';
import {
  type JobHandler,
  type JobHandlers,
  type JobRunner,
  startJobRunner,
} from '../../src/catalog/job-runner.ts';
import { createSqlCatalog } from '../../src/catalog/sql-catalog.ts';
import { openSqlite } from '../../src/catalog/sqlite.ts';
import { StoaError } from '../../src/errors.ts';
import { job } from '../conformance/catalog-kit.ts';
import { quietLog } from '../fakes/quiet.ts';
import { type Bed, openBed } from './bed.ts';

let bed: Bed;
const clock = { now: 0 };
let jobs: Jobs;
let closing: (() => Promise<void>)[];
beforeEach(async () => {
  bed = await openBed();
  clock.now = Date.now();
  closing = [];
  const { db, close } = openSqlite(bed.file);
  closing.push(close);
  jobs = createSqlCatalog({ db, where: bed.file, now: () => clock.now }).jobs;
});
afterEach(async () => {
  for (const close of closing.reverse()) await close();
  await bed[Symbol.asyncDispose]();
});

const gaveUp: string[] = [];

function run(handlers: JobHandlers, more: Partial<Parameters<typeof startJobRunner>[0]> = {}): JobRunner {
  gaveUp.length = 0;
  const runner = startJobRunner({
    jobs,
    handlers,
    owner: 'me',
    log: quietLog,
    gaveUp: ({ key }, error) => void gaveUp.push(`${key}: ${error}`),
    now: () => clock.now,
    random: () => 0.5,
    pollMs: 2,
    ...more,
  });
  closing.push(() => runner.close());
  return runner;
}

/** A handler that counts, and says when it was called so often. */
function counting(work: (payload: unknown, signal: AbortSignal) => Promise<void> | void, attempts = 3) {
  const calls: unknown[] = [];
  const waiting: { count: number; resolve: () => void }[] = [];
  const handler: JobHandler = {
    attempts,
    timeoutMs: 60_000,
    async run(payload, signal) {
      calls.push(payload);
      for (const { count, resolve } of waiting) if (calls.length >= count) resolve();
      await work(payload, signal);
    },
  };
  const called = (count: number): Promise<void> =>
    new Promise((resolve) => (calls.length >= count ? resolve() : waiting.push({ count, resolve })));
  return { handler, calls, called };
}

async function add(...keys: string[]): Promise<void> {
  await bed.catalog().apply(keys.map((key) => job(key, { payload: key, at: clock.now })));
}

/** Looks until it is so: nobody says when a row changes. */
async function until(isSo: () => Promise<boolean>): Promise<void> {
  while (!(await isSo())) await new Promise((resolve) => setTimeout(resolve, 1));
}

const isDone = async () => Object.values(await jobs.count()).every((count) => count === 0);

test('jobs are done by the handler of their kind, with what they were given, and are gone', async () => {
  const verify = counting(() => undefined);
  await add('a', 'b', 'c');
  run({ verify: verify.handler });
  await until(isDone);
  expect(verify.calls).toEqual(['a', 'b', 'c']);
});

test('a job that is added while the runner waits is begun when it is woken', async () => {
  const verify = counting(() => undefined);
  const runner = run({ verify: verify.handler }, { pollMs: 1_000_000 });
  await add('a');
  runner.wake();
  await verify.called(1);
  await until(isDone);
});

test('no more run at once than the width', async () => {
  let running = 0;
  let most = 0;
  const verify = counting(async () => {
    most = Math.max(most, ++running);
    await new Promise(setImmediate);
    running--;
  });
  await add(...Array.from({ length: 20 }, (_, i) => `${i}`));
  run({ verify: verify.handler }, { width: 3 });
  await until(isDone);
  expect(verify.calls).toHaveLength(20);
  expect(most).toBe(3);
});

test('what fails is tried again, later each time, and then given up with its reason', async () => {
  const verify = counting(() => Promise.reject(new StoaError('upstream', 'the database is down')));
  await add('a');
  run({ verify: verify.handler });
  for (const delay of [5000, 10_000]) {
    await until(async () => (await jobs.list({ state: 'waiting', limit: 1 }))[0]?.lastError != null);
    const [row] = await jobs.list({ limit: 1 });
    expect(row).toMatchObject({ notBefore: clock.now + delay, lastError: 'the database is down' });
    clock.now += delay;
    const before = verify.calls.length;
    await verify.called(before + 1);
  }
  await until(async () => (await jobs.count()).failed === 1);
  expect(verify.calls).toHaveLength(3);
  expect(gaveUp).toEqual(['a: the database is down']);
});

test('a job that takes its process down each time is given up too', async () => {
  const verify = counting(() => undefined, 2);
  await add('a');
  for (const owner of ['first', 'second']) {
    await jobs.claim({ kinds: ['verify'], owner, leaseMs: 1000, limit: 1 });
    clock.now += 1000;
  }
  run({ verify: verify.handler });
  await until(async () => (await jobs.count()).failed === 1);
  expect(verify.calls).toEqual([]);
  expect(gaveUp).toEqual(['a: begun 2 times, and never ended']);
});

test('a job that takes too long is aborted', async () => {
  const aborted = Promise.withResolvers<unknown>();
  const handler: JobHandler = {
    attempts: 1,
    timeoutMs: 5,
    run: (_, signal) =>
      new Promise((_, reject) =>
        signal.addEventListener('abort', () => {
          aborted.resolve(signal.reason);
          reject(signal.reason);
        }),
      ),
  };
  await add('a');
  run({ verify: handler });
  expect(await aborted.promise).toMatchObject({ name: 'TimeoutError' });
  await until(async () => (await jobs.count()).failed === 1);
});

/** Runs until it is aborted. */
function patient() {
  const ended = Promise.withResolvers<unknown>();
  const verify = counting(
    (_, signal) =>
      new Promise((_, reject) =>
        signal.addEventListener('abort', () => {
          ended.resolve(signal.reason);
          reject(signal.reason);
        }),
      ),
  );
  return { ...verify, ended: ended.promise };
}

test('the lease of a long job is renewed', async () => {
  const verify = patient();
  await add('a');
  run({ verify: verify.handler }, { leaseMs: 30 });
  await verify.called(1);
  const [before] = await jobs.list({ limit: 1 });
  clock.now += 20;
  await until(async () => (await jobs.list({ limit: 1 }))[0]!.leaseUntil === before!.leaseUntil! + 20);
});

test('a job whose lease was lost is ended, and stays with who has it', async () => {
  const verify = patient();
  await add('a');
  const renew: Jobs['renew'] = async (...args) => {
    clock.now += 30;
    await jobs.claim({ kinds: ['verify'], owner: 'other', leaseMs: 60_000, limit: 1 });
    return jobs.renew(...args);
  };
  run({ verify: verify.handler }, { leaseMs: 30, jobs: { ...jobs, renew } });
  expect(await verify.ended).toMatchObject({ message: 'the lease of the job was lost' });
  expect((await jobs.list({ limit: 1 }))[0]).toMatchObject({ state: 'running', owner: 'other' });
});

test('a job is ended, too, when it cannot be told for so long who has it', async () => {
  const verify = patient();
  await add('a');
  const renew: Jobs['renew'] = async () => {
    clock.now += 10;
    throw new StoaError('catalog', 'locked');
  };
  run({ verify: verify.handler }, { leaseMs: 30, jobs: { ...jobs, renew } });
  expect(await verify.ended).toMatchObject({ message: 'the lease of the job was lost' });
});

test('jobs under way are given back when the runner closes, and no failure is counted', async () => {
  const verify = patient();
  await add('a', 'b');
  const runner = run({ verify: verify.handler });
  await verify.called(2);
  await runner.close();
  expect(await verify.ended).toMatchObject({ kind: 'draining' });
  const rows = await jobs.list({ limit: 9 });
  expect(rows).toMatchObject([
    { key: 'a', state: 'waiting', attempts: 0, lastError: null },
    { key: 'b', state: 'waiting', attempts: 0, lastError: null },
  ]);
});

test('a runner without handlers asks for nothing', () => {
  const claim = vi.fn(jobs.claim);
  run({}, { jobs: { ...jobs, claim } }).wake();
  expect(claim).not.toHaveBeenCalled();
});

test('a catalog that fails ends nothing', async () => {
  let failures = 0;
  const verify = counting(() => undefined);
  await add('a');
  const claim: Jobs['claim'] = (...args) =>
    failures++ < 3 ? Promise.reject(new StoaError('catalog', 'locked')) : jobs.claim(...args);
  run({ verify: verify.handler }, { jobs: { ...jobs, claim } });
  await until(isDone);
  expect(verify.calls).toEqual(['a']);
});
