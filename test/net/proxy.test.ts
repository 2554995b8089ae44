import { once } from 'node:events';
import { createServer, request as forward, type RequestListener } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { describe, expect, onTestFinished, test } from 'vitest';
import { tlsFile } from '../fakes/tls.ts';
import { failure, type Origin, openAsker, openOrigin, openSockets, refusingUrl } from './origin.ts';

interface Proxy {
  /** `host:port`. */
  readonly host: string;
  connections(): number;
  /** What it was asked for, as `method target`. */
  readonly asked: string[];
}

/** A proxy that sends everything to one origin, whatever host was asked for, or refuses with a status. */
async function openProxy(
  origin: Origin,
  rules: { status?: number; login?: string; certificate?: string } = {},
): Promise<Proxy> {
  const asked: string[] = [];
  const refusal = (authorization: string | undefined) => {
    const isKnown = rules.login === undefined || authorization === `Basic ${btoa(rules.login)}`;
    return isKnown ? rules.status : 407;
  };
  const answer: RequestListener = (request, response) => {
    asked.push(`${request.method} ${request.url}`);
    const { 'proxy-authorization': authorization, ...headers } = request.headers;
    const status = refusal(authorization);
    if (status !== undefined) {
      response.writeHead(status).end('refused');
      return;
    }
    const { pathname, search } = new URL(request.url!);
    const { hostname, port } = origin.url;
    const onward = { hostname, port, path: pathname + search, headers };
    forward(onward, (reply) => reply.pipe(response.writeHead(reply.statusCode!, reply.headers))).end();
  };
  const { certificate } = rules;
  const server = certificate
    ? createTlsServer({ cert: tlsFile(certificate), key: tlsFile('server.key') }, answer)
    : createServer(answer);
  let connections = 0;
  server.on('connection', () => connections++);
  server.on('connect', (request, client) => {
    asked.push(`${request.method} ${request.url}`);
    client.on('error', () => {});
    const status = refusal(request.headers['proxy-authorization']);
    if (status !== undefined) {
      client.end(`HTTP/1.1 ${status} Refused\r\nContent-Length: 0\r\n\r\n`);
      return;
    }
    const target = connect(Number(origin.url.port), origin.url.hostname, () => {
      client.write('HTTP/1.1 200 Connection established\r\n\r\n');
      target.pipe(client);
      client.pipe(target);
    });
    target.on('error', () => client.destroy());
    client.on('close', () => target.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { host, asked, connections: () => connections };
}

const secure = { certificate: 'server.pem' };
const extraCa = [tlsFile('ca.pem')];
/** No host is named: what a proxy connects to is its own affair. */
const namedHosts: string[] = [];

describe('through a proxy', () => {
  test('https goes in a tunnel, which is kept', async () => {
    const origin = await openOrigin((_, response) => response.end('tunnelled'), secure);
    const proxy = await openProxy(origin);
    const { get } = openAsker({ proxy: { https: proxy.host }, extraCa, namedHosts });
    for (let i = 0; i < 4; i++) {
      const reply = await get('https://goproxy.example.com/mod');
      expect(await text(reply.body)).toBe('tunnelled');
    }
    expect(new Set(proxy.asked)).toEqual(new Set(['CONNECT goproxy.example.com:443']));
    expect(proxy.asked.length).toBeLessThanOrEqual(2);
    expect(origin.requests[0]!.headers.host).toBe('goproxy.example.com');
    expect(origin.requests[0]!.url).toBe('/mod');
  });

  test('a tunnel leads to the port of the URL', async () => {
    const origin = await openOrigin((_, response) => response.end('ok'), secure);
    const proxy = await openProxy(origin);
    const { get } = openAsker({ proxy: { https: proxy.host }, extraCa, namedHosts });
    (await get('https://goproxy.example.com:8443/')).body.destroy();
    expect(proxy.asked).toEqual(['CONNECT goproxy.example.com:8443']);
  });

  test('the certificate is checked inside of the tunnel', async () => {
    const origin = await openOrigin((_, response) => response.end(), secure);
    const proxy = await openProxy(origin);
    const { get } = openAsker({ proxy: { https: proxy.host }, extraCa, namedHosts });
    expect(await failure(get('https://wrong.example.com/'))).toMatchObject({
      kind: 'upstream',
      message: 'wrong.example.com: its certificate is for another name',
    });
  });

  test('http goes as a request for the whole URL', async () => {
    const origin = await openOrigin((request, response) => response.end(request.url));
    const proxy = await openProxy(origin);
    const { get } = openAsker({ proxy: { http: proxy.host }, namedHosts });
    const reply = await get('http://goproxy.example.com:8080/mod/@v/list?x=1');
    expect(await text(reply.body)).toBe('/mod/@v/list?x=1');
    expect(reply.url.href).toBe('http://goproxy.example.com:8080/mod/@v/list?x=1');
    expect(proxy.asked).toEqual(['GET http://goproxy.example.com:8080/mod/@v/list?x=1']);
    expect(origin.requests[0]!.headers.host).toBe('goproxy.example.com:8080');
  });

  test('that is asked over TLS itself, all of this works', async () => {
    const plain = await openOrigin((_, response) => response.end('plain'));
    const tls = await openOrigin((_, response) => response.end('tunnelled'), secure);
    const proxies = [await openProxy(plain, secure), await openProxy(tls, secure)] as const;
    const [http, https] = proxies.map(({ host }) => `https://${host}`) as [string, string];
    const { get } = openAsker({ proxy: { http, https }, extraCa, namedHosts });
    for (const host of ['a.example.com', 'b.example.com', 'c.example.com', 'd.example.com']) {
      expect(await text((await get(`http://${host}/`)).body)).toBe('plain');
    }
    // Other hosts are asked for on the same connections.
    expect(proxies[0].connections()).toBeLessThanOrEqual(2);
    expect(await text((await get('https://goproxy.example.com/')).body)).toBe('tunnelled');
    expect(proxies[1].asked).toEqual(['CONNECT goproxy.example.com:443']);
  });

  test('whose certificate is for another name, nothing is asked', async () => {
    const origin = await openOrigin((_, response) => response.end(), secure);
    const proxy = await openProxy(origin, { certificate: 'other.pem' });
    const { get } = openAsker({ proxy: { https: `https://${proxy.host}` }, extraCa, namedHosts });
    expect(await failure(get('https://goproxy.example.com/'))).toMatchObject({
      kind: 'upstream',
      message: `proxy ${proxy.host}: its certificate is for another name`,
    });
    expect(proxy.asked).toEqual([]);
  });

  test('its login goes to it and no further', async () => {
    const plain = await openOrigin((_, response) => response.end('ok'));
    const tls = await openOrigin((_, response) => response.end('ok'), secure);
    for (const origin of [plain, tls]) {
      const proxy = await openProxy(origin, { login: 'gopher:h@sh' });
      const url = `http://gopher:h%40sh@${proxy.host}`;
      const { get } = openAsker({ proxy: { http: url, https: url }, extraCa, namedHosts });
      const reply = await get(`${origin.url.protocol}//goproxy.example.com/`);
      expect(await text(reply.body)).toBe('ok');
      expect(origin.requests[0]!.headers['proxy-authorization']).toBeUndefined();
    }
  });

  test.each([
    ['http:', 407, 'wants a login (status 407)'],
    ['https:', 407, 'wants a login (status 407)'],
    ['https:', 403, 'refused to connect to goproxy.example.com:443 (status 403)'],
    ['https:', 502, 'refused to connect to goproxy.example.com:443 (status 502)'],
  ])('a refusal says who refused: %s %i', async (scheme, status, reason) => {
    const origin = await openOrigin((_, response) => response.end());
    const proxy = await openProxy(origin, { status });
    const { get } = openAsker({ proxy: { http: proxy.host, https: proxy.host }, namedHosts });
    const error = await failure(get(`${scheme}//goproxy.example.com/`));
    expect(error).toMatchObject({ kind: 'upstream', message: `proxy ${proxy.host}: ${reason}` });
  });

  test('an error status that a proxy gives to an http request is an answer', async () => {
    const origin = await openOrigin((_, response) => response.end());
    const proxy = await openProxy(origin, { status: 403 });
    const reply = await openAsker({ proxy: { http: proxy.host }, namedHosts }).get(
      'http://goproxy.example.com/',
    );
    expect(reply.status).toBe(403);
    expect(await text(reply.body)).toBe('refused');
  });

  test('a proxy that is down is tried three times', async () => {
    const { host } = await refusingUrl();
    const { get, waits } = openAsker({ proxy: { https: host }, namedHosts });
    expect(await failure(get('https://goproxy.example.com/'))).toMatchObject({
      kind: 'upstream',
      message: `proxy ${host}: connection refused`,
    });
    expect(waits).toHaveLength(2);
  });

  test('a proxy that hangs up is tried three times', async () => {
    const silent = await openSockets((socket) => socket.on('data', () => socket.end()));
    const { get } = openAsker({ proxy: { https: silent.host }, namedHosts });
    expect(await failure(get('https://goproxy.example.com/'))).toMatchObject({
      kind: 'upstream',
      message: `proxy ${silent.host}: connection closed`,
    });
    expect(silent.connections()).toBe(3);
  });

  test('a proxy that does not answer meets the connect deadline', async () => {
    const silent = await openSockets((socket) => socket.resume());
    const { get } = openAsker({ proxy: { https: silent.host }, namedHosts, deadlines: { connectMs: 50 } });
    expect(await failure(get('https://goproxy.example.com/'))).toMatchObject({
      kind: 'timeout',
      message: `proxy ${silent.host}: no answer within 50 ms`,
    });
  });

  test.each(['http://10.1.2.3/', 'https://[fd00::1]:8443/', 'https://169.254.169.254/latest/meta-data'])(
    'the private address in %s is not asked for',
    async (url) => {
      const origin = await openOrigin((_, response) => response.end());
      const proxy = await openProxy(origin);
      const { get } = openAsker({ proxy: { http: proxy.host, https: proxy.host }, namedHosts });
      const error = await failure(get(url));
      expect(error).toMatchObject({ kind: 'upstream' });
      expect(error.message).toMatch(
        /: refused to connect to a (private|link-local) address; only hosts named/,
      );
      expect(proxy.asked).toEqual([]);
    },
  );

  test('a private address that is named is asked for', async () => {
    const origin = await openOrigin((_, response) => response.end('inside'));
    const proxy = await openProxy(origin);
    const { get } = openAsker({ proxy: { http: proxy.host }, namedHosts: ['10.1.2.3'] });
    expect(await text((await get('http://10.1.2.3/')).body)).toBe('inside');
    expect(proxy.asked).toEqual(['GET http://10.1.2.3/']);
  });

  test('loopback is never asked for, since it would be another one', async () => {
    const origin = await openOrigin((_, response) => response.end('direct'));
    const proxy = await openProxy(origin);
    const { get } = openAsker({ proxy: { http: proxy.host } });
    expect(await text((await get(origin.url)).body)).toBe('direct');
    expect(proxy.asked).toEqual([]);
  });

  test('a redirect to a host that needs no proxy leaves it', async () => {
    const target = await openOrigin((_, response) => response.end('direct'));
    const origin = await openOrigin((_, response) =>
      response.writeHead(302, { location: target.url.href }).end(),
    );
    const proxy = await openProxy(origin);
    const reply = await openAsker({ proxy: { http: proxy.host } }).get('http://goproxy.example.com/');
    expect(await text(reply.body)).toBe('direct');
    expect(proxy.asked).toHaveLength(1);
  });
});
