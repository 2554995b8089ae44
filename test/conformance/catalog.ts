import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Catalog } from '../../src/catalog/catalog.ts';
import { bounds, type Entry } from '../../src/catalog/entry.ts';
import { jobCases } from './catalog-jobs.ts';
import {
  type CatalogUnderTest,
  event,
  job,
  nameOf,
  namesIn,
  start,
  stored,
  storedMany,
} from './catalog-kit.ts';

/** What every catalog has to do, for one database. `open` is called before every case. */
export function catalogSuite(name: string, open: () => Promise<CatalogUnderTest>): void {
  describe(`${name}, as a catalog`, { timeout: 60_000 }, () => {
    let under: CatalogUnderTest;
    let catalog: Catalog;

    beforeEach(async () => {
      under = await open();
      catalog = under.catalog;
    });
    afterEach(() => under.close());

    /** The only row. */
    async function only() {
      const rows = await catalog.versions({ limit: 2 });
      expect(rows).toHaveLength(1);
      return rows[0]!;
    }

    describe('a stored version', () => {
      test('has a row as it was told', async () => {
        await catalog.apply([
          stored({ modH1: 'h1:mod=', source: 'https://goproxy.example.com', verified: 'sum.golang.org' }),
        ]);
        expect(await only()).toEqual({
          path: 'example.com/m',
          version: 'v1.0.0',
          size: 100,
          h1: 'h1:one=',
          modH1: 'h1:mod=',
          source: 'https://goproxy.example.com',
          verified: 'sum.golang.org',
          firstSeen: start,
          lastAsked: null,
          indexedUs: start * 1000,
        });
      });

      test('keeps what was told first; what was not known is added', async () => {
        await catalog.apply([stored({ source: 'direct' })]);
        const first = await only();
        await catalog.apply([stored({ size: 7, modH1: 'h1:mod=', source: 'elsewhere' }, start + 1000)]);
        expect(await only()).toEqual({ ...first, modH1: 'h1:mod=' });
      });

      test('gives its place to another content, but not to an older one', async () => {
        await catalog.apply([stored({ source: 'direct', verified: 'pending' })]);
        const first = await only();
        under.clock.now += 1000;
        await catalog.apply([stored({ h1: 'h1:two=', size: 200 }, start + 1000)]);
        const second = await only();
        expect(second).toMatchObject({ h1: 'h1:two=', size: 200, source: null, verified: null });
        expect(second.firstSeen).toBe(start + 1000);
        expect(second.indexedUs).toBeGreaterThan(first.indexedUs);
        await catalog.apply([stored({ h1: 'h1:one=' }, start + 500)]);
        expect(await only()).toEqual(second);
      });

      test.each<[what: string, entry: Entry, left: string | null | undefined]>([
        [
          'is vouched for by its hash',
          {
            type: 'verified',
            at: start,
            path: 'example.com/m',
            version: 'v1.0.0',
            h1: 'h1:one=',
            by: 'sum.x',
          },
          'sum.x',
        ],
        [
          'is not vouched for by that of another content',
          {
            type: 'verified',
            at: start,
            path: 'example.com/m',
            version: 'v1.0.0',
            h1: 'h1:two=',
            by: 'sum.x',
          },
          'pending',
        ],
        [
          'goes when it was taken away',
          { type: 'gone', at: start, path: 'example.com/m', version: 'v1.0.0' },
          undefined,
        ],
        [
          'goes when it is not the one that is right',
          { type: 'gone', at: start, path: 'example.com/m', version: 'v1.0.0', except: 'h1:two=' },
          undefined,
        ],
        [
          'stays when it is the one that is right',
          { type: 'gone', at: start, path: 'example.com/m', version: 'v1.0.0', except: 'h1:one=' },
          'pending',
        ],
        [
          'stays when it was stored after one was taken away',
          { type: 'gone', at: start - 1, path: 'example.com/m', version: 'v1.0.0' },
          'pending',
        ],
      ])('%s', async (_, entry, left) => {
        await catalog.apply([stored({ verified: 'pending' })]);
        await catalog.apply([entry]);
        expect((await catalog.versions({ limit: 1 }))[0]?.verified).toBe(left);
      });

      test('may have the longest names there are', async () => {
        const path = `example.com/${'p'.repeat(bounds.path - 12)}`;
        const version = `v1.0.0-${'v'.repeat(bounds.version - 7)}`;
        await catalog.apply([stored({ path, version, source: 's'.repeat(bounds.name) })]);
        expect(await namesIn(catalog)).toEqual([`${path}@${version}`]);
      });

      test('is told apart from one whose name has other capitals', async () => {
        await catalog.apply([stored({ path: 'example.com/M' }), stored({ path: 'example.com/m' })]);
        expect(await namesIn(catalog)).toEqual(['example.com/M@v1.0.0', 'example.com/m@v1.0.0']);
        expect(await catalog.versions({ path: 'example.com/m', limit: 9 })).toHaveLength(1);
      });

      test('is found by its path, by who vouches for it, and from a time on', async () => {
        await catalog.apply([
          ...storedMany(3),
          stored({ path: 'example.com/m1', version: 'v1.1.0', verified: 'pending' }),
        ]);
        const all = await catalog.versions({ limit: 9 });
        expect((await catalog.versions({ path: 'example.com/m1', limit: 9 })).map(nameOf)).toEqual([
          'example.com/m1@v1.0.0',
          'example.com/m1@v1.1.0',
        ]);
        expect(await catalog.versions({ verified: 'pending', limit: 9 })).toEqual([all[3]]);
        expect(await catalog.versions({ sinceUs: all[1]!.indexedUs, limit: 2 })).toEqual([all[1], all[2]]);
      });

      test('is missing while it has no row', async () => {
        await catalog.apply(storedMany(1200));
        const asked = storedMany(1300).map((entry) => entry as Extract<Entry, { type: 'version' }>);
        const missing = await catalog.missing(asked);
        expect(missing.map(nameOf)).toEqual(asked.slice(1200).map(nameOf));
        expect(await catalog.missing([{ path: 'example.com/m1', version: 'v1.0.1' }])).toHaveLength(1);
        expect(await catalog.missing([])).toEqual([]);
      });
    });

    describe('what was asked for', () => {
      test('is noted, and the time of it never goes back', async () => {
        await catalog.apply(storedMany(1200));
        const rows = await catalog.versions({ limit: 2000 });
        await catalog.asked(rows.slice(0, 1100), start + 5000);
        await catalog.asked([rows[0]!, rows[1199]!], start + 4000);
        const times = (await catalog.versions({ limit: 2000 })).map(({ lastAsked }) => lastAsked);
        expect(times).toEqual(
          rows.map((_, i) => (i < 1100 ? start + 5000 : i === 1199 ? start + 4000 : null)),
        );
      });

      test('makes no row', async () => {
        await catalog.asked([{ path: 'example.com/m', version: 'v1.0.0' }], start);
        await catalog.asked([], start);
        expect(await namesIn(catalog)).toEqual([]);
      });
    });

    describe('index timestamps', () => {
      test('rise when the clock stands still, and when it goes back', async () => {
        for (const step of [0, 0, -60_000, 60_000]) {
          under.clock.now += step;
          await catalog.apply(storedMany(5, `example.com/${under.clock.now}-${Math.random()}-`));
        }
        const times = (await catalog.versions({ limit: 100 })).map(({ indexedUs }) => indexedUs);
        expect(new Set(times).size).toBe(20);
        expect(times).toEqual([...times].sort((a, b) => a - b));
        expect(times[0]).toBe(start * 1000);
      });

      test('let a reader who follows see each version once, in the same order, while others write', async () => {
        const writers = await Promise.all([under.another(), under.another(), under.another()]);
        const batches = 30;
        let writing = true;
        const written = Promise.all(
          writers.map(async (writer, w) => {
            for (let b = 0; b < batches; b++)
              await writer.apply(storedMany(1 + (b % 3), `example.com/w${w}/b${b}/m`));
          }),
        ).finally(() => {
          writing = false;
        });
        const seen: string[] = [];
        let last = 0;
        const follow = async () => {
          const page = await catalog.versions({ sinceUs: last + 1, limit: 4 });
          seen.push(...page.map(nameOf));
          last = page.at(-1)?.indexedUs ?? last;
          return page.length;
        };
        while (writing) {
          await follow();
          await new Promise(setImmediate);
        }
        await written;
        while ((await follow()) > 0);
        expect(seen).toEqual(await namesIn(catalog));
        expect(seen).toHaveLength(writers.length * batches * 2);
      });
    });

    describe('a piece of an outbox', () => {
      const piece = { segment: 'one-00000001.jsonl', from: 0, to: 100 };

      test('is applied once, however often', async () => {
        const entries = [stored(), job('a')];
        expect(await catalog.apply(entries, piece)).toEqual({ done: true, reached: 100 });
        const [claimed] = await catalog.jobs.claim({
          kinds: ['verify'],
          owner: 'me',
          leaseMs: 1000,
          limit: 1,
        });
        await catalog.jobs.settle('me', claimed!, { state: 'done' });
        expect(await catalog.apply(entries, piece)).toEqual({ done: false, reached: 100 });
        expect(await catalog.jobs.count()).toEqual({ waiting: 0, running: 0, failed: 0 });
      });

      test('is applied where the one before it was, and else told where to go on', async () => {
        expect(await catalog.apply([stored()], { ...piece, from: 50 })).toEqual({ done: false, reached: 0 });
        expect(await namesIn(catalog)).toEqual([]);
        await catalog.apply([], piece);
        expect(await catalog.apply([stored()], { ...piece, from: 100, to: 150 })).toEqual({
          done: true,
          reached: 150,
        });
        expect(await catalog.apply([stored()], { ...piece, from: 100, to: 180 })).toEqual({
          done: false,
          reached: 150,
        });
        expect(await catalog.apply([], { ...piece, segment: 'two-00000001.jsonl' })).toMatchObject({
          done: true,
        });
      });

      test('is applied by one of many who try at once', async () => {
        const others = await Promise.all([under.another(), under.another()]);
        const answers = await Promise.all(
          [catalog, ...others].map((each, i) => each.apply([event(`by-${i}`)], piece)),
        );
        expect(answers.map(({ reached }) => reached)).toEqual([100, 100, 100]);
        expect(answers.filter(({ done }) => done)).toHaveLength(1);
        expect(await catalog.events({ limit: 9 })).toHaveLength(1);
      });

      test('is applied wholly or not at all', async () => {
        const broken = stored({ path: 'example.com/broken', h1: null as unknown as string });
        await expect(catalog.apply([stored(), event('one'), broken], piece)).rejects.toMatchObject({
          kind: 'catalog',
        });
        expect(await namesIn(catalog)).toEqual([]);
        expect(await catalog.events({ limit: 9 })).toEqual([]);
        expect(await catalog.apply([stored()], piece)).toMatchObject({ done: true });
        expect(await namesIn(catalog)).toEqual(['example.com/m@v1.0.0']);
      });
    });

    describe('events', () => {
      test('are kept as they were told, the newest first, each once', async () => {
        const module = { path: 'example.com/m', version: 'v1.0.0' };
        await catalog.apply([
          event('one', { module, text: 'Größe 😀', detail: { source: 'direct' } }),
          event('two', { at: start + 1000, kind: 'moved_tag' }),
          event('one', { at: start + 2000 }),
        ]);
        expect(await catalog.events({ limit: 9 })).toEqual([
          {
            id: 'two',
            at: start + 1000,
            kind: 'moved_tag',
            path: null,
            version: null,
            text: 'something differs',
            detail: {},
          },
          {
            id: 'one',
            at: start,
            kind: 'mismatch',
            ...module,
            text: 'Größe 😀',
            detail: { source: 'direct' },
          },
        ]);
      });

      test('are found by kind, by module and from a time on', async () => {
        await catalog.apply(
          Array.from({ length: 6 }, (_, i) =>
            event(`${i}`, {
              at: start + i,
              kind: i % 2 === 0 ? 'mismatch' : 'moved_tag',
              module: { path: i < 3 ? 'example.com/a' : 'example.com/b', version: 'v1.0.0' },
            }),
          ),
        );
        const ids = async (filter: Parameters<Catalog['events']>[0]) =>
          (await catalog.events(filter)).map(({ id }) => id);
        expect(await ids({ kind: 'moved_tag', limit: 9 })).toEqual(['5', '3', '1']);
        expect(await ids({ path: 'example.com/a', limit: 9 })).toEqual(['2', '1', '0']);
        expect(await ids({ since: start + 4, limit: 9 })).toEqual(['5', '4']);
        expect(await ids({ kind: 'mismatch', path: 'example.com/b', since: start, limit: 1 })).toEqual(['4']);
      });
    });

    test('what is of no use any more goes', async () => {
      const days = (count: number) => start + count * 24 * 60 * 60 * 1000;
      await catalog.apply([event('old'), event('new', { at: days(300) }), stored()], {
        segment: 's',
        from: 0,
        to: 10,
      });
      await catalog.apply([job('old'), job('waits')]);
      const [old] = await catalog.jobs.claim({ kinds: ['verify'], owner: 'me', leaseMs: 1000, limit: 1 });
      await catalog.jobs.settle('me', old!, { state: 'failed', error: 'no' });
      under.clock.now = days(20);
      await catalog.prune();
      expect((await catalog.jobs.count()).failed).toBe(1);
      expect(await catalog.apply([], { segment: 's', from: 0, to: 10 })).toMatchObject({ reached: 10 });
      under.clock.now = days(370);
      await catalog.prune();
      expect((await catalog.events({ limit: 9 })).map(({ id }) => id)).toEqual(['new']);
      expect(await catalog.jobs.count()).toEqual({ waiting: 1, running: 0, failed: 0 });
      expect(await catalog.apply([], { segment: 's', from: 10, to: 20 })).toMatchObject({ reached: 0 });
      expect(await namesIn(catalog)).toEqual(['example.com/m@v1.0.0']);
    });

    test('who gave up is not answered', async () => {
      const signal = AbortSignal.abort();
      await expect(catalog.versions({ limit: 1 }, signal)).rejects.toMatchObject({ kind: 'canceled' });
      await expect(catalog.apply([stored()], undefined, signal)).rejects.toMatchObject({ kind: 'canceled' });
      expect(await namesIn(catalog)).toEqual([]);
    });

    jobCases(() => under);
  });
}
