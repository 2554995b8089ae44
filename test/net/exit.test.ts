import { once } from 'node:events';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { connect as connectTls } from 'node:tls';
import { expect, onTestFinished, test } from 'vitest';
import { createConnections } from '../../src/net/connect.ts';
import { type Exit, type ExitOptions, openExit } from '../../src/net/exit.ts';
import { tlsFile } from '../fakes/tls.ts';
import { openOrigin, openSockets, refusingUrl, until } from './origin.ts';

interface Settings extends Partial<ExitOptions> {
  readonly named?: readonly string[];
  /** What every name is looked up to. */
  readonly address?: string;
  readonly proxy?: string;
}

/** The way out to a host on loopback. */
async function open(
  target: URL,
  { named, address = '127.0.0.1', proxy, ...more }: Settings = {},
): Promise<Exit> {
  const connections = createConnections({
    namedHosts: named ?? ['127.0.0.1', 'localhost'],
    connectMs: 5000,
    resolve: async () => [{ address, family: 4 }],
    ...(proxy !== undefined && { proxy: { http: proxy, https: proxy } }),
  });
  const exit = await openExit(target, { connections, stallMs: 60_000, maxBytes: 2 ** 20, ...more });
  onTestFinished(() => {
    exit.close();
    return connections.close();
  });
  return exit;
}

/** What comes back when a program says this. */
async function say(exit: Exit, said: string): Promise<string> {
  const socket = connect(exit.port, '127.0.0.1');
  socket.write(said);
  return text(socket);
}

/** A socket that was let through to a host. */
async function tunnel(exit: Exit, host: string) {
  const socket = connect(exit.port, '127.0.0.1');
  socket.write(`CONNECT ${host} HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
  const [head] = (await once(socket, 'data')) as [Buffer];
  expect(head.toString()).toBe('HTTP/1.1 200 OK\r\n\r\n');
  return socket;
}

test('a request is passed on as the host itself would be asked', async () => {
  const origin = await openOrigin(({ url, headers }, response) =>
    response.end(`${url} ${headers.host} ${headers.connection} ${headers['proxy-connection']}`),
  );
  const exit = await open(origin.url);
  const head = `Host: ${origin.host}\r\nProxy-Connection: keep-alive\r\nConnection: keep-alive\r\n\r\n`;
  const answer = await say(exit, `GET ${origin.url.href}r?cmd=x HTTP/1.1\r\n${head}`);
  expect(answer).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
  expect(answer).toContain(`/r?cmd=x ${origin.host} close undefined`);
});

test('a request and its body arrive whole, whatever the pieces they come in', async () => {
  const origin = await openOrigin(async (request, response) => response.end(await text(request)));
  const exit = await open(origin.url);
  const socket = connect(exit.port, '127.0.0.1');
  for (const piece of [`POST ${origin.url.href} HT`, 'TP/1.0\r\nContent-Length: 5\r', '\n\r\nhe', 'llo']) {
    socket.write(piece);
    await new Promise(setImmediate);
  }
  expect(await text(socket)).toMatch(/\r\n\r\nhello$/);
});

test('a tunnel leads to the host, and TLS through it', async () => {
  const origin = await openOrigin((_, response) => response.end('secret'), { certificate: 'server.pem' });
  const exit = await open(origin.url);
  const socket = connectTls({
    socket: await tunnel(exit, origin.host),
    servername: 'localhost',
    ca: tlsFile('ca.pem'),
  });
  socket.write('GET / HTTP/1.0\r\n\r\n');
  expect(await text(socket)).toMatch(/secret$/);
});

test('a long answer arrives to its end, after which the host is gone', async () => {
  const body = 'x'.repeat(500_000);
  const origin = await openSockets((socket) => {
    socket.once('data', () => socket.end(body));
  });
  const exit = await open(origin.url);
  const socket = await tunnel(exit, origin.host);
  socket.write('x');
  expect((await text(socket)).length).toBe(body.length);
});

test.each<[what: string, said: (host: string) => string]>([
  ['another host', () => 'CONNECT elsewhere.example.com:443 HTTP/1.1\r\n\r\n'],
  ['another port', (host) => `CONNECT ${host.replace(/:.*/, ':1')} HTTP/1.1\r\n\r\n`],
  ['another URL', () => 'GET http://elsewhere.example.com/ HTTP/1.1\r\n\r\n'],
  ['this machine', () => 'GET / HTTP/1.1\r\n\r\n'],
  ['nonsense', () => 'x\r\n\r\n'],
])('a request for %s is refused', async (_, said) => {
  const origin = await openOrigin((_, response) => response.end('here'));
  const exit = await open(origin.url);
  expect(await say(exit, said(origin.host))).toMatch(/^HTTP\/1\.1 403 /);
  expect(exit.trouble).toMatchObject({
    kind: 'upstream',
    message: expect.stringContaining(`only ${origin.host}`),
  });
  expect(origin.connections()).toBe(0);
});

test('a head without end is not read on', async () => {
  const exit = await open(await refusingUrl());
  expect(await say(exit, `GET http://x/${'x'.repeat(70_000)}`)).toMatch(/^HTTP\/1\.1 403 /);
});

