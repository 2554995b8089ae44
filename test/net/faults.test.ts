import { once } from 'node:events';
import { Writable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { describe, expect, test } from 'vitest';
import { failure, openAnswering, openAsker, openOrigin, openSockets, refusingUrl, until } from './origin.ts';

const head = 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n';

describe('a connection', () => {
  test('that is refused was tried three times', async () => {
    const url = await refusingUrl();
    const { get, waits } = openAsker();
    expect(await failure(get(url))).toMatchObject({
      kind: 'upstream',
      message: `${url.host}: connection refused`,
    });
    expect(waits).toEqual([50, 100]);
  });

  test('is tried at the other addresses of a name', async () => {
    const origin = await openOrigin((_, response) => response.end('ok'));
    const { get, waits } = openAsker({
      resolve: async () => ['127.0.0.2', '127.0.0.1'].map((address) => ({ address, family: 4 })),
    });
    const reply = await get(`http://localhost:${origin.url.port}/`);
    expect(await text(reply.body)).toBe('ok');
    expect(waits).toEqual([]);
  });

  test.each([
    ['ENOTFOUND', 'no such host', 1],
    ['EAI_AGAIN', 'the name could not be looked up for now', 3],
  ])('to a name whose look-up fails with %s says so', async (code, reason, tries) => {
    let lookups = 0;
    const resolve = async () => {
      lookups++;
      throw Object.assign(new Error('getaddrinfo'), { code });
    };
    expect(await failure(openAsker({ resolve }).get('http://localhost:1/'))).toMatchObject({
      kind: 'upstream',
      message: `localhost:1: ${reason}`,
    });
    expect(lookups).toBe(tries);
  });

  test('that is reset before the head is tried again', async () => {
    let left = 2;
    const origin = await openSockets((socket) => {
      socket.on('data', () => {
        if (left-- > 0) socket.resetAndDestroy();
        else socket.end('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
      });
    });
    const { get, waits } = openAsker();
    expect(await text((await get(origin.url)).body)).toBe('ok');
    expect(waits).toHaveLength(2);
  });

  test.each([
    ['reset', 'connection reset', (socket: import('node:net').Socket) => socket.resetAndDestroy()],
    ['closed', 'connection closed', (socket: import('node:net').Socket) => socket.end()],
  ])('that is %s before each head fails after three tries', async (_, reason, end) => {
    const origin = await openSockets((socket) => socket.on('data', () => end(socket)));
    expect(await failure(openAsker().get(origin.url))).toMatchObject({
      kind: 'upstream',
      message: `${origin.host}: ${reason}`,
    });
    expect(origin.connections()).toBe(3);
  });

  test('that was idle and is closed by the host just now costs a try, no failure', async () => {
    const origin = await openOrigin((_, response) => response.end('ok'));
    const { get } = openAsker();
    await text((await get(origin.url)).body);
    for (const socket of origin.sockets) socket.destroy();
    expect(await text((await get(origin.url)).body)).toBe('ok');
  });
});

describe('an answer', () => {
  test.each([
    ['', ''],
    ['some', ' of the body'],
  ])('that ends too early fails with what came, after %j', async (begin, rest) => {
    const origin = await openAnswering(head + begin + rest, (socket) => socket.end());
    const reply = await openAsker().get(origin.url);
    expect(reply.size).toBe(100);
    expect(await failure(text(reply.body))).toMatchObject({
      kind: 'upstream',
      message: `${origin.host}: the answer ended after ${begin.length + rest.length} of 100 bytes`,
    });
    expect(origin.connections()).toBe(1);
  });

  test('whose connection closes after it says so is cut too', async () => {
    const origin = await openAnswering(
      'HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 100\r\n\r\n0123456789',
      (socket) => socket.end(),
    );
    const reply = await openAsker().get(origin.url);
    expect(await failure(text(reply.body))).toMatchObject({
      message: `${origin.host}: the answer ended after 10 of 100 bytes`,
    });
  });

  test('whose connection is reset midway says how far it came', async () => {
    const reset = Promise.withResolvers<void>();
    const origin = await openAnswering(`${head}0123456789`, async (socket) => {
      await reset.promise;
      socket.resetAndDestroy();
    });
    const reply = await openAsker().get(origin.url);
    await once(reply.body, 'readable');
    reset.resolve();
    expect(await failure(text(reply.body))).toMatchObject({
      kind: 'upstream',
      message: `${origin.host}: the answer ended after 10 of 100 bytes`,
    });
  });

  test('in chunks that lacks its end says why', async () => {
    const origin = await openAnswering(
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n',
      (socket) => socket.end(),
    );
    const reply = await openAsker().get(origin.url);
    expect(await failure(text(reply.body))).toMatchObject({
      kind: 'upstream',
      message: `${origin.host}: the answer broke off after 5 bytes: connection closed`,
    });
  });

  test('that is no HTTP fails without another try', async () => {
    const origin = await openAnswering('SSH-2.0-OpenSSH_9.2\r\n');
    expect(await failure(openAsker().get(origin.url))).toMatchObject({
      kind: 'upstream',
      message: `${origin.host}: what it sent is not HTTP`,
    });
    expect(origin.connections()).toBe(1);
  });

  test('with a head beyond all measure fails without another try', async () => {
    const origin = await openAnswering(`HTTP/1.1 200 OK\r\nX-Long: ${'x'.repeat(100_000)}\r\n\r\n`);
    expect(await failure(openAsker().get(origin.url))).toMatchObject({
      kind: 'upstream',
      message: `${origin.host}: the head of its answer is too large`,
    });
    expect(origin.connections()).toBe(1);
  });

  test('that breaks while nobody reads it yet gives its error to who reads it later', async () => {
    const origin = await openAnswering(`${head}some`, (socket) => socket.resetAndDestroy());
    const reply = await openAsker().get(origin.url);
    await until(() => reply.body.destroyed).toBe(true);
    const sink = new Writable({ write: (_, __, done) => done() });
    expect(await failure(pipeline(reply.body, sink))).toMatchObject({ kind: 'upstream' });
  });
});

describe('a deadline', () => {
  test('ends a connection that is never made', async () => {
    // The name is never looked up.
    const { get } = openAsker({ deadlines: { connectMs: 50 }, resolve: () => new Promise(() => {}) });
    expect(await failure(get('http://localhost:1/'))).toMatchObject({
      kind: 'timeout',
      message: 'localhost:1: no connection within 50 ms',
    });
  });

  test('ends the wait for a head, without another try', async () => {
    const origin = await openSockets((socket) => socket.resume());
    const { get, waits } = openAsker({ deadlines: { firstByteMs: 50 } });
    expect(await failure(get(origin.url))).toMatchObject({
      kind: 'timeout',
      message: `${origin.host}: no answer within 50 ms`,
    });
    expect(waits).toEqual([]);
    expect(origin.sockets.size).toBe(0);
  });

  test('ends a body that stalls', async () => {
    const origin = await openAnswering(`${head}some`);
    const reply = await openAsker({ deadlines: { idleMs: 50 } }).get(origin.url);
    expect(await failure(text(reply.body))).toMatchObject({
      kind: 'timeout',
      message: `${origin.host}: the answer stalled for 50 ms`,
    });
  });

  test('leaves a body alone whose reader is slow', async () => {
    const origin = await openOrigin((_, response) => response.end(Buffer.alloc(3_000_000)));
    const reply = await openAsker({ deadlines: { idleMs: 20 } }).get(origin.url, { maxBytes: 3_000_000 });
    await once(reply.body, 'readable');
    // Deadlines that are set later pass meanwhile.
    await failure(stalled());
    await failure(stalled());
    let received = 0;
    for await (const chunk of reply.body) received += chunk.length;
    expect(received).toBe(3_000_000);
  });

  test('ends everything, with the body', async () => {
    const origin = await openSockets((socket) => {
      socket.once('data', () => {
        socket.write('HTTP/1.1 200 OK\r\n\r\n');
        const drip = setInterval(() => socket.write('.'), 5);
        socket.on('close', () => clearInterval(drip));
      });
    });
    const { get } = openAsker({ deadlines: { totalMs: 200 } });
    const whole = get(origin.url).then(({ body }) => text(body));
    expect(await failure(whole)).toMatchObject({
      kind: 'timeout',
      message: `${origin.host}: not done within 200 ms`,
    });
    await until(() => origin.sockets.size).toBe(0);
  });
});

/** Fails with a time-out. */
async function stalled(): Promise<void> {
  const origin = await openSockets((socket) => socket.resume());
  await openAsker({ deadlines: { firstByteMs: 20 } }).get(origin.url);
}

describe('an abort', () => {
  test('before the request lets nothing be sent', async () => {
    const origin = await openOrigin((_, response) => response.end());
    const error = await failure(openAsker().get(origin.url, { signal: AbortSignal.abort() }));
    expect(error).toMatchObject({ kind: 'canceled', message: `${origin.host}: canceled` });
    expect(origin.connections()).toBe(0);
  });

  test('while the head is awaited ends the connection', async () => {
    const origin = await openSockets((socket) => socket.resume());
    const request = new AbortController();
    const outcome = failure(openAsker().get(origin.url, { signal: request.signal }));
    await until(() => origin.sockets.size).toBe(1);
    request.abort();
    expect(await outcome).toMatchObject({ kind: 'canceled' });
    await until(() => origin.sockets.size).toBe(0);
  });

  test('while a connection is awaited ends the wait at once, and nothing is sent later', async () => {
    const answers: (() => void)[] = [];
    const origin = await openOrigin((_, response) => answers.push(() => response.end('ok')));
    const { get } = openAsker({ connectionsPerHost: 1 });
    const request = new AbortController();
    const held = get(new URL('/held', origin.url));
    const waiting = failure(get(new URL('/waiting', origin.url), { signal: request.signal }));
    const next = get(new URL('/next', origin.url));
    await until(() => answers.length).toBe(1);
    request.abort();
    expect(await waiting).toMatchObject({ kind: 'canceled' });
    answers[0]!();
    expect(await text((await held).body)).toBe('ok');
    await until(() => answers.length).toBe(2);
    answers[1]!();
    expect(await text((await next).body)).toBe('ok');
    expect(origin.requests.map(({ url }) => url)).toEqual(['/held', '/next']);
  });

  test('during the body ends it', async () => {
    const origin = await openAnswering(`${head}some`);
    const request = new AbortController();
    const reply = await openAsker().get(origin.url, { signal: request.signal });
    await once(reply.body, 'readable');
    request.abort();
    expect(await failure(text(reply.body))).toMatchObject({ kind: 'canceled' });
    await until(() => origin.sockets.size).toBe(0);
  });

  test('during an unpacked body ends it', async () => {
    const origin = await openAnswering('HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n');
    const request = new AbortController();
    const reply = await openAsker().get(origin.url, { signal: request.signal });
    const outcome = failure(text(reply.body));
    request.abort();
    expect(await outcome).toMatchObject({ kind: 'canceled' });
    await until(() => origin.sockets.size).toBe(0);
  });

  test('ends the wait between two tries', async () => {
    const origin = await openOrigin((_, response) => response.writeHead(503).end());
    const request = new AbortController();
    const { get } = openAsker({
      wait: (_, signal) => {
        const aborted = once(signal, 'abort').then(() => signal.throwIfAborted());
        request.abort();
        return aborted;
      },
    });
    const error = await failure(get(origin.url, { signal: request.signal }));
    expect(error).toMatchObject({ kind: 'canceled' });
    expect(origin.requests).toHaveLength(1);
  });

  test('after the end changes nothing', async () => {
    const origin = await openOrigin((_, response) => response.end('ok'));
    const request = new AbortController();
    const reply = await openAsker().get(origin.url, { signal: request.signal });
    expect(await text(reply.body)).toBe('ok');
    request.abort();
    expect(reply.body.errored).toBeNull();
  });
});
