import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isStoaError } from '../../src/errors.ts';
import { parseRouteList, type RouteEntry } from '../../src/fetch/route-list.ts';

const stop = (url: string) => ({ kind: 'upstream', url, onError: 'stop' }) as const;
const next = (url: string) => ({ kind: 'upstream', url, onError: 'next' }) as const;
const direct = { kind: 'direct' } as const;
const off = { kind: 'off' } as const;

describe('a list of upstreams', () => {
  test.each<[text: string, entries: RouteEntry[], why: string]>([
    ['https://goproxy.io', [stop('https://goproxy.io')], 'one'],
    ['https://goproxy.io,direct', [stop('https://goproxy.io'), direct], 'the default'],
    [
      'https://a.example.com|https://b.example.com',
      [next('https://a.example.com'), stop('https://b.example.com')],
      'any error',
    ],
    ['https://a.example.com|off', [next('https://a.example.com'), off], 'nothing else'],
    ['direct', [direct], 'alone'],
    ['off', [off], 'alone'],
    [' https://a.example.com , direct ', [stop('https://a.example.com'), direct], 'spaces around entries'],
    [
      ',,https://a.example.com,|,',
      [stop('https://a.example.com')],
      'empty entries are passed over, their separators too',
    ],
    ['https://a.example.com|', [next('https://a.example.com')], 'a separator at the end'],
    ['goproxy.io', [stop('https://goproxy.io')], 'https:// is understood'],
    ['localhost:3000', [stop('https://localhost:3000')], 'a port is no scheme'],
    ['goproxy.example.com/go', [stop('https://goproxy.example.com/go')], 'with a path'],
    [
      'https://goproxy.example.com/go/',
      [stop('https://goproxy.example.com/go')],
      'the slash at the end is no part of the name',
    ],
    ['http://127.0.0.1:8080', [stop('http://127.0.0.1:8080')], 'plain http is the house’s own business'],
    ['HTTPS://GoProxy.IO:443/Go', [stop('https://goproxy.io/Go')], 'one name for one host'],
  ])('reads %j: %3$s', (text, entries) => {
    expect(parseRouteList(text)).toEqual({ entries, ignored: [] });
  });

  test('takes credentials out of the URL, and hands them over apart', () => {
    expect(parseRouteList('https://joe:s%40cret@goproxy.example.com/go').entries).toEqual([
      {
        kind: 'upstream',
        url: 'https://goproxy.example.com/go',
        credentials: { username: 'joe', password: 's@cret' },
        onError: 'stop',
      },
    ]);
  });

  test('tells what stands behind direct or off, where the go command never looks', () => {
    expect(parseRouteList('direct,https://joe:secret@goproxy.example.com|off')).toEqual({
      entries: [direct],
      ignored: ['"https://…@goproxy.example.com"', '"off"'],
    });
  });

  test.each([
    ['', 'the list of upstreams is empty'],
    [' ,| ', 'the list of upstreams is empty'],
    ['proxy', 'upstream "proxy": neither a URL nor one of the words direct and off'],
    ['Direct', 'upstream "Direct": neither a URL nor one of the words direct and off'],
    [
      'file:///srv/modules',
      'upstream "file:///srv/modules": an upstream is a URL that begins with https:// or http://',
    ],
    ['/srv/modules', 'upstream "/srv/modules": an upstream is a URL that begins with https:// or http://'],
    [
      'https:/goproxy.io',
      'upstream "https:/goproxy.io": an upstream is a URL that begins with https:// or http://',
    ],
    [
      'https:///goproxy.io',
      'upstream "https:///goproxy.io": an upstream is a URL that begins with https:// or http://',
    ],
    [
      'https://goproxy.io direct',
      'upstream "https://goproxy.io direct": a URL has no spaces or control characters in it',
    ],
    ['https://goproxy.io:99999', 'upstream "https://goproxy.io:99999": not a valid URL'],
    [
      'https://goproxy.io/?a=b',
      'upstream "https://goproxy.io/?a=b": an upstream has no query and no fragment',
    ],
    ['https://goproxy.io/#', 'upstream "https://goproxy.io/#": an upstream has no query and no fragment'],
    [
      'http://joe:secret@goproxy.io',
      'upstream "http://…@goproxy.io": credentials are not sent over plain http; use https',
    ],
    [
      'https://joe:%zz@goproxy.io',
      'upstream "https://…@goproxy.io": the percent-encoding of its credentials is broken',
    ],
    [
      'https://goproxy.io/joe:secret@',
      'upstream "https://…@": an @ stands behind the host; credentials stand before it',
    ],
    ['https://joe:s:cr@t@goproxy.io:x', 'upstream "https://…@goproxy.io:x": not a valid URL'],
  ])('refuses %j: %s', (text, message) => {
    expect(() => parseRouteList(text)).toThrow(expect.objectContaining({ kind: 'config', message }));
  });

  const host = fc.domain();
  const entry = fc.oneof(
    { weight: 5, arbitrary: host.map((name) => `https://${name}`) },
    { weight: 1, arbitrary: fc.constantFrom('direct', 'off') },
  );

  test('keeps order and separators of whatever is listed', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(entry, fc.constantFrom(',', '|')), { minLength: 1 }), (parts) => {
        const { entries, ignored } = parseRouteList(parts.flat().join(''));
        const end = parts.findIndex(([text]) => text === 'direct' || text === 'off');
        const used = end < 0 ? parts : parts.slice(0, end + 1);
        expect(
          entries.map((e) =>
            e.kind === 'upstream' ? `${e.url}${e.onError === 'next' ? '|' : ','}` : e.kind,
          ),
        ).toEqual(
          used.map(([text, separator]) => (text.startsWith('https') ? text.toLowerCase() + separator : text)),
        );
        expect(ignored.length).toBe(parts.length - used.length);
      }),
    );
  });

  test('throws nothing but a config error, and never shows a password', () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 40 }),
      fc
        .array(
          fc.constantFrom(
            'https://',
            'http://',
            'a.example.com',
            'joe:hunter2@',
            ':',
            '/',
            '@',
            '%',
            '?',
            ' ',
            ',',
            '|',
            'direct',
          ),
        )
        .map((pieces) => pieces.join('')),
    );
    fc.assert(
      fc.property(text, (list) => {
        try {
          const { entries, ignored } = parseRouteList(list);
          expect(ignored.join()).not.toContain('hunter2');
          for (const e of entries) if (e.kind === 'upstream') expect(e.url).not.toContain('hunter2@');
        } catch (error) {
          expect(isStoaError(error, 'config')).toBe(true);
          expect((error as Error).message).not.toContain('hunter2');
        }
      }),
      { numRuns: 2_000 },
    );
  });
});
