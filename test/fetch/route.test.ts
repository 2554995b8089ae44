import { Writable } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { type ErrorKind, StoaError } from '../../src/errors.ts';
import type { Fetcher, Spool } from '../../src/fetch/fetcher.ts';
import { createRoute, type RouteOptions } from '../../src/fetch/route.ts';
import { parseRouteList } from '../../src/fetch/route-list.ts';
import { calm, createMemorySpool } from './setup.ts';

const path = 'corp.example.com/m';
const version = { path, version: 'v1.0.0' };

/** What a source does when it is asked: answers, or throws an error of this kind. */
type Behaviour = 'ok' | ErrorKind;

interface Scripted {
  readonly list?: Behaviour;
  readonly query?: Behaviour;
  readonly fetch?: Behaviour;
}

/** Sources by name that do what they are told, and a record of who was asked what. */
function scriptedRoute(
  list: string,
  sources: Readonly<Record<string, Behaviour | Scripted>>,
  more: Partial<RouteOptions> = {},
) {
  const asked: string[] = [];
  const sourceOf = (name: string): Fetcher => {
    const given = sources[name] ?? 'notFound';
    const script = typeof given === 'string' ? { list: given, query: given, fetch: given } : given;
    const act = (what: string, behaviour: Behaviour = 'notFound'): void => {
      asked.push(`${name} ${what}`);
      if (behaviour !== 'ok') throw new StoaError(behaviour, `${name} says ${behaviour}`);
    };
    return {
      async list() {
        act('list', script.list);
        return { source: name, versions: ['v1.0.0'] };
      },
      async query(_, query) {
        act(query, script.query);
        return { source: name, version: 'v1.0.0', bytes: Buffer.from('{}') };
      },
      async fetch(_, file, __, spool) {
        act(file, script.fetch);
        spool.begin({ source: name }).end();
        return { source: name };
      },
    };
  };
  const route = createRoute({
    routes: [],
    fallback: parseRouteList(list).entries,
    private: '',
    upstream: (url) => sourceOf(url.replace('https://', '').replace('.example.com', '')),
    direct: sourceOf('direct'),
    ...more,
  });
  const fetch = (not: readonly string[] = [], spool: Spool = createMemorySpool()) =>
    route.fetch(version, 'zip', { not }, spool, calm());
  return { route, asked, fetch };
}

/** Says that there is nothing. */
const nobody = scriptedRoute('direct', {}).route;

const a = 'https://a.example.com';
const b = 'https://b.example.com';
const c = 'https://c.example.com';

