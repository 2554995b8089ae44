import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { failure, openAnswering, openAsker, openOrigin, until } from './origin.ts';

describe('a GET', () => {
  test('answers with status, headers, size and body', async () => {
    const origin = await openOrigin((_, response) => {
      response.setHeader('X-Origin', 'here');
      response.end('v1.0.0\n');
    });
    const reply = await openAsker().get(origin.url);
    expect(reply).toMatchObject({ status: 200, size: 7 });
    expect(reply.headers['x-origin']).toBe('here');
    expect(await text(reply.body)).toBe('v1.0.0\n');
  });

  test('says who asks and wants the body as it is', async () => {
    const origin = await openOrigin((_, response) => response.end());
    const reply = await openAsker({ userAgent: 'Stoa/1.2.3' }).get(origin.url, {
      headers: { 'X-Own': 'yes' },
    });
    expect(origin.requests[0]!.headers).toMatchObject({
      'user-agent': 'Stoa/1.2.3',
      'accept-encoding': 'identity',
      'x-own': 'yes',
    });
    expect(await text(reply.body)).toBe('');
  });

  test('asks for path and query as they are, and for nothing else of the URL', async () => {
    const origin = await openOrigin((_, response) => response.end());
    const url = new URL('/example.com/!mixed/@v/v1.0.0+incompatible.info?a=b#part', origin.url);
    url.username = 'gopher';
    url.password = 'hush';
    const reply = await openAsker().get(url);
    expect(origin.requests[0]!.url).toBe('/example.com/!mixed/@v/v1.0.0+incompatible.info?a=b');
    expect(origin.requests[0]!.headers.authorization).toBeUndefined();
    expect(reply.url.href).toBe(`http://${origin.host}/example.com/!mixed/@v/v1.0.0+incompatible.info?a=b`);
    reply.body.destroy();
  });

  test('has no size when none was declared', async () => {
    const origin = await openOrigin((_, response) => {
      response.write('in ');
      response.end('chunks');
    });
    const reply = await openAsker().get(origin.url);
    expect(reply).not.toHaveProperty('size');
    expect(await text(reply.body)).toBe('in chunks');
  });

  test.each([204, 304])('of a %i has a body that is empty', async (status) => {
    const origin = await openOrigin((_, response) => {
      response.writeHead(status, { 'content-encoding': 'gzip' }).end();
    });
    const reply = await openAsker().get(origin.url);
    expect(reply).not.toHaveProperty('size');
    expect(await text(reply.body)).toBe('');
  });

  test('of a URL that is not http is refused', async () => {
    const error = await failure(openAsker().get('file:///etc/passwd'));
    expect(error).toMatchObject({
      kind: 'upstream',
      message: 'file:: only http and https URLs can be fetched',
    });
  });
});

describe('a status other than 2xx', () => {
  test('is answered with the explanation that came with it', async () => {
    const origin = await openOrigin((_, response) => {
      response.statusCode = 404;
      response.end('not found: unknown revision');
    });
    const reply = await openAsker().get(origin.url);
    expect(reply).toMatchObject({ status: 404, size: 27 });
    expect(await text(reply.body)).toBe('not found: unknown revision');
  });

  test.each([
    ['declared', { 'content-length': '200000' }],
    ['chunked', {}],
  ])('gives the first 64 KiB of a longer explanation, %s', async (_, headers) => {
    const origin = await openOrigin((_, response) =>
      response.writeHead(403, headers).end('x'.repeat(200_000)),
    );
    const reply = await openAsker().get(origin.url, { maxBytes: 10 });
    expect(reply).not.toHaveProperty('size');
    expect(await text(reply.body)).toBe('x'.repeat(65_536));
  });

  test('unpacks the beginning of a longer explanation', async () => {
    const origin = await openOrigin((_, response) => {
      response.writeHead(500, { 'content-encoding': 'gzip' }).end(gzipSync('y'.repeat(200_000)));
    });
    const reply = await openAsker().get(origin.url, { maxBytes: 10 });
    expect(await text(reply.body)).toBe('y'.repeat(65_536));
  });

  test('in an encoding nobody knows keeps its status and loses its explanation', async () => {
    const origin = await openOrigin((_, response) => {
      response.writeHead(404, { 'content-encoding': 'br' }).end('\x0b\x02');
    });
    const reply = await openAsker().get(origin.url);
    expect(reply).toMatchObject({ status: 404, size: 0 });
    expect(await text(reply.body)).toBe('');
  });
});

