import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { StoaError } from '../../src/errors.ts';
import { createRoutes } from '../../src/http/routes.ts';
import { noSumdb } from './harness.ts';

const routeOf = createRoutes({ prefix: '', maxUrlLength: 4096, sumdb: noSumdb });

describe('a URL', () => {
  it.each([
    ['/', 'home'],
    ['/?x=1', 'home'],
    ['http://go.example.com', 'home'],
    ['/healthz', 'healthz'],
    ['/readyz?verbose', 'readyz'],
    ['/version', 'version'],
    ['/robots.txt', 'robots'],
    ['/metrics', 'metrics'],
  ])('%s is a page', (url, page) => {
    expect(routeOf(url)).toEqual({ kind: page, page });
  });

  it.each([
    ['/example.com/m/@v/list', { kind: 'list', path: 'example.com/m' }],
    ['/example.com/m/@latest', { kind: 'latest', path: 'example.com/m' }],
    ['/example.com/!m/@v/list', { kind: 'list', path: 'example.com/M' }],
    // The go command escapes the exclamation mark, and leaves the plus sign, which is no blank.
    ['/example.com/%21m/@v/list', { kind: 'list', path: 'example.com/M' }],
    ['/example.com/m/@v/v2.0.0+incompatible.mod', { kind: 'mod', version: 'v2.0.0+incompatible' }],
    ['/example.com/m/@v/v2.0.0%2Bincompatible.mod', { kind: 'mod', version: 'v2.0.0+incompatible' }],
    ['/example.com/m/@v/main.info', { kind: 'query', query: 'main' }],
    ['/example.com/m/@v/v1.0.0.zip?go-get=1', { kind: 'zip', version: 'v1.0.0' }],
    ['/example.com%2Fm/@v/list', { kind: 'list', path: 'example.com/m' }],
    // A proxy may write the whole URL into the request line.
    ['http://go.example.com/example.com/m/@v/list', { kind: 'list', path: 'example.com/m' }],
  ])('%s is a path of the protocol', (url, target) => {
    expect(routeOf(url)).toMatchObject({ kind: target.kind, target, cachedOnly: false });
  });

  it('below /cached-only asks for what is stored', () => {
    expect(routeOf('/cached-only/example.com/m/@v/list')).toMatchObject({
      target: { kind: 'list', path: 'example.com/m' },
      cachedOnly: true,
    });
  });

  it.each([
    ['/favicon.ico', 'no path'],
    ['/healthz/', 'no path'],
    ['/constructor', 'no path'],
    ['/cached-only/healthz', 'no path'],
    ['', 'slash'],
    ['*', 'slash'],
    ['example.com/m/@v/list', 'slash'],
    ['//example.com/m/@v/list', 'empty segment'],
    ['/example.com//m/@v/list', 'empty segment'],
    ['/example.com/%2F/@v/list', 'empty segment'],
    ['/example.com/./m/@v/list', 'dot segment'],
    ['/example.com/../m/@v/list', 'dot segment'],
    ['/example.com/%2e%2e/m/@v/list', 'dot segment'],
    ['/example.com/m/@v/..', 'dot segment'],
    ['/example.com/m%00/@v/list', 'control character'],
    ['/example.com/m%0a/@v/list', 'control character'],
    ['/example.com/m%7f/@v/list', 'control character'],
    ['/example.com/m%/@v/list', 'percent escape'],
    ['/example.com/m%2/@v/list', 'percent escape'],
    ['/example.com/m%zz/@v/list', 'percent escape'],
    // Not UTF-8.
    ['/example.com/m%ff/@v/list', 'percent escape'],
    // Decoded once only.
    ['/example.com/%2521m/@v/list', 'example.com/%21m'],
    ['/example.com/M/@v/list', 'example.com/M'],
    ['/example.com/!M/@v/list', 'example.com/!M'],
    ['/example.com/m!/@v/list', 'example.com/m!'],
    ['/m/@v/list', 'm'],
    ['/example.com/m/@v/v1.0.0.exe', 'example.com/m'],
    ['/example.com/m/@v/latest.info', 'latest'],
    ['/example.com/m/@v/v1.mod', 'v1'],
    ['/example.com/m/@v/v2.0.0.zip', 'v2'],
    [`/example.com/${'a'.repeat(8192)}/@v/list`, 'longer than 4096'],
  ])('%.60s is refused, and told why', (url, why) => {
    const route = routeOf(url);
    expect(route).toMatchObject({ kind: 'other', error: { message: expect.stringContaining(why) } });
    const { kind } = (route as { error: StoaError }).error;
    expect(kind).toBe(why === 'no path' ? 'notFound' : 'malformed');
  });

  it('of any kind leads somewhere', () => {
    const pieces = fc.constantFrom(
      '/',
      '//',
      '@v',
      '/@latest',
      '%',
      '%2f',
      '!',
      '.info',
      'v1.0.0',
      '..',
      '?',
      'a.b',
    );
    const url = fc.oneof(
      fc.string(),
      fc.array(pieces).map((some) => some.join('')),
      fc.webPath(),
    );
    fc.assert(
      fc.property(url, (text) => {
        const route = routeOf(text);
        if ('error' in route) expect(route.error).toBeInstanceOf(StoaError);
      }),
    );
  });
});

describe('a path prefix', () => {
  const prefixed = createRoutes({ prefix: '/go', maxUrlLength: 4096, sumdb: noSumdb });

  it.each([
    ['/go', 'home'],
    ['/go/', 'home'],
    ['/go/healthz', 'healthz'],
    ['/go/metrics', 'metrics'],
    ['/go/example.com/m/@v/list', 'list'],
    ['/go/cached-only/example.com/m/@v/list', 'list'],
    // Balancers probe the root, whatever the prefix.
    ['/', 'home'],
    ['/healthz', 'healthz'],
    ['/readyz', 'readyz'],
    ['/metrics', 'metrics'],
    ['/example.com/m/@v/list', 'other'],
    ['/gopher', 'other'],
    ['/goconstructor', 'other'],
    ['/go.example.com/m/@v/list', 'other'],
  ])('leads %s to %s', (url, kind) => {
    expect(prefixed(url).kind).toBe(kind);
  });
});

describe('what is remembered', () => {
  it('is the route of a hot URL', () => {
    const hot = '/example.com/hot/@v/list';
    const route = routeOf(hot);
    expect(routeOf(hot)).toBe(route);
  });

  it('is forgotten after many others', () => {
    const routes = createRoutes({ prefix: '', maxUrlLength: 4096, sumdb: noSumdb });
    const route = routes('/example.com/hot/@v/list');
    for (let i = 0; i < 10_000; i++) routes(`/example.com/m${i}/@v/list`);
    expect(routes('/example.com/hot/@v/list')).toEqual(route);
    expect(routes('/example.com/hot/@v/list')).not.toBe(route);
  });
});