describe('a list of sources', () => {
  test.each<[list: string, sources: Record<string, Behaviour>, outcome: string, asked: string, why: string]>([
    [`${a},${b}`, { a: 'ok', b: 'ok' }, 'a', 'a', 'the first answers'],
    [`${a},${b}`, { a: 'notFound', b: 'ok' }, 'b', 'a b', 'a comma passes over absence'],
    [
      `${a},${b}`,
      { a: 'upstream', b: 'ok' },
      'upstream: a says upstream',
      'a',
      'a comma passes over nothing else',
    ],
    [`${a},${b}`, { a: 'timeout', b: 'ok' }, 'timeout: a says timeout', 'a', 'slow is not absent'],
    [`${a},${b}`, { a: 'integrity', b: 'ok' }, 'integrity: a says integrity', 'a', 'a lie is not absence'],
    [`${a}|${b}`, { a: 'upstream', b: 'ok' }, 'b', 'a b', 'a bar passes over failure'],
    [`${a}|${b}`, { a: 'integrity', b: 'ok' }, 'b', 'a b', 'a bar passes over lies'],
    [`${a}|${b}`, { a: 'overloaded', b: 'ok' }, 'b', 'a b', 'a bar passes over a full queue'],
    [`${a}|${b}`, { a: 'notFound', b: 'ok' }, 'b', 'a b', 'a bar passes over absence too'],
    [`${a},${b}`, { a: 'notFound', b: 'notFound' }, 'notFound: b says notFound', 'a b', 'the last absence'],
    [
      `${a}|${b}`,
      { a: 'upstream', b: 'notFound' },
      'upstream: a says upstream',
      'a b',
      'failure says more than absence',
    ],
    [
      `${a}|${b}`,
      { a: 'notFound', b: 'timeout' },
      'timeout: b says timeout',
      'a b',
      'failure says more than absence',
    ],
    [
      `${a}|${b}|${c}`,
      { a: 'timeout', b: 'upstream', c: 'notFound' },
      'upstream: b says upstream',
      'a b c',
      'the last failure',
    ],
    [
      `${a},${b}|${c}`,
      { a: 'notFound', b: 'upstream', c: 'ok' },
      'c',
      'a b c',
      'each separator speaks for the entry before it',
    ],
    [
      `${a}|${b},${c}`,
      { a: 'upstream', b: 'upstream', c: 'ok' },
      'upstream: b says upstream',
      'a b',
      'the same the other way round',
    ],
    [
      `${a}|${b}`,
      { a: 'canceled', b: 'ok' },
      'canceled: a says canceled',
      'a',
      'the client left: nothing is worth asking',
    ],
    [
      `${a}|${b}`,
      { a: 'storage', b: 'ok' },
      'storage: a says storage',
      'a',
      'our own disk is full, which no source mends',
    ],
    [
      `${a}|${b}`,
      { a: 'malformed', b: 'ok' },
      'malformed: a says malformed',
      'a',
      'the question itself is wrong',
    ],

    [`${a},off`, { a: 'ok' }, 'a', 'a', 'off is behind it'],
    [`${a},off`, { a: 'notFound' }, 'notFound: a says notFound', 'a', 'off ends the list, as its end does'],
    [`${a}|off`, { a: 'upstream' }, 'upstream: a says upstream', 'a', 'off says nothing about the failure'],
    [
      'off',
      {},
      `denied: ${path}@v1.0.0: module look-up is turned off here (the list of upstreams is off)`,
      '',
      'a refusal, not absence',
    ],

    [`${a},direct`, { a: 'notFound', direct: 'ok' }, 'direct', 'a direct', 'direct is there'],
    [
      `${a},direct`,
      { a: 'upstream', direct: 'ok' },
      'upstream: a says upstream',
      'a',
      'a comma before direct is a comma',
    ],
    [
      `${a}|direct`,
      { a: 'upstream', direct: 'notFound' },
      'notFound: direct says notFound',
      'a direct',
      'what direct says helps most',
    ],
    [
      `${a},direct`,
      { a: 'notFound', direct: 'upstream' },
      'upstream: direct says upstream',
      'a direct',
      'what direct says helps most',
    ],
    [
      `${a},direct`,
      { a: 'notFound', direct: 'config' },
      'notFound: a says notFound (direct, the next source, is not available: direct says config)',
      'a direct',
      'a machine without git still knows what a said',
    ],
    ['direct', { direct: 'config' }, 'config: direct says config', 'direct', 'nobody said that it is absent'],
    ['direct', { direct: 'ok' }, 'direct', 'direct', 'nothing else is asked'],
  ])('%s with %j gives %s, since %5$s', async (list, sources, outcome, asked) => {
    const { fetch, asked: record } = scriptedRoute(list, sources);
    const told = await fetch().then(
      ({ source }) => source,
      (error: StoaError) => `${error.kind}: ${error.message}`,
    );
    expect(told).toBe(outcome);
    expect(record.map((entry) => entry.split(' ')[0]).join(' ')).toBe(asked);
  });

  test('keeps what a source said about coming back when it adds its hint', async () => {
    const failing = createRoute({
      routes: [],
      fallback: parseRouteList(`${a}|direct`).entries,
      private: '',
      upstream: () => ({
        ...nobody,
        list: async () => {
          throw new StoaError('upstream', 'a is busy', { retryAfter: 7 });
        },
      }),
      direct: scriptedRoute('direct', { direct: 'config' }).route,
    });
    await expect(failing.list(path, calm())).rejects.toMatchObject({ retryAfter: 7 });
  });

  test('lets a fault of our own through as it is', async () => {
    const fault = new TypeError('a fault');
    const route = createRoute({
      direct: nobody,
      routes: [],
      fallback: parseRouteList(`${a}|${b}`).entries,
      private: '',
      upstream: () => ({
        list: () => Promise.reject(fault),
        query: () => Promise.reject(fault),
        fetch: () => Promise.reject(fault),
      }),
    });
    await expect(route.list(path, calm())).rejects.toBe(fault);
  });

  test('asks nobody else once the client has left', async () => {
    const client = new AbortController();
    const { route, asked } = scriptedRoute(`${a}|${b}`, { a: 'upstream', b: 'ok' });
    const list = route.list(path, client.signal);
    client.abort();
    await expect(list).rejects.toMatchObject({ kind: 'upstream' });
    expect(asked).toEqual(['a list']);
  });

  test('opens each upstream once, however many lists name it', () => {
    const opened: string[] = [];
    const { route } = scriptedRoute(a, {});
    createRoute({
      direct: nobody,
      routes: [{ patterns: 'x.example.com', entries: parseRouteList(`${a},${b}`).entries }],
      fallback: parseRouteList(`${b},${a}`).entries,
      private: '',
      upstream: (url) => {
        opened.push(url);
        return route;
      },
    });
    expect(opened).toEqual([a, b]);
  });

  test('hands the chain of servers on', async () => {
    const chains: (string | undefined)[] = [];
    const { route } = scriptedRoute(a, { a: 'ok' });
    const recording = createRoute({
      direct: nobody,
      routes: [],
      fallback: parseRouteList(a).entries,
      private: '',
      upstream: () => ({
        list(module, signal, via) {
          chains.push(via);
          return route.list(module, signal);
        },
        query(module, query, signal, via) {
          chains.push(via);
          return route.query(module, query, signal);
        },
        fetch(module, file, want, spool, signal, via) {
          chains.push(via);
          return route.fetch(module, file, want, spool, signal);
        },
      }),
    });
    await recording.list(path, calm(), 'one');
    await recording.query(path, 'latest', calm(), 'two');
    await recording.fetch(version, 'mod', {}, createMemorySpool(), calm(), 'three');
    expect(chains).toEqual(['one', 'two', 'three']);
  });
});

