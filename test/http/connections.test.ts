import { once } from 'node:events';
import { mkdtemp, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { StoaError } from '../../src/errors.ts';
import type { Answered, Ask } from '../../src/stash/modules.ts';
import { ask, dial, get, getAndStay, memoryFile, openFile, openTestServer, paths } from './harness.ts';

/** A list that is answered when the test says so. */
function slowList() {
  const answer = Promise.withResolvers<Answered>();
  const asked = Promise.withResolvers<Ask>();
  return {
    answer: (text: string) => answer.resolve({ bytes: Buffer.from(text), ageSeconds: 0, outcome: 'miss' }),
    asked: asked.promise,
    list: (_path: string, from: Ask) => {
      asked.resolve(from);
      from.signal.addEventListener('abort', () => answer.reject(new StoaError('canceled', 'canceled')));
      return answer.promise;
    },
  };
}

describe('a connection', () => {
  it('serves one request after the other', async () => {
    const server = await openTestServer();
    const connection = await dial(server.port);
    for (let i = 1; i <= 20; i++) {
      connection.socket.write(getAndStay(i % 2 === 0 ? paths.list : paths.mod, `traceparent: ${i}.`));
      expect(await server.line()).toMatchObject({ traceId: `${i}.`, status: 200 });
    }
    connection.socket.write(get('/healthz'));
    expect((await connection.all).match(/HTTP\/1\.1 200/g)).toHaveLength(21);
    expect(server.lines).toHaveLength(21);
  });

  it('serves pipelined requests in their order', async () => {
    const server = await openTestServer({
      modules: {
        query: async (_, query) => ({ bytes: Buffer.from(`{"${query}"}`), ageSeconds: 0, outcome: 'hit' }),
        open: async () => openFile(['stream', 'ed']),
      },
    });
    const list = getAndStay(paths.list);
    const query = (name: string) => getAndStay(`/example.com/m/@v/${name}.info`);
    const requests = [
      list,
      query('one'),
      list,
      getAndStay(paths.zip),
      getAndStay('/nope'),
      list.replace('GET', 'HEAD'),
    ];
    const all = await ask(server.port, requests.join('') + query('two') + get('/healthz'));
    const bodies = all.split(/HTTP\/1\.1 \d+ [\s\S]*?\r\n\r\n/).slice(1);
    expect(bodies).toEqual([
      'v1.0.0\n',
      '{"one"}',
      'v1.0.0\n',
      'streamed',
      'not found: this is no path of the module proxy protocol\n',
      '',
      '{"two"}',
      'ok\n',
    ]);
  });

  it('serves many pipelined hits', async () => {
    const { port } = await openTestServer();
    const all = await ask(port, getAndStay(paths.info).repeat(1000) + get('/healthz'));
    expect(all.match(/\{"Version":"v1\.0\.0"\}HTTP/g)).toHaveLength(1000);
  });

  it('whose client reads nothing is not read from any more', async () => {
    let asked = 0;
    const file = memoryFile(Buffer.alloc(60_000));
    const server = await openTestServer({
      modules: {
        open: () => {
          asked++;
          return file;
        },
      },
      settings: { limits: { idleMs: 200 } },
    });
    const socket = connect({ host: '127.0.0.1', port: server.port });
    onTestFinished(() => void socket.destroy());
    socket.on('error', () => undefined);
    socket.pause();
    socket.write(getAndStay(paths.zip).repeat(20_000));
    await expect.poll(() => server.lines.length).toBeGreaterThan(0);
    await expect.poll(server.connections).toBe(0);
    expect(asked).toBeLessThan(5000);
  });

  it('over HTTP/1.0 ends with its answer', async () => {
    const { port } = await openTestServer();
    const answer = await ask(port, 'GET /healthz HTTP/1.0\r\n\r\n');
    expect(answer).toMatch(/^HTTP\/1\.1 200[\s\S]*ok\n$/);
  });

  it('keeps the requests of each other connection apart', async () => {
    const slow = slowList();
    const { port } = await openTestServer({ modules: { list: slow.list } });
    const waiting = await dial(port, get(paths.list));
    await slow.asked;
    expect(await ask(port, get(paths.mod))).toContain('module example.com/m');
    slow.answer('v9.0.0');
    expect(await waiting.all).toContain('v9.0.0');
  });
});

describe('a client', () => {
  it('that leaves while it waits aborts what it asked for', async () => {
    const slow = slowList();
    const { port, line } = await openTestServer({ modules: { list: slow.list } });
    const connection = await dial(port, getAndStay(paths.list));
    const { signal } = await slow.asked;
    connection.socket.destroy();
    await once(signal, 'abort');
    expect(await line()).toMatchObject({ status: 499, errorKind: 'canceled', bytes: 0 });
  });

  it('that closes its side while it waits has left', async () => {
    const slow = slowList();
    const { port, line } = await openTestServer({ modules: { list: slow.list } });
    const connection = await dial(port, getAndStay(paths.list));
    const { signal } = await slow.asked;
    connection.socket.end();
    await once(signal, 'abort');
    expect(await line()).toMatchObject({ status: 499 });
    expect(await connection.all).toBe('');
  });

  it.each([
    ['a long body in memory', () => memoryFile(Buffer.alloc(1_000_000))],
    ['a stored file', () => openFile(['ab', 'cd'])],
  ])('that left before %s came is told of in its line', async (_, open) => {
    const asked = Promise.withResolvers<Ask>();
    const { port, line } = await openTestServer({
      modules: {
        open: async (_version, _file, from) => {
          asked.resolve(from);
          await once(from.signal, 'abort');
          return open();
        },
      },
    });
    const connection = await dial(port, getAndStay(paths.zip));
    await asked.promise;
    connection.socket.resetAndDestroy();
    expect(await line()).toMatchObject({ status: 499, errorKind: 'canceled', bytes: 0 });
  });

  it('that closes its side at once still gets what is in memory', async () => {
    const { port } = await openTestServer();
    const connection = await dial(port);
    connection.socket.end(getAndStay(paths.mod));
    expect(await connection.all).toContain('module example.com/m');
  });

  it('that closes its side still gets a body that has begun', async () => {
    const rest = Promise.withResolvers<void>();
    const file = openFile(['ab', 'cd'], {
      async *read() {
        yield Buffer.from('ab');
        await rest.promise;
        yield Buffer.from('cd');
      },
    });
    const server = await openTestServer({ modules: { open: async () => file } });
    const connection = await dial(server.port, getAndStay(paths.zip));
    await connection.until('ab');
    connection.socket.end(getAndStay('/healthz'));
    // The end is read after the request before it, which has its line when it is read.
    await server.line();
    for (let turn = 0; turn < 5; turn++) await new Promise(setImmediate);
    rest.resolve();
    expect(await connection.all).toMatch(/abcdHTTP\/1\.1 200 [\s\S]*ok\n$/);
  });

  it('leaves no listener on its connection', async () => {
    const says = ({ signal }: Ask): Answered => ({
      bytes: Buffer.from(`${signal.aborted}`),
      ageSeconds: 0,
      outcome: 'hit',
    });
    const server = await openTestServer({
      modules: { list: async (_, from) => says(from), query: (_, __, from) => says(from) },
    });
    const warnings: Error[] = [];
    const warn = (warning: Error) => void warnings.push(warning);
    process.on('warning', warn);
    onTestFinished(() => void process.off('warning', warn));
    const connection = await dial(server.port);
    for (let i = 1; i <= 40; i++) {
      connection.socket.write(getAndStay(paths.list) + getAndStay('/example.com/m/@latest'));
      await server.line();
      await server.line();
    }
    connection.socket.write(get('/healthz'));
    expect((await connection.all).match(/false/g)).toHaveLength(80);
    expect(warnings).toEqual([]);
  });
});

describe('limits', () => {
  it('end a connection whose request does not come to its end', async () => {
    const server = await openTestServer({ settings: { limits: { headerMs: 200 } } });
    const connection = await dial(server.port, 'GET / HTTP/1.1\r\nHost: a\r\n');
    const drip = setInterval(() => connection.socket.write('X-Slow: loris\r\n'), 20);
    onTestFinished(() => clearInterval(drip));
    expect(await connection.until('in time')).toMatch(
      /^HTTP\/1\.1 408 [\s\S]*the request did not arrive in time\n$/,
    );
    await connection.all;
    expect(server.lines[0]).toMatchObject({ status: 408, kind: 'other' });
  });

  it('end a connection that sends nothing, without a word', async () => {
    const server = await openTestServer({ settings: { limits: { headerMs: 200 } } });
    expect(await ask(server.port, '')).toBe('');
    expect(server.lines).toEqual([]);
  });

  it('end a connection that is idle', async () => {
    const server = await openTestServer({ settings: { limits: { idleMs: 100 } } });
    const connection = await dial(server.port, getAndStay('/healthz'));
    expect(await connection.all).toMatch(/ok\n$/);
  });

  it('do not end a connection that waits for its source', async () => {
    const slow = slowList();
    const { port } = await openTestServer({
      modules: { list: slow.list },
      settings: { limits: { idleMs: 50 } },
    });
    const waiting = await dial(port, getAndStay(paths.list));
    await slow.asked;
    // An idle connection that came later is ended by the same clock.
    const idle = await dial(port, getAndStay('/healthz'));
    await idle.all;
    slow.answer('v9.0.0');
    expect(await waiting.until('v9.0.0')).toMatch(/^HTTP\/1\.1 200/);
    await waiting.all;
  });

  it.each([
    ['of one piece', () => memoryFile(Buffer.alloc(30_000_000))],
    ['in chunks', () => openFile([], { size: undefined as never, read: endless })],
  ])('end a download %s whose client takes nothing of it', async (_, open) => {
    const server = await openTestServer({ modules: { open }, settings: { limits: { idleMs: 100 } } });
    const socket = connect({ host: '127.0.0.1', port: server.port });
    onTestFinished(() => void socket.destroy());
    socket.pause();
    socket.write(getAndStay(paths.zip));
    expect(await server.line()).toMatchObject({ status: 499, errorKind: 'canceled' });
  });

  it('refuse connections past their number', async () => {
    const server = await openTestServer({ settings: { limits: { maxConnections: 2 } } });
    const first = await dial(server.port, getAndStay('/healthz'));
    const second = await dial(server.port, getAndStay('/healthz'));
    await Promise.all([first.until('ok'), second.until('ok')]);
    expect(server.connections()).toBe(2);
    expect(await ask(server.port, get('/healthz'))).not.toContain('HTTP');
    expect(server.events).toEqual(['connection_refused']);
    expect(server.problems).toHaveLength(1);
    first.socket.destroy();
    second.socket.write(get('/healthz'));
    await second.all;
  });

  it('end a connection with more waiting requests than anybody has', async () => {
    const slow = slowList();
    const server = await openTestServer({
      modules: { list: slow.list },
      settings: { limits: { maxRequestsPerConnection: 4 } },
    });
    expect(await ask(server.port, getAndStay(paths.list).repeat(5))).not.toContain('HTTP');
    expect(server.events).toContain('pipelining_refused');
    expect(await ask(server.port, get('/healthz'))).toContain('200');
  });
});

async function* endless() {
  for (;;) yield Buffer.alloc(1_000_000);
}

describe('a drain', () => {
  it('fails readyz at once and goes on for its first moment', async () => {
    const server = await openTestServer({ settings: { drain: { lingerMs: 300, timeoutMs: 5000 } } });
    const done = server.drain();
    expect(await ask(server.port, get('/readyz'))).toMatch(
      /^HTTP\/1\.1 503 [\s\S]*Retry-After: 5[\s\S]*shutting down\n$/,
    );
    expect(await ask(server.port, get('/healthz'))).toMatch(/^HTTP\/1\.1 200/);
    expect(await ask(server.port, get(paths.mod))).toContain('module example.com/m');
    await done;
    await expect(dial(server.port)).rejects.toThrow('ECONNREFUSED');
  });

  it('closes idle connections', async () => {
    const server = await openTestServer();
    const idle = await dial(server.port, getAndStay('/healthz'));
    const silent = await dial(server.port);
    await idle.until('ok');
    await server.drain();
    await Promise.all([idle.all, silent.all]);
    await expect.poll(server.connections).toBe(0);
  });

  it('lets what runs come to its end, and ends its connection with it', async () => {
    const slow = slowList();
    const server = await openTestServer({ modules: { list: slow.list } });
    const waiting = await dial(server.port, getAndStay(paths.list));
    const { signal } = await slow.asked;
    const done = server.drain();
    await expect.poll(() => dial(server.port).catch((error) => error.code)).toBe('ECONNREFUSED');
    expect(signal.aborted).toBe(false);
    slow.answer('v9.0.0');
    expect(await waiting.all).toMatch(/^HTTP\/1\.1 200 [\s\S]*v9\.0\.0$/);
    await done;
  });

  it('says so on a connection that goes on asking', async () => {
    const slow = slowList();
    const server = await openTestServer({ modules: { list: slow.list } });
    const busy = await dial(server.port, getAndStay(paths.list));
    await slow.asked;
    const done = server.drain();
    await expect.poll(() => dial(server.port).catch((error) => error.code)).toBe('ECONNREFUSED');
    busy.socket.write(getAndStay(paths.mod));
    slow.answer('v9.0.0');
    const all = await busy.all;
    expect(all).toContain('v9.0.0');
    if (all.includes('module example.com/m')) expect(all).toContain('Connection: close');
    await done;
  });

  it('does not cut a body that a slow client has not taken yet', async () => {
    const bytes = Buffer.alloc(30_000_000, 'z');
    const server = await openTestServer({ modules: { open: () => memoryFile(bytes) } });
    const socket = connect({ host: '127.0.0.1', port: server.port });
    onTestFinished(() => void socket.destroy());
    socket.pause();
    socket.write(getAndStay(paths.zip));
    await once(socket, 'readable');
    const done = server.drain();
    await expect.poll(() => dial(server.port).catch((error) => error.code)).toBe('ECONNREFUSED');
    let got = 0;
    socket.on('data', (chunk) => {
      got += chunk.length;
    });
    await once(socket, 'close');
    expect(got).toBeGreaterThan(bytes.length);
    await done;
  });

  it('cuts what is not done in its time', async () => {
    const slow = slowList();
    const server = await openTestServer({
      modules: { list: slow.list },
      settings: { drain: { lingerMs: 0, timeoutMs: 150 } },
    });
    const waiting = await dial(server.port, getAndStay(paths.list));
    await slow.asked;
    await server.drain();
    expect(await waiting.all).not.toContain('HTTP');
    expect(await server.line()).toMatchObject({ status: 499 });
  });

  it('asked for twice is one', async () => {
    const server = await openTestServer();
    await Promise.all([server.drain(), server.drain()]);
    await server.drain();
  });
});

describe('a unix socket', () => {
  async function folder(): Promise<string> {
    const path = await mkdtemp(join(tmpdir(), 'stoa-'));
    onTestFinished(() => rm(path, { recursive: true }));
    return path;
  }

  async function askSocket(path: string): Promise<string> {
    const socket = connect(path);
    socket.write(get(paths.list));
    let text = '';
    for await (const chunk of socket) text += chunk;
    return text;
  }

  it('takes requests, with its permissions, and is gone after the drain', async () => {
    const path = join(await folder(), 'stoa.sock');
    const server = await openTestServer({ settings: { listen: { socket: path, mode: 0o600 } } });
    expect(server.url).toBe(`unix:${path}`);
    expect(await askSocket(path)).toContain('v1.0.0');
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(await server.line()).toMatchObject({ address: 'unix' });
    await server.drain();
    await expect(stat(path)).rejects.toThrow('ENOENT');
  });

  it('takes the place of one that a dead process left', async () => {
    const path = join(await folder(), 'stoa.sock');
    await leaveStale(path);
    await openTestServer({ settings: { listen: { socket: path } } });
    expect(await askSocket(path)).toContain('v1.0.0');
  });

  it('does not take the place of a living one', async () => {
    const path = join(await folder(), 'stoa.sock');
    await openTestServer({ settings: { listen: { socket: path } } });
    await expect(openTestServer({ settings: { listen: { socket: path } } })).rejects.toThrow(
      `cannot listen on ${path}: another process listens there`,
    );
    expect(await askSocket(path)).toContain('v1.0.0');
  });

  it('does not take the place of a file', async () => {
    const path = join(await folder(), 'precious');
    await writeFile(path, 'text');
    await expect(openTestServer({ settings: { listen: { socket: path } } })).rejects.toThrow(
      'it is no socket',
    );
    expect(await readFile(path, 'utf8')).toBe('text');
  });

  it('cuts a failing download too', async () => {
    const path = join(await folder(), 'stoa.sock');
    const failing = openFile(['abcd'], {
      async *read() {
        yield Buffer.from('ab');
        throw new StoaError('integrity', 'no');
      },
    });
    const server = await openTestServer({
      modules: { open: async () => failing },
      settings: { listen: { socket: path } },
    });
    const socket = connect(path);
    socket.write(get(paths.zip));
    let text = '';
    for await (const chunk of socket) text += chunk;
    expect(text).toMatch(/Content-Length: 4[\s\S]*ab$/);
    expect(await server.line()).toMatchObject({ errorKind: 'integrity' });
  });

  /** A socket file that nobody listens on: the server is closed after the file was moved away and back. */
  async function leaveStale(path: string): Promise<void> {
    const dead = createServer().listen(path);
    await once(dead, 'listening');
    await rename(path, `${path}.kept`);
    dead.close();
    await once(dead, 'close');
    await rename(`${path}.kept`, path);
  }
});

describe('an address', () => {
  it('that is taken is told', async () => {
    const { port } = await openTestServer();
    await expect(openTestServer({ settings: { listen: { host: '127.0.0.1', port } } })).rejects.toThrow(
      `cannot listen on 127.0.0.1:${port}: another process listens there`,
    );
  });

  it('that is no address of this machine is told', async () => {
    await expect(openTestServer({ settings: { listen: { host: '192.0.2.1', port: 0 } } })).rejects.toThrow(
      'this machine has no such address',
    );
  });
});
