import { text } from 'node:stream/consumers';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { backoffMs, parseRetryAfter } from '../../src/net/retry.ts';
import { openAsker, openOrigin } from './origin.ts';

/** Answers with each of these in turn, then with 200. */
function openTurns(turns: readonly { status: number; retryAfter?: string }[]) {
  const left = [...turns];
  return openOrigin((_, response) => {
    const { status, retryAfter } = left.shift() ?? { status: 200 };
    if (retryAfter !== undefined) response.setHeader('retry-after', retryAfter);
    response.writeHead(status).end(`status ${status}`);
  });
}

describe('a status that says: not now', () => {
  test.each([429, 502, 503, 504])('%i is asked again after a growing wait', async (status) => {
    const origin = await openTurns([{ status }, { status }]);
    const { get, waits } = openAsker();
    expect(await text((await get(origin.url)).body)).toBe('status 200');
    expect(waits).toEqual([500, 1_000]);
  });

  test('is answered as it is after three tries', async () => {
    const origin = await openTurns([502, 503, 504].map((status) => ({ status })));
    const reply = await openAsker().get(origin.url);
    expect(reply.status).toBe(504);
    expect(await text(reply.body)).toBe('status 504');
    expect(origin.requests).toHaveLength(3);
  });

  test.each([400, 401, 403, 404, 410, 500, 501])('%i is none of them', async (status) => {
    const origin = await openTurns([{ status }]);
    const reply = await openAsker().get(origin.url);
    expect(await text(reply.body)).toBe(`status ${status}`);
    expect(origin.requests).toHaveLength(1);
  });

  test('has its tries counted over redirects', async () => {
    const seen: string[] = [];
    const origin = await openOrigin(({ url = '' }, response) => {
      seen.push(url);
      const isFirst = seen.filter((path) => path === url).length === 1;
      if (isFirst || url === '/3') response.writeHead(503).end();
      else response.writeHead(302, { location: `/${Number(url.slice(1)) + 1}` }).end();
    });
    const reply = await openAsker().get(new URL('/1', origin.url));
    expect(reply.status).toBe(503);
    reply.body.destroy();
    expect(seen).toEqual(['/1', '/1', '/2', '/2', '/3']);
  });

  test('is asked again after ten redirects too', async () => {
    let busy = true;
    const origin = await openOrigin(({ url = '' }, response) => {
      const hop = Number(url.slice(1));
      if (hop < 10) response.writeHead(302, { location: `/${hop + 1}` }).end();
      else {
        response.writeHead(busy ? 503 : 200).end();
        busy = false;
      }
    });
    const reply = await openAsker().get(new URL('/0', origin.url));
    expect(reply.status).toBe(200);
    reply.body.destroy();
  });
});

describe('Retry-After', () => {
  const now = Date.parse('2026-11-22T12:00:00Z');

  test.each([
    ['seconds', '7'],
    ['an HTTP date', 'Sun, 22 Nov 2026 12:00:07 GMT'],
  ])('is waited for, as %s', async (_, retryAfter) => {
    const origin = await openTurns([{ status: 429, retryAfter }]);
    const { get, waits } = openAsker({ now: () => now });
    const reply = await get(origin.url);
    expect(reply.status).toBe(200);
    reply.body.destroy();
    expect(waits).toEqual([7_500]);
  });

  test('of more than half a minute ends the tries, and is passed on', async () => {
    const origin = await openTurns([{ status: 503, retryAfter: '31' }]);
    const reply = await openAsker().get(origin.url);
    expect(reply).toMatchObject({ status: 503, retryAfter: 31 });
    reply.body.destroy();
    expect(origin.requests).toHaveLength(1);
  });

  test.each([
    ['0', 0],
    ['120', 120],
    [' 5 ', 5],
    ['Sun, 22 Nov 2026 12:01:00 GMT', 60],
    ['Sun, 22 Nov 2026 11:00:00 GMT', 0], // past
    ['Sun, 32 Nov 2026 12:01:00 GMT', undefined], // no such day
    ['-1', undefined],
    ['1.5', undefined],
    ['9999999999', undefined], // three hundred years
    ['Sunday, 22-Nov-26 12:01:00 GMT', undefined], // a form nobody sends since RFC 850
    ['2026-11-22T12:01:00Z', undefined], // not a date of HTTP
    ['', undefined],
    [['1', '2'], undefined],
    [undefined, undefined],
  ])('%j means %j seconds', (value, seconds) => {
    expect(parseRetryAfter(value, now)).toBe(seconds);
  });

  test('reads any text as seconds or as nothing', () => {
    const texts = fc.oneof(
      fc.string(),
      fc.nat().map(String),
      fc.date({ noInvalidDate: true }).map((date) => date.toUTCString()),
    );
    fc.assert(
      fc.property(texts, (value) => {
        const seconds = parseRetryAfter(value, now);
        expect(seconds === undefined || (Number.isInteger(seconds) && seconds >= 0)).toBe(true);
      }),
    );
  });
});

test('backoff doubles its bound with each try and is jittered down to nothing', () => {
  expect([1, 2, 3].map((tries) => backoffMs(tries, 100, 0.999))).toEqual([99, 199, 399]);
  expect(backoffMs(3, 100, 0)).toBe(0);
});