describe('latest', () => {
  test.each<[list: string, sources: Record<string, Scripted>, outcome: string, asked: string, why: string]>([
    [`${a},${b}`, { a: { query: 'ok' } }, 'a', 'a latest', 'the first answers'],
    [
      `${a},${b}`,
      { a: { query: 'notFound', list: 'ok' }, b: { query: 'ok' } },
      'notFound: a says notFound',
      'a latest,a list',
      'a has the module; b may know another one by its name',
    ],
    [
      `${a}|${b}`,
      { a: { query: 'notFound', list: 'ok' }, b: { query: 'ok' } },
      'notFound: a says notFound',
      'a latest,a list',
      'the same with a bar',
    ],
    [`${a},${b}`, { a: {}, b: { query: 'ok' } }, 'b', 'a latest,a list,b latest', 'a has never heard of it'],
    [
      `${a},${b}`,
      { a: { query: 'notFound', list: 'upstream' }, b: { query: 'ok' } },
      'upstream: a says upstream',
      'a latest,a list',
      'a could not say whether it has the module',
    ],
    [
      `${a}|${b}`,
      { a: { query: 'notFound', list: 'upstream' }, b: { query: 'ok' } },
      'b',
      'a latest,a list,b latest',
      'a could not say, and a bar passes over that',
    ],
    [
      `${a},${b}`,
      { a: { query: 'timeout' }, b: { query: 'ok' } },
      'timeout: a says timeout',
      'a latest',
      'a failure is no absence',
    ],
    [
      a,
      { a: {} },
      'notFound: a says notFound',
      'a latest',
      'nobody comes next, so the list need not be asked',
    ],
  ])('%s with %j gives %s, since %5$s', async (list, sources, outcome, asked) => {
    const { route, asked: record } = scriptedRoute(list, sources);
    const told = await route.query(path, 'latest', calm()).then(
      ({ source }) => source,
      (error: StoaError) => `${error.kind}: ${error.message}`,
    );
    expect(told).toBe(outcome);
    expect(record.join(',')).toBe(asked);
  });

  test('is the only query for which the list is looked at', async () => {
    const { route, asked } = scriptedRoute(`${a},${b}`, { a: { list: 'ok' }, b: { query: 'ok' } });
    expect((await route.query(path, 'main', calm())).source).toBe('b');
    expect(asked).toEqual(['a main', 'b main']);
  });
});