describe('the size limit', () => {
  test('fails at once on a declared length beyond it', async () => {
    const origin = await openOrigin((_, response) => response.end('x'.repeat(11)));
    const error = await failure(openAsker().get(origin.url, { maxBytes: 10 }));
    expect(error).toMatchObject({
      kind: 'integrity',
      message: `${origin.host}: the answer has 11 bytes, more than the 10 allowed`,
    });
  });

  test('lets a body through that is exactly as long', async () => {
    const origin = await openOrigin((_, response) => {
      response.write('x'.repeat(5));
      response.end('y'.repeat(5));
    });
    const reply = await openAsker().get(origin.url, { maxBytes: 10 });
    expect(await text(reply.body)).toBe('xxxxxyyyyy');
  });

  test('ends an endless body', async () => {
    const origin = await openOrigin((_, response) => {
      const more = () => {
        while (response.writable && response.write('x'.repeat(50_000)));
      };
      response.on('drain', more);
      more();
    });
    const reply = await openAsker().get(origin.url, { maxBytes: 300_000 });
    const error = await failure(text(reply.body));
    expect(error).toMatchObject({
      kind: 'integrity',
      message: `${origin.host}: the answer has more than the 300000 bytes allowed`,
    });
  });
});

describe('a compressed answer', () => {
  test('is asked for, and arrives unpacked and without a size', async () => {
    const origin = await openOrigin((_, response) => {
      const body = gzipSync('v1.0.0\n'.repeat(1_000));
      response.writeHead(200, { 'content-encoding': 'gzip', 'content-length': body.length }).end(body);
    });
    const reply = await openAsker().get(origin.url, { compressed: true });
    expect(origin.requests[0]!.headers['accept-encoding']).toBe('gzip');
    expect(reply).not.toHaveProperty('size');
    expect(await text(reply.body)).toBe('v1.0.0\n'.repeat(1_000));
  });

  test('may be none, when the source does not compress', async () => {
    const origin = await openOrigin((_, response) => response.end('plain'));
    const reply = await openAsker().get(origin.url, { compressed: true });
    expect(reply.size).toBe(5);
    expect(await text(reply.body)).toBe('plain');
  });

  test('is unpacked too when nobody asked for it', async () => {
    const origin = await openOrigin((_, response) => {
      response.writeHead(200, { 'content-encoding': 'x-gzip' }).end(gzipSync('packed'));
    });
    const reply = await openAsker().get(origin.url);
    expect(await text(reply.body)).toBe('packed');
  });

  test('of exactly the allowed length, which does not shrink, passes', async () => {
    const noise = Buffer.from(
      Array.from({ length: 1_000 }, (_, i) => (i * 7_919 + (i >> 3) * 104_729) % 251),
    );
    const origin = await openOrigin((_, response) => {
      response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(noise, { level: 0 }));
    });
    const reply = await openAsker().get(origin.url, { maxBytes: 1_000 });
    expect(Buffer.concat(await reply.body.toArray())).toEqual(noise);
  });

  test('that unpacks to more than the limit ends there', async () => {
    const bomb = gzipSync(Buffer.alloc(50_000_000));
    const origin = await openOrigin((_, response) => {
      response.writeHead(200, { 'content-encoding': 'gzip' }).end(bomb);
    });
    const reply = await openAsker().get(origin.url, { compressed: true, maxBytes: 100_000 });
    let received = 0;
    reply.body.on('data', (chunk) => {
      received += chunk.length;
    });
    const [error] = await once(reply.body, 'error').catch((error) => [error]);
    expect(error).toMatchObject({
      kind: 'integrity',
      message: `${origin.host}: the answer has more than the 100000 bytes allowed`,
    });
    expect(received).toBeLessThanOrEqual(100_000);
  });

  test('that never ends and unpacks to nothing ends at the limit too', async () => {
    const origin = await openOrigin((_, response) => {
      response.writeHead(200, { 'content-encoding': 'gzip' });
      const start = gzipSync('').subarray(0, 10);
      const emptyBlocks = Buffer.from('000000ffff'.repeat(1_000), 'hex');
      response.write(start);
      const more = () => {
        while (response.writable && response.write(emptyBlocks));
      };
      response.on('drain', more);
      more();
    });
    const reply = await openAsker().get(origin.url, { compressed: true, maxBytes: 10_000 });
    expect(await failure(text(reply.body))).toMatchObject({ kind: 'integrity' });
  });

  test.each([
    ['is no gzip', Buffer.from('<html>')],
    ['lacks its end', gzipSync('cut').subarray(0, -4)],
  ])('that %s fails', async (_, body) => {
    const origin = await openOrigin((_, response) => {
      response.writeHead(200, { 'content-encoding': 'gzip' }).end(body);
    });
    const reply = await openAsker().get(origin.url, { compressed: true });
    expect(await failure(text(reply.body))).toMatchObject({
      kind: 'upstream',
      message: `${origin.host}: the gzip of the answer is broken`,
    });
  });

  test('in another encoding is refused', async () => {
    const origin = await openOrigin((_, response) => {
      response.writeHead(200, { 'content-encoding': 'br' }).end('\x0b\x02');
    });
    expect(await failure(openAsker().get(origin.url))).toMatchObject({
      kind: 'upstream',
      message: `${origin.host}: answered in an encoding nobody asked for`,
    });
  });
});

