import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { StoaError } from '../../src/errors.ts';
import { createGate } from '../../src/fetch/gate.ts';
import { failure } from '../net/origin.ts';
import { openDiscover, openVanity, type Page } from './vanity.ts';

const { signal } = new AbortController();
const repo = 'https://git.example/r';
const found = { root: 'a.example/m', vcs: 'git', url: repo };
const tags = [`a.example/m git ${repo}`];
/** What the go command asks for at once, for a package of a.example/m that it does not know. */
const prefixes = ['a.example/m/x/y/z', 'a.example/m/x/y', 'a.example/m/x', 'a.example/m'];
const everywhere: Record<string, Page> = Object.fromEntries(prefixes.map((path) => [path, tags]));

/** Asks for all of these at once. */
function ask(discover: ReturnType<typeof openDiscover>, paths: readonly string[]) {
  return Promise.all(paths.map((path) => discover(path, signal).catch((error: Error) => error)));
}

describe('the prefixes of one path', () => {
  test('are all found by two pages, in whatever order they are asked for', async () => {
    await fc.assert(
      fc.asyncProperty(fc.shuffledSubarray(prefixes, { minLength: 4 }), async (paths) => {
        const vanity = openVanity(everywhere);
        expect(await ask(openDiscover(vanity), paths)).toEqual([found, found, found, found]);
        expect(vanity.asked).toEqual([prefixes[0], 'a.example/m']);
      }),
      { numRuns: 24 },
    );
  });

  test('are found by two pages when they are asked for one after the other, the longest first', async () => {
    const vanity = openVanity(everywhere);
    const discover = openDiscover(vanity);
    for (const path of prefixes) expect(await discover(path, signal)).toEqual(found);
    expect(vanity.asked).toHaveLength(2);
  });

  test('are asked for themselves where they lie beside or below what is known', async () => {
    const vanity = openVanity({
      ...everywhere,
      'a.example/m/x/w': ['a.example/m/x/w git https://git.example/w'],
      'a.example/m/x/y/z/v': ['a.example/m/x/y/z/v git https://git.example/v'],
    });
    const discover = openDiscover(vanity);
    await discover('a.example/m/x/y/z', signal);
    expect(await discover('a.example/m/x/w', signal)).toMatchObject({ url: 'https://git.example/w' });
    expect(await discover('a.example/m/x/y/z/v', signal)).toMatchObject({ url: 'https://git.example/v' });
  });

  test('are asked for at once, when the longest has no page', async () => {
    const vanity = openVanity({ 'a.example/m': tags });
    const release = vanity.hold();
    const answers = ask(openDiscover(vanity), prefixes);
    await expect.poll(() => vanity.asked).toEqual([prefixes[0]]);
    release();
    const secondRelease = vanity.hold();
    await expect.poll(() => vanity.asked.toSorted()).toEqual(prefixes.toSorted());
    secondRelease();
    const [, , , last] = await answers;
    expect(last).toEqual(found);
    expect(vanity.asked).toHaveLength(4);
  });

  test('do not wait for the paths beside them', async () => {
    const vanity = openVanity({});
    const release = vanity.hold();
    const answers = ask(openDiscover(vanity), ['a.example/m', 'a.example/n', 'b.example/m', 'a.example/mm']);
    await expect.poll(() => vanity.asked).toHaveLength(4);
    release();
    await answers;
  });

  test('do not wait for ever for longer ones that keep coming', async () => {
    const vanity = openVanity({});
    vanity.pages['a.example'] = [`a.example git ${repo}`];
    const other = (path: string): Page => [`${path} git ${repo}`];
    const discover = openDiscover(vanity);
    let release = vanity.hold();
    const first = discover('a.example/0', signal);
    vanity.pages['a.example/0'] = other('a.example/0');
    await expect.poll(() => vanity.asked).toHaveLength(1);
    const short = discover('a.example', signal);
    for (let i = 1; !vanity.asked.includes('a.example'); i++) {
      expect(i).toBeLessThan(5);
      vanity.pages[`a.example/${i}`] = other(`a.example/${i}`);
      const next = discover(`a.example/${i}`, signal);
      await expect.poll(() => vanity.asked).toContain(`a.example/${i}`);
      const before = release;
      release = vanity.hold();
      before();
      await expect.poll(() => vanity.asked.length).toBeGreaterThan(i);
      next.catch(() => {});
    }
    release();
    expect(await short).toMatchObject({ root: 'a.example' });
    await first;
  });
});