describe('routes by pattern', () => {
  const routes = [
    { patterns: 'corp.example.com/secret,*.corp.example.com', entries: parseRouteList(b).entries },
    { patterns: 'corp.example.com', entries: parseRouteList(c).entries },
    { patterns: 'off.example.com', entries: parseRouteList('off').entries },
  ];
  const open = () =>
    scriptedRoute(
      a,
      { a: 'ok', b: 'ok', c: 'ok' },
      { routes, private: 'corp.example.com,hidden.example.com' },
    );

  test.each([
    ['corp.example.com/secret/x', 'b', 'the first that matches'],
    ['git.corp.example.com/x', 'b', 'a glob'],
    ['corp.example.com/other', 'c', 'the second, although the path is private'],
    ['example.com/public', 'a', 'none matches'],
    ['corp.example.community/x', 'a', 'a pattern matches whole elements'],
  ])('%s is asked for at %s: %s', async (module, source) => {
    expect((await open().route.list(module, calm())).source).toBe(source);
  });

  test('keep their own end', async () => {
    await expect(open().route.list('off.example.com/x', calm())).rejects.toMatchObject({ kind: 'denied' });
  });

  test('leave private modules to direct: the default upstreams are never asked for them', async () => {
    const { route, asked } = open();
    const hidden = 'hidden.example.com/x';
    const absent = { kind: 'notFound', message: 'direct says notFound' };
    await expect(route.list(hidden, calm())).rejects.toMatchObject(absent);
    await expect(route.query(hidden, 'latest', calm())).rejects.toMatchObject(absent);
    const version = { path: hidden, version: 'v1.0.0' };
    await expect(route.fetch(version, 'mod', {}, createMemorySpool(), calm())).rejects.toMatchObject(absent);
    expect(asked).toEqual(['direct list', 'direct latest', 'direct mod']);
  });
});

describe('sources whose bytes were refused', () => {
  test('are passed over, whatever the separator', async () => {
    const { fetch, asked } = scriptedRoute(`${a},${b}`, { a: 'ok', b: 'ok' });
    expect((await fetch([a])).source).toBe('b');
    expect(asked).toEqual(['b zip']);
  });

  test('are all there were: then nobody is left to ask', async () => {
    const { fetch } = scriptedRoute(`${a},${b}`, { a: 'ok', b: 'ok' });
    await expect(fetch([a, b])).rejects.toMatchObject({
      kind: 'integrity',
      message: `${path}@v1.0.0: no source is left; what ${a} and ${b} sent was refused`,
    });
  });

  test('do not hide what the others say', async () => {
    const { fetch } = scriptedRoute(`${a},${b}`, { a: 'ok', b: 'timeout' });
    await expect(fetch([a])).rejects.toMatchObject({ kind: 'timeout', message: 'b says timeout' });
  });
});

describe('a download that fails midway', () => {
  const breaking: Fetcher = {
    list: () => Promise.reject(new Error('not asked')),
    query: () => Promise.reject(new Error('not asked')),
    async fetch(_, __, ___, spool) {
      spool.begin({ source: a }).write('some');
      throw new StoaError('upstream', 'a broke off');
    },
  };
  const open = (asked: string[]) => {
    const { route } = scriptedRoute(b, { b: 'ok' });
    return createRoute({
      direct: nobody,
      routes: [],
      fallback: parseRouteList(`${a}|${b}|${c}`).entries,
      private: '',
      upstream: (url) => {
        const inner = url === a ? breaking : route;
        return {
          ...inner,
          fetch(...args) {
            asked.push(url);
            return inner.fetch(...args);
          },
        };
      },
    });
  };

  test('starts over with the next source', async () => {
    const spool = createMemorySpool();
    expect((await open([]).fetch(version, 'zip', {}, spool, calm())).source).toBe('b');
    expect(spool.begun.map(({ source }) => source)).toEqual([a, 'b']);
  });

  test('is the answer once a reader took bytes of it', async () => {
    let begun = 0;
    const spool: Spool = {
      begin() {
        if (++begun > 1) throw new StoaError('upstream', 'a reader took bytes');
        return new Writable({ write: (_, __, done) => done() });
      },
    };
    const asked: string[] = [];
    await expect(open(asked).fetch(version, 'zip', {}, spool, calm())).rejects.toMatchObject({
      message: 'a broke off',
    });
    // The third could do no better than the second.
    expect(asked).toEqual([a, b]);
  });
});
