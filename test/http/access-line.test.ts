import { describe, expect, it } from 'vitest';
import { StoaError } from '../../src/errors.ts';
import type { Ask } from '../../src/stash/modules.ts';
import { ask, get, memoryFile, openTestServer, paths } from './harness.ts';

describe('each request', () => {
  it.each([
    [paths.list, { kind: 'list', module: 'example.com/m' }],
    ['/example.com/m/@latest', { kind: 'latest', module: 'example.com/m' }],
    ['/example.com/m/@v/main.info', { kind: 'query', module: 'example.com/m', version: 'main' }],
    [paths.info, { kind: 'info', module: 'example.com/m', version: 'v1.0.0' }],
    [paths.mod, { kind: 'mod', module: 'example.com/m', version: 'v1.0.0' }],
    [paths.zip, { kind: 'zip', module: 'example.com/m', version: 'v1.0.0' }],
  ])('for %s has one line that names it', async (path, names) => {
    const server = await openTestServer();
    const answer = await ask(server.port, get(path));
    const line = await server.line();
    expect(line).toEqual({
      ...names,
      traceId: 'trace-1',
      method: 'GET',
      target: path,
      status: 200,
      bytes: answer.length - answer.indexOf('\r\n\r\n') - 4,
      durationMs: expect.any(Number),
      address: '127.0.0.1',
      outcome: 'hit',
    });
    expect(server.lines).toHaveLength(1);
    expect(server.requests).toEqual([[names.kind, 'hit', 200, line.bytes, line.durationMs]]);
  });

  it('has a line with its page, or with what was wrong', async () => {
    const server = await openTestServer();
    await ask(server.port, get('/healthz'));
    expect(await server.line()).toMatchObject({ kind: 'healthz', target: '/healthz', status: 200 });
    await ask(server.port, get('/what?x=1'));
    expect(await server.line()).toMatchObject({
      kind: 'other',
      target: '/what?x=1',
      status: 404,
      errorKind: 'notFound',
      error: 'this is no path of the module proxy protocol',
    });
    await ask(server.port, get('/example.com/m/@v/v1.9.0.info'));
    expect(await server.line()).toMatchObject({
      kind: 'info',
      module: 'example.com/m',
      version: 'v1.9.0',
      status: 404,
      error: 'example.com/m@v1.9.0: unknown revision',
    });
  });

  it('names its source where that is known', async () => {
    const server = await openTestServer({
      modules: {
        open: async () => memoryFile(Buffer.from('x'), { outcome: 'miss', source: 'up.example.com' }),
      },
    });
    await ask(server.port, get(paths.mod));
    expect(await server.line()).toMatchObject({ outcome: 'miss', source: 'up.example.com' });
  });

  it('has the trace of the one who asks', async () => {
    const server = await openTestServer();
    await ask(server.port, get('/healthz', 'traceparent: theirs'));
    expect(await server.line()).toMatchObject({ traceId: 'theirs' });
  });

  it('is of the address that a trusted proxy names', async () => {
    const server = await openTestServer({ settings: { trustedProxies: ['127.0.0.0/8'] } });
    await ask(server.port, get('/healthz', 'X-Forwarded-For: 203.0.113.9'));
    expect(await server.line()).toMatchObject({ address: '203.0.113.9' });
  });
});

describe('what the modules are asked', () => {
  async function askFor(path: string, ...headers: string[]): Promise<Ask> {
    const asks: Ask[] = [];
    const list = (_path: string, from: Ask) => {
      asks.push(from);
      return { bytes: Buffer.from('v1.0.0\n'), ageSeconds: 0, outcome: 'hit' as const };
    };
    const server = await openTestServer({ modules: { list } });
    const answer = await ask(server.port, get(path, ...headers));
    if (asks[0]!.cachedOnly === true) expect(answer).toContain('Cache-Control: no-store');
    return asks[0]!;
  }

  it('is what is stored, where the path or a header says so', async () => {
    expect((await askFor(paths.list)).cachedOnly).toBeUndefined();
    expect((await askFor(`/cached-only${paths.list}`)).cachedOnly).toBe(true);
    expect((await askFor(paths.list, 'Disable-Module-Fetch: true')).cachedOnly).toBe(true);
    expect((await askFor(paths.list, 'Disable-Module-Fetch: TRUE')).cachedOnly).toBe(true);
    expect((await askFor(paths.list, 'Disable-Module-Fetch: false')).cachedOnly).toBeUndefined();
  });

  it('comes with the chain of servers it came through', async () => {
    expect((await askFor(paths.list, 'Stoa-Via: other')).via).toBe('other');
    expect((await askFor(paths.list)).via).toBeUndefined();
  });

  it('comes with who asks', async () => {
    expect((await askFor(paths.list)).asker).toEqual({ address: '127.0.0.1' });
  });
});

describe('a request that came back to its server', () => {
  it('is refused', async () => {
    const check = (via: string) => {
      if (via.includes('me')) throw new StoaError('config', 'loop: an upstream leads back here');
    };
    const { port } = await openTestServer({ options: { loop: { header: 'stoa-via', check } } });
    expect(await ask(port, get(paths.list, 'Stoa-Via: me'))).toMatch(
      /^HTTP\/1\.1 500 [\s\S]*loop: an upstream/,
    );
  });
});

describe('an unexpected failure', () => {
  it('is logged with its stack, and the client is told where', async () => {
    const bug = new TypeError('undefined is not a function');
    const server = await openTestServer({
      modules: {
        list: () => {
          throw bug;
        },
        query: async () => {
          throw bug;
        },
      },
    });
    const told = "internal error: the server's log says more under trace_id trace-1\n";
    expect(await ask(server.port, get(paths.list))).toMatch(/^HTTP\/1\.1 500 /);
    expect(server.problems[0]).toMatchObject({ fields: { trace_id: 'trace-1', error: { cause: bug } } });
    expect(await server.line()).toMatchObject({ status: 500, errorKind: 'internal', error: told.trim() });
    expect(await ask(server.port, get('/example.com/m/@latest'))).toContain('under trace_id trace-2');
  });

  it('of health is one too', async () => {
    const health = async () => {
      throw new Error('oops');
    };
    const { port } = await openTestServer({ options: { health } });
    expect(await ask(port, get('/readyz'))).toMatch(/^HTTP\/1\.1 500 [\s\S]*internal error/);
  });

  it('that is an abort of ours tells the client to come again', async () => {
    const { port } = await openTestServer({
      modules: { list: async () => Promise.reject(new DOMException('ended', 'AbortError')) },
    });
    expect(await ask(port, get(paths.list))).toMatch(/^HTTP\/1\.1 503 [\s\S]*shutting down/);
  });

  it('of a header that cannot be sent is no answer with it', async () => {
    const etag = '"a\r\nSet-Cookie: x"';
    const server = await openTestServer({ modules: { open: () => memoryFile(Buffer.from('x'), { etag }) } });
    const keep = `GET ${paths.mod} HTTP/1.1\r\nHost: a\r\n\r\n`;
    for (const request of [get(paths.mod), keep])
      expect(await ask(server.port, request)).not.toContain('Set-Cookie');
    expect(server.problems).toHaveLength(2);
    expect(await ask(server.port, get('/healthz'))).toContain('200');
  });
});
