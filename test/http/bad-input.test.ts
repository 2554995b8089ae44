import { describe, expect, it } from 'vitest';
import { ask, dial, get, getAndStay, openTestServer, paths, type TestServer } from './harness.ts';

/** The status and the body, which must be one printable line without a trace of code. */
async function refusal(server: TestServer, request: string): Promise<string> {
  const answer = await ask(server.port, request);
  const [head = '', body = ''] = answer.split('\r\n\r\n');
  expect(head).toContain('Content-Type: text/plain; charset=utf-8');
  expect(body).toMatch(/^[\x20-\x7e]+\n$/);
  expect(body).not.toMatch(/\bat |\.ts|Error/);
  expect((await ask(server.port, get('/healthz'))).startsWith('HTTP/1.1 200')).toBe(true);
  return `${head.split(' ')[1]} ${body.trim()}`;
}

describe('bad input', () => {
  it.each([
    ['/example.com/../@v/list', '404 malformed URL: the path has a dot segment'],
    ['/example.com//m/@v/list', '404 malformed URL: the path has an empty segment'],
    ['/example.com/m%zz/@v/list', '404 malformed URL: the path has a broken percent escape'],
    ['/example.com/m%00/@v/list', '404 malformed URL: the path has a control character'],
    ['/favicon.ico', '404 not found: this is no path of the module proxy protocol'],
    [`/example.com/${'a'.repeat(8192)}/@v/list`, '404 malformed URL: the URL is longer than 4096 characters'],
    ['/example.com/other/@v/list', '404 not found: example.com/other: no such module'],
  ])('in the URL %.40s is told', async (path, expected) => {
    expect(await refusal(await openTestServer(), get(path))).toBe(expected);
  });

  it.each([
    '/example.com/M/@v/list',
    '/example.com/m!/@v/list',
    '/nodots/@v/list',
    '/example.com/m/@v/latest.info',
    '/example.com/m/@v/v1.mod',
    '/example.com/m/@v/v1.0.0.exe',
    '/example.com/m/@v/.info',
    '/-example.com/m/@v/list',
    '/example.com/con/@v/list',
    '/example.com/m/@v/v1.0.0%0aX.info',
  ])('in a path of the protocol is a 404, so that go asks the next proxy: %s', async (path) => {
    expect(await refusal(await openTestServer(), get(path))).toMatch(/^404 /);
  });

  it.each(['POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH', 'TRACE', 'PROPFIND'])(
    '%s is refused',
    async (method) => {
      const server = await openTestServer();
      const request = get(paths.list).replace('GET', method);
      expect(await refusal(server, request)).toBe('405 only GET and HEAD are served here');
      expect(await ask(server.port, request)).toContain('\r\nAllow: GET, HEAD\r\n');
      expect(server.lines[0]).toMatchObject({ method, status: 405, errorKind: 'methodNotAllowed' });
    },
  );

  it('CONNECT is refused', async () => {
    const server = await openTestServer();
    const answer = await refusal(server, 'CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n');
    expect(answer).toBe('405 only GET and HEAD are served here');
  });

  it('OPTIONS * is refused', async () => {
    const server = await openTestServer();
    expect(await refusal(server, get('*').replace('GET', 'OPTIONS'))).toMatch(/^405 /);
  });

  it.each([
    ['garbage', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n'],
    ['an unknown method', 'BREW / HTTP/1.1\r\nHost: a\r\n\r\n'],
    ['a version of the future', 'GET / HTTP/9.9\r\nHost: a\r\n\r\n'],
    ['a header without a name', 'GET / HTTP/1.1\r\n: b\r\n\r\n'],
    ['a folded header', 'GET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n'],
    ['two lengths', 'GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n'],
    [
      'a length and chunks',
      'GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n',
    ],
    ['a NUL in a header', 'GET / HTTP/1.1\r\nHost: a\0\r\n\r\n'],
  ])('that is no HTTP is a 400: %s', async (_, bytes) => {
    const server = await openTestServer();
    expect(await refusal(server, bytes)).toBe('400 malformed request: this is no HTTP');
    expect(server.lines[0]).toMatchObject({ kind: 'other', status: 400, errorKind: 'malformed' });
  });

  it('is a request without a host', async () => {
    const { port } = await openTestServer();
    expect(await ask(port, 'GET / HTTP/1.1\r\n\r\n')).toMatch(/^HTTP\/1\.1 400 /);
  });

  it('is a head without end', async () => {
    const server = await openTestServer();
    const endless = `GET / HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(20_000)}`;
    expect(await refusal(server, endless)).toBe(
      '431 malformed request: the URL and the headers are too long',
    );
  });

  it('is a URL longer than a head may be', async () => {
    const server = await openTestServer();
    expect(await refusal(server, get(`/${'a'.repeat(20_000)}`))).toMatch(/^431 /);
  });

  it('of any length of garbage leaves the server as it was', async () => {
    const server = await openTestServer();
    let seed = 1;
    const random = () => {
      seed = (seed * 48271) % 2147483647;
      return seed;
    };
    for (let round = 0; round < 50; round++) {
      const bytes = Array.from({ length: random() % 300 }, () => String.fromCharCode(random() % 256)).join(
        '',
      );
      const connection = await dial(server.port, `${round % 2 === 0 ? '' : 'GET '}${bytes}`);
      connection.socket.end();
      await connection.all;
    }
    expect(await ask(server.port, get(paths.list))).toContain('v1.0.0');
    expect(server.problems).toEqual([]);
  });
});

describe('a request with a body', () => {
  it('is answered, and the connection ends since the body is not read', async () => {
    const { port } = await openTestServer();
    const request = getAndStay(paths.list, 'Content-Length: 5');
    const answer = await ask(port, `${request}hello${getAndStay('/healthz')}`);
    expect(answer).toContain('v1.0.0');
    expect(answer).toContain('Connection: close');
    expect(answer.match(/HTTP\/1\.1/g)).toHaveLength(1);
  });

  it('in chunks is answered too', async () => {
    const { port } = await openTestServer();
    const answer = await ask(
      port,
      `${getAndStay(paths.list, 'Transfer-Encoding: chunked')}5\r\nhello\r\n0\r\n\r\n`,
    );
    expect(answer).toMatch(/^HTTP\/1\.1 200[\s\S]*Connection: close/);
  });

  it('that waits to be told to send it is answered at once', async () => {
    const { port } = await openTestServer();
    const answer = await ask(port, getAndStay(paths.list, 'Content-Length: 5', 'Expect: 100-continue'));
    expect(answer).toMatch(/^HTTP\/1\.1 200/);
  });

  it('with an expectation of another kind is answered as without', async () => {
    const { port } = await openTestServer();
    expect(await ask(port, get(paths.list, 'Expect: tea'))).toMatch(/^HTTP\/1\.1 200/);
  });

  it('of length 0 keeps its connection', async () => {
    const { port } = await openTestServer();
    const answer = await ask(port, getAndStay(paths.list, 'Content-Length: 0') + get('/healthz'));
    expect(answer.match(/HTTP\/1\.1 200/g)).toHaveLength(2);
  });
});

describe('an upgrade', () => {
  it('to HTTP/2 without TLS is not made: the request is answered', async () => {
    const { port } = await openTestServer();
    const upgrade = [
      'Connection: Upgrade, HTTP2-Settings',
      'Upgrade: h2c',
      'HTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA',
    ];
    const connection = await dial(port, getAndStay(paths.list, ...upgrade));
    expect(await connection.until('v1.0.0')).toMatch(/^HTTP\/1\.1 200/);
  });

  it('by prior knowledge ends the connection', async () => {
    const { port } = await openTestServer();
    await ask(port, 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
    expect(await ask(port, get('/healthz'))).toMatch(/^HTTP\/1\.1 200/);
  });
});