describe('a page', () => {
  test('is read once for all who ask at once', async () => {
    const vanity = openVanity(everywhere);
    const discover = openDiscover(vanity);
    const same = Array.from({ length: 20 }, () => 'a.example/m');
    expect(await ask(discover, same)).toEqual(same.map(() => found));
    expect(vanity.asked).toEqual(['a.example/m']);
  });

  test('is shared between who asks for it and who wants it confirmed', async () => {
    const siblings = ['a.example/m/a', 'a.example/m/b', 'a.example/m/c'];
    const vanity = openVanity({
      'a.example/m': tags,
      ...Object.fromEntries(siblings.map((path) => [path, tags])),
    });
    await ask(openDiscover(vanity), [...siblings, 'a.example/m']);
    expect(vanity.asked.toSorted()).toEqual(['a.example/m', ...siblings]);
  });

  test('is given up when the last who waits for it has left, and not before', async () => {
    const vanity = openVanity(everywhere);
    const release = vanity.hold();
    const discover = openDiscover(vanity);
    const leaving = [new AbortController(), new AbortController()];
    const asked = leaving.map(({ signal }) => failure(discover('a.example/m', signal)));
    await expect.poll(() => vanity.asked).toHaveLength(1);
    leaving[0]!.abort();
    expect(await asked[0]).toMatchObject({ kind: 'canceled' });
    expect(vanity.requests[0]!.signal.aborted).toBe(false);
    leaving[1]!.abort();
    expect(await asked[1]).toMatchObject({ kind: 'canceled' });
    expect(vanity.requests[0]!.signal.aborted).toBe(true);
    release();
    expect(await discover('a.example/m', signal)).toEqual(found);
  });

  test('is not asked for by who left before', async () => {
    const vanity = openVanity(everywhere);
    const discover = openDiscover(vanity);
    expect(await failure(discover('a.example/m', AbortSignal.abort()))).toMatchObject({ kind: 'canceled' });
    const leaving = new AbortController();
    const asked = failure(discover('a.example/m', leaving.signal));
    leaving.abort();
    expect(await asked).toMatchObject({ kind: 'canceled' });
    expect(vanity.asked).toEqual([]);
    // Nor does anybody wait for its answer.
    expect(await discover('a.example/m/x', signal)).toEqual(found);
    vanity.pages['a.example/m/y'] = tags;
    expect(await discover('a.example/m/y', signal)).toEqual(found);
  });

  test('that confirmed one path is not asked for again for another', async () => {
    const vanity = openVanity({ 'a.example/m/a': tags, 'a.example/m/b': tags, 'a.example/m': tags });
    const discover = openDiscover(vanity);
    await discover('a.example/m/a', signal);
    await discover('a.example/m/b', signal);
    expect(vanity.asked).toEqual(['a.example/m/a', 'a.example/m', 'a.example/m/b']);
  });

  test('is shown to each as whom the credentials serve sees it', async () => {
    const vanity = openVanity({ 'a.example/m/x': tags, 'a.example/m/y': tags, 'a.example/m': tags });
    const discover = openDiscover(vanity, { audience: (path) => (path.endsWith('/y') ? 'served' : '') });
    await discover('a.example/m/y', signal);
    await discover('a.example/m', signal);
    await discover('a.example/m/x', signal);
    expect(vanity.requests.map(({ module }) => module)).toEqual([
      'a.example/m/y',
      'a.example/m/y',
      'a.example/m',
      'a.example/m/x',
    ]);
    expect(vanity.requests.every(({ stranger }) => stranger)).toBe(true);
  });

  test('is asked for within the bounds of its host', async () => {
    const vanity = openVanity(everywhere);
    const lane = { running: 1, queued: 0, waitMs: 10 };
    const discover = openDiscover(vanity, { gate: createGate({ zip: lane, file: lane }) });
    const release = vanity.hold();
    const first = discover('a.example/m', signal);
    await expect.poll(() => vanity.asked).toHaveLength(1);
    expect(await failure(discover('a.example/n', signal))).toMatchObject({ kind: 'overloaded' });
    release();
    expect(await first).toEqual(found);
    expect(await failure(discover('a.example/n', signal))).toMatchObject({ kind: 'notFound' });
  });
});

describe('what was found', () => {
  /** With a clock that stands still. */
  function openTimed(pages: Record<string, Page>) {
    const vanity = openVanity(pages);
    const clock = { ms: 0 };
    const discover = openDiscover(vanity, { now: () => clock.ms, keepMs: 1000, absentMs: 100 });
    return { vanity, clock, discover };
  }

  test('is kept for its time', async () => {
    const { vanity, clock, discover } = openTimed(everywhere);
    await discover('a.example/m', signal);
    clock.ms = 999;
    await discover('a.example/m', signal);
    expect(vanity.asked).toHaveLength(1);
    clock.ms = 1000;
    vanity.pages['a.example/m'] = ['a.example/m git https://git.example/moved'];
    expect(await discover('a.example/m', signal)).toMatchObject({ url: 'https://git.example/moved' });
  });

  test('is kept for less when it was nothing', async () => {
    const { vanity, clock, discover } = openTimed({});
    for (let i = 0; i < 3; i++) {
      expect(await failure(discover('a.example/m', signal))).toMatchObject({ kind: 'notFound' });
    }
    expect(vanity.asked).toHaveLength(1);
    clock.ms = 100;
    vanity.pages['a.example/m'] = tags;
    expect(await discover('a.example/m', signal)).toEqual(found);
  });

  test('is not kept when it was a failure', async () => {
    const { vanity, discover } = openTimed({ 'a.example/m': new StoaError('upstream', 'a.example: broken') });
    expect(await failure(discover('a.example/m', signal))).toMatchObject({ kind: 'upstream' });
    vanity.pages['a.example/m'] = tags;
    expect(await discover('a.example/m', signal)).toEqual(found);
  });

  test('is not driven out by absences, however many', async () => {
    const { vanity, discover } = openTimed(everywhere);
    await discover('a.example/m', signal);
    const long = 'x'.repeat(2000);
    await ask(
      discover,
      Array.from({ length: 90 }, (_, i) => `b.example/${long}${i}`),
    );
    for (let round = 1; round < 10; round++) {
      await ask(
        discover,
        Array.from({ length: 90 }, (_, i) => `b${round}.example/${long}${i}`),
      );
    }
    const asked = vanity.asked.length;
    await discover('a.example/m', signal);
    expect(vanity.asked).toHaveLength(asked);
    // The first of them are forgotten by now.
    await failure(discover(`b.example/${long}0`, signal));
    expect(vanity.asked).toHaveLength(asked + 1);
  });
});