test('a private address is refused unless the settings name its host', async () => {
  const origin = await openOrigin((_, response) => response.end('here'));
  const target = new URL(`http://localhost:${origin.url.port}/`);
  const request = `GET ${target.href} HTTP/1.1\r\n\r\n`;
  const closed = await open(target, { named: [] });
  expect(await say(closed, request)).not.toContain('here');
  expect(closed.trouble).toMatchObject({
    kind: 'upstream',
    message: expect.stringContaining('refused to connect to a loopback address'),
  });
  expect(await say(await open(target), request)).toContain('here');
});

test('a host that refuses is told as such', async () => {
  const target = await refusingUrl();
  const exit = await open(target);
  expect(await say(exit, `CONNECT ${target.host} HTTP/1.1\r\n\r\n`)).toBe('');
  expect(exit.trouble).toMatchObject({ kind: 'upstream', message: `${target.host}: connection refused` });
});

test('a host that is silent, or sends too much, is given up', async () => {
  const silent = await openSockets(() => {});
  const first = await open(silent.url, { stallMs: 50 });
  expect(await text(await tunnel(first, silent.host))).toBe('');
  expect(first.trouble).toMatchObject({
    kind: 'timeout',
    message: `${silent.host}: it was silent for 50 ms`,
  });

  const endless = await openSockets((socket) => {
    const more = () => socket.write('x'.repeat(10_000), (error) => error ?? setImmediate(more));
    socket.once('data', more);
  });
  const second = await open(endless.url, { maxBytes: 100_000 });
  const greedy = await tunnel(second, endless.host);
  greedy.write('x');
  expect((await text(greedy)).length).toBeLessThanOrEqual(100_000);
  expect(second.trouble).toMatchObject({ kind: 'integrity' });
});

test('an egress proxy is gone through', async () => {
  const origin = await openOrigin((_, response) => response.end('here'));
  const asked: string[] = [];
  const proxy = await openSockets((socket) => {
    socket.once('data', (head: Buffer) => {
      asked.push(head.toString().split('\r\n', 1)[0]!);
      const target = connect(Number(origin.url.port), '127.0.0.1', () => {
        socket.write('HTTP/1.1 200 OK\r\n\r\n');
        target.pipe(socket).pipe(target);
      });
    });
  });
  const exit = await open(new URL('https://repo.example.com/'), { proxy: `http://${proxy.host}` });
  const socket = await tunnel(exit, 'repo.example.com:443');
  socket.write('GET / HTTP/1.0\r\n\r\n');
  expect(await text(socket)).toContain('here');
  expect(asked).toEqual(['CONNECT repo.example.com:443 HTTP/1.1']);
});

test('all ends when it is closed', async () => {
  const origin = await openSockets(() => {});
  const exit = await open(origin.url);
  const socket = await tunnel(exit, origin.host);
  exit.close();
  expect(await text(socket)).toBe('');
  await until(() => origin.sockets.size).toBe(0);
  expect(exit.trouble).toBeUndefined();
});
