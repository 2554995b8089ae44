import { describe, expect, test } from 'vitest';
import type { Catalog, ClaimedJob } from '../../src/catalog/catalog.ts';
import { type CatalogUnderTest, job, start } from './catalog-kit.ts';

const leaseMs = 60_000;

/** The part of the suite about the queue. */
export function jobCases(under: () => CatalogUnderTest): void {
  function claim(
    owner = 'me',
    limit = 100,
    catalog: Catalog = under().catalog,
  ): Promise<readonly ClaimedJob[]> {
    return catalog.jobs.claim({ kinds: ['verify'], owner, leaseMs, limit });
  }

  async function keysClaimed(owner?: string, limit?: number): Promise<string[]> {
    return (await claim(owner, limit)).map(({ key }) => key);
  }

  async function rowOf(key: string) {
    return (await under().catalog.jobs.list({ limit: 100 })).find((row) => row.key === key);
  }

  describe('a job', () => {
    test('is claimed with what it was given, and is gone when it is done', async () => {
      const { catalog } = under();
      await catalog.apply([job('a', { payload: { path: 'example.com/m', list: [1, 'two'] } }), job('b')]);
      expect(await claim()).toEqual([
        { kind: 'verify', key: 'a', payload: { path: 'example.com/m', list: [1, 'two'] }, attempts: 1 },
        { kind: 'verify', key: 'b', payload: null, attempts: 1 },
      ]);
      expect(await catalog.jobs.count()).toEqual({ waiting: 0, running: 2, failed: 0 });
      expect(await catalog.jobs.settle('me', { kind: 'verify', key: 'a' }, { state: 'done' })).toBe(true);
      expect(await rowOf('a')).toBeUndefined();
      expect(await catalog.jobs.count()).toEqual({ waiting: 0, running: 1, failed: 0 });
    });

    test('is one for its kind and key, while it waits and while it runs', async () => {
      const { catalog } = under();
      await catalog.apply([job('a', { payload: 1 }), job('a', { payload: 2 }), job('a', { kind: 'sweep' })]);
      expect(await claim()).toMatchObject([{ key: 'a', payload: 1 }]);
      await catalog.apply([job('a', { payload: 3 })]);
      expect(await claim('other')).toEqual([]);
      await catalog.jobs.settle('me', { kind: 'verify', key: 'a' }, { state: 'done' });
      await catalog.apply([job('a', { payload: 4 })]);
      expect(await claim()).toMatchObject([{ key: 'a', payload: 4, attempts: 1 }]);
    });

    test('waits for its time, and those that waited longest come first', async () => {
      const { catalog, clock } = under();
      await catalog.apply([
        job('late', { notBefore: start + 5000 }),
        job('soon', { notBefore: start + 1000 }),
        job('now'),
        job('earlier', { notBefore: start - 1000 }),
      ]);
      expect(await keysClaimed('me', 1)).toEqual(['earlier']);
      expect(await keysClaimed()).toEqual(['now']);
      clock.now += 5000;
      expect(await keysClaimed()).toEqual(['soon', 'late']);
    });

    test('of a kind that one cannot do is left to others', async () => {
      const { catalog } = under();
      await catalog.apply([job('a', { kind: 'sweep' })]);
      expect(await claim()).toEqual([]);
      expect(await catalog.jobs.claim({ kinds: [], owner: 'me', leaseMs, limit: 9 })).toEqual([]);
    });

    test('whose owner was killed is taken over when the lease runs out', async () => {
      const { catalog, clock } = under();
      await catalog.apply([job('a')]);
      await claim('killed');
      clock.now += leaseMs - 1;
      expect(await claim('other')).toEqual([]);
      clock.now += 1;
      expect(await claim('other')).toMatchObject([{ key: 'a', attempts: 2 }]);
      expect(await catalog.jobs.settle('killed', { kind: 'verify', key: 'a' }, { state: 'done' })).toBe(
        false,
      );
      expect(await rowOf('a')).toMatchObject({
        state: 'running',
        owner: 'other',
        leaseUntil: clock.now + leaseMs,
      });
    });

    test('is kept for as long as its lease is renewed', async () => {
      const { catalog, clock } = under();
      await catalog.apply([job('a'), job('b')]);
      await claim('me', 1);
      await claim('other', 1);
      for (let round = 0; round < 3; round++) {
        clock.now += leaseMs - 1000;
        expect(await catalog.jobs.renew('me', leaseMs)).toEqual([{ kind: 'verify', key: 'a' }]);
      }
      expect(await keysClaimed('third')).toEqual(['b']);
      expect(await catalog.jobs.renew('other', leaseMs)).toEqual([]);
    });

    test('that failed is tried again when it is time, and says why it failed', async () => {
      const { catalog, clock } = under();
      await catalog.apply([job('a')]);
      await claim();
      const notBefore = clock.now + 5000;
      await catalog.jobs.settle(
        'me',
        { kind: 'verify', key: 'a' },
        { state: 'waiting', error: 'source down', notBefore },
      );
      expect(await rowOf('a')).toEqual({
        kind: 'verify',
        key: 'a',
        state: 'waiting',
        payload: null,
        attempts: 1,
        notBefore,
        lastError: 'source down',
        owner: null,
        leaseUntil: null,
        addedAt: start,
      });
      expect(await claim()).toEqual([]);
      clock.now = notBefore;
      expect(await claim()).toMatchObject([{ key: 'a', attempts: 2 }]);
    });

    test('that was given up stays to be seen, until it is asked for again', async () => {
      const { catalog, clock } = under();
      await catalog.apply([job('a', { payload: 1 })]);
      await claim();
      const error = 'x'.repeat(5000);
      await catalog.jobs.settle('me', { kind: 'verify', key: 'a' }, { state: 'failed', error });
      clock.now += 1e9;
      expect(await claim()).toEqual([]);
      expect(await catalog.jobs.count()).toEqual({ waiting: 0, running: 0, failed: 1 });
      expect(await rowOf('a')).toMatchObject({
        state: 'failed',
        attempts: 1,
        lastError: error.slice(0, 2000),
      });
      await catalog.apply([job('a', { payload: 2 })]);
      expect(await claim()).toMatchObject([{ payload: 2, attempts: 1 }]);
    });

    test('that is released can be claimed at once, as if it had not been begun', async () => {
      const { catalog } = under();
      await catalog.apply([job('a', { notBefore: start - 5000 })]);
      await claim();
      expect(await catalog.jobs.settle('me', { kind: 'verify', key: 'a' }, { state: 'released' })).toBe(true);
      expect(await rowOf('a')).toMatchObject({ state: 'waiting', attempts: 0, owner: null });
      expect(await claim('other')).toMatchObject([{ key: 'a', attempts: 1 }]);
    });

    test('is claimed by one of many who claim at once', async () => {
      const others = await Promise.all([under().another(), under().another(), under().another()]);
      const keys = Array.from({ length: 60 }, (_, i) => `key-${i}`);
      await under().catalog.apply(keys.map((key) => job(key)));
      const claimed: string[] = [];
      await Promise.all(
        others.map(async (catalog, i) => {
          for (;;) {
            const some = await claim(`owner-${i}`, 3, catalog);
            if (some.length === 0) return;
            claimed.push(...some.map(({ key }) => key));
          }
        }),
      );
      expect(claimed.sort()).toEqual(keys.sort());
    });

    test('is listed by kind and state', async () => {
      const { catalog } = under();
      await catalog.apply([job('a'), job('b'), job('c', { kind: 'sweep' })]);
      await claim('me', 1);
      const listed = async (filter: { kind?: string; state?: 'waiting' | 'running' }) =>
        (await catalog.jobs.list({ ...filter, limit: 9 })).map(({ key }) => key);
      expect(await listed({ kind: 'verify' })).toEqual(['a', 'b']);
      expect(await listed({ state: 'waiting' })).toEqual(['b', 'c']);
      expect(await listed({ kind: 'verify', state: 'running' })).toEqual(['a']);
      expect(await catalog.jobs.list({ limit: 2 })).toHaveLength(2);
    });
  });
}