describe('connections', () => {
  test('are kept for the next request', async () => {
    const origin = await openOrigin((_, response) => response.end('ok'));
    const { get } = openAsker();
    for (let i = 0; i < 10; i++) await text((await get(origin.url)).body);
    // The second is opened when the first is not free again in the same turn of the event loop.
    expect(origin.connections()).toBeLessThanOrEqual(2);
  });

  test('to one host are bounded; a request beyond it waits for one', async () => {
    const waiting: (() => void)[] = [];
    const origin = await openOrigin((_, response) => waiting.push(() => response.end('ok')));
    const { get } = openAsker({ connectionsPerHost: 2 });
    const bodies = [1, 2, 3, 4].map(async () => text((await get(origin.url)).body));
    await until(() => waiting.length).toBe(2);
    expect(origin.connections()).toBe(2);
    while (waiting.length > 0) waiting.shift()!();
    await until(() => waiting.length).toBe(2);
    for (const answer of waiting) answer();
    expect(await Promise.all(bodies)).toEqual(['ok', 'ok', 'ok', 'ok']);
    expect(origin.connections()).toBe(2);
  });

  test('are let go when a body is destroyed unread', async () => {
    const origin = await openAnswering('HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nbegin');
    const reply = await openAsker().get(origin.url);
    expect(origin.sockets.size).toBe(1);
    reply.body.destroy();
    await until(() => origin.sockets.size).toBe(0);
  });

  test('are let go when an unpacked body is destroyed unread', async () => {
    const origin = await openAnswering('HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n');
    const reply = await openAsker().get(origin.url);
    reply.body.destroy();
    await until(() => origin.sockets.size).toBe(0);
  });

  test('are let go when the limit was passed', async () => {
    const origin = await openAnswering(`HTTP/1.1 200 OK\r\n\r\n${'x'.repeat(100)}`);
    const reply = await openAsker().get(origin.url, { maxBytes: 10 });
    await failure(text(reply.body));
    await until(() => origin.sockets.size).toBe(0);
  });

  test('send no faster than the body is read', async () => {
    let sent = 0;
    const size = 100_000_000;
    const origin = await openOrigin((_, response) => {
      response.writeHead(200, { 'content-length': size });
      const piece = Buffer.alloc(100_000);
      const more = () => {
        while (sent < size && response.writable) {
          sent += piece.length;
          if (!response.write(piece)) return;
        }
      };
      response.on('drain', more);
      more();
    });
    const reply = await openAsker().get(origin.url, { maxBytes: size });
    let before = -1;
    // Nobody reads: what is sent fills the buffers of both sockets, and then stops.
    await until(() => {
      const isStill = sent === before;
      before = sent;
      return isStill && sent > 0;
    }).toBe(true);
    expect(sent).toBeLessThan(size / 2);
    let received = 0;
    for await (const chunk of reply.body) received += chunk.length;
    expect(received).toBe(size);
  });
});

describe('close', () => {
  test('ends running requests and bodies as canceled, and idle connections', async () => {
    const origin = await openOrigin((request, response) => {
      if (request.url === '/body') response.writeHead(200, { 'content-length': 100 }).write('begin');
      if (request.url === '/idle') response.end('done');
    });
    const { client, get } = openAsker();
    await text((await get(new URL('/idle', origin.url))).body);
    const reply = await get(new URL('/body', origin.url));
    const head = failure(get(new URL('/head', origin.url)));
    const body = failure(text(reply.body));
    await until(() => origin.requests.length).toBe(3);
    await client.close();
    expect(await head).toMatchObject({ kind: 'canceled', message: 'the client was closed' });
    expect(await body).toMatchObject({ kind: 'canceled', message: 'the client was closed' });
    expect(await failure(get(origin.url))).toMatchObject({ kind: 'canceled' });
    await until(() => origin.sockets.size).toBe(0);
  });
});
