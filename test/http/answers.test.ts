import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { StoaError } from '../../src/errors.ts';
import type { Ask, Opened } from '../../src/stash/modules.ts';
import { ask, dial, get, getAndStay, memoryFile, openFile, openTestServer, paths } from './harness.ts';

/** An answer taken apart. */
function parse(answer: string): { status: number; headers: Record<string, string>; body: string } {
  const end = answer.indexOf('\r\n\r\n');
  const [line = '', ...fields] = answer.slice(0, end).split('\r\n');
  const headers = Object.fromEntries(
    fields.map((field) => {
      const colon = field.indexOf(':');
      return [field.slice(0, colon).toLowerCase(), field.slice(colon + 1).trim()];
    }),
  );
  return { status: Number(line.split(' ')[1]), headers, body: answer.slice(end + 4) };
}

/** The answers to a request on a connection that ends (Node writes it) and on one that stays (quick.ts does). */
async function bothWays(port: number, path: string, ...headers: string[]) {
  const ended = parse(await ask(port, get(path, ...headers)));
  const connection = await dial(port, getAndStay(path, ...headers) + get('/healthz'));
  const all = await connection.all;
  const stayed = parse(all.slice(0, all.lastIndexOf('HTTP/1.1 200')));
  return { ended, stayed };
}

const zip = (chunks: readonly string[], changes: Partial<Opened> = {}) => openFile(chunks, changes);

describe('a stored file in memory', () => {
  it('has a length, an ETag and the type of the file', async () => {
    const { port } = await openTestServer();
    const { ended, stayed } = await bothWays(port, paths.mod);
    for (const answer of [ended, stayed]) {
      expect(answer.status).toBe(200);
      expect(answer.body).toBe('module example.com/m\n');
      expect(answer.headers).toMatchObject({
        'content-type': 'text/plain; charset=utf-8',
        'content-length': '21',
        'cache-control': 'private, no-cache',
        etag: '"h1:fake-21"',
        'accept-ranges': 'bytes',
        date: expect.stringMatching(/^\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT$/),
      });
    }
    expect({ ...stayed.headers, date: '', connection: '' }).toEqual({
      ...ended.headers,
      date: '',
      connection: '',
    });
  });

  it.each([4095, 4096, 4097, 64 * 1024, 64 * 1024 + 1, 3_000_000])(
    'of %i bytes arrives whole',
    async (size) => {
      const bytes = Buffer.alloc(size, 'abcdefgh\xff', 'latin1');
      const { port } = await openTestServer({ modules: { open: () => memoryFile(bytes) } });
      const { ended, stayed } = await bothWays(port, paths.zip);
      expect(Buffer.from(ended.body, 'latin1').equals(bytes)).toBe(true);
      expect(Buffer.from(stayed.body, 'latin1').equals(bytes)).toBe(true);
    },
  );

  it('is another one when its bytes are', async () => {
    let file = memoryFile(Buffer.from('one'));
    const { port } = await openTestServer({ modules: { open: () => file } });
    const connection = await dial(port, getAndStay(paths.mod));
    await connection.until('one');
    file = memoryFile(Buffer.from('two'));
    connection.socket.write(getAndStay(paths.mod));
    await connection.until('two');
  });

  it('keeps its ETag and headers apart from those of another answer with the same bytes', async () => {
    const bytes = Buffer.from('same');
    let etag = '"a"';
    const { port } = await openTestServer({ modules: { open: () => memoryFile(bytes, { etag }) } });
    const connection = await dial(port, getAndStay(paths.mod));
    await connection.until('ETag: "a"');
    etag = '"b"';
    connection.socket.write(getAndStay(paths.mod));
    await connection.until('ETag: "b"');
  });
});

describe('HEAD', () => {
  it.each(['list', 'info', 'mod', 'zip'] as const)('of %s has the head of GET and no body', async (kind) => {
    const { port, line } = await openTestServer();
    const whole = parse(await ask(port, get(paths[kind])));
    const head = parse(await ask(port, get(paths[kind]).replace('GET', 'HEAD')));
    expect({ ...head, headers: { ...head.headers, date: '' } }).toEqual({
      status: 200,
      headers: { ...whole.headers, date: '' },
      body: '',
    });
    await line();
    expect(await line()).toMatchObject({ method: 'HEAD', bytes: 0, status: 200 });
  });

  it('of a file outside memory does not read it', async () => {
    const file = zip(['abc'], {
      read: () => {
        throw new Error('read');
      },
    });
    const { port } = await openTestServer({ modules: { open: async () => file } });
    const head = parse(await ask(port, get(paths.zip).replace('GET', 'HEAD')));
    expect(head).toMatchObject({ status: 200, headers: { 'content-length': '3' }, body: '' });
    expect(file.closed).toBe(true);
  });

  it('of a failure has its status and no body', async () => {
    const { port } = await openTestServer();
    const head = parse(await ask(port, get('/example.com/m/@v/v9.0.0.mod').replace('GET', 'HEAD')));
    expect(head).toMatchObject({ status: 404, body: '' });
  });
});

describe('If-None-Match', () => {
  it('that names the ETag is answered 304, without a body', async () => {
    const { port, line } = await openTestServer();
    const { ended, stayed } = await bothWays(port, paths.mod, 'If-None-Match: "x", W/"h1:fake-21"');
    for (const answer of [ended, stayed]) {
      expect(answer).toMatchObject({
        status: 304,
        headers: { etag: '"h1:fake-21"', 'cache-control': 'private, no-cache' },
        body: '',
      });
      expect(answer.headers).not.toHaveProperty('content-length');
    }
    expect(await line()).toMatchObject({ status: 304, bytes: 0, outcome: 'hit' });
  });

  it('closes the file that is not read', async () => {
    const file = zip(['abc']);
    const { port } = await openTestServer({ modules: { open: async () => file } });
    expect(parse(await ask(port, get(paths.zip, 'If-None-Match: *'))).status).toBe(304);
    expect(file.closed).toBe(true);
  });

  it('of another content gets the whole', async () => {
    const { port } = await openTestServer();
    expect(parse(await ask(port, get(paths.mod, 'If-None-Match: "other"'))).status).toBe(200);
  });
});

describe('a range', () => {
  const letters = Buffer.from('abcdefghij');

  it.each([
    ['memory', () => memoryFile(letters)],
    ['storage', () => zip(['abcd', 'efgh', 'ij'])],
  ])('is cut out of a file in %s', async (_, file) => {
    const { port, line } = await openTestServer({ modules: { open: file } });
    const part = parse(await ask(port, get(paths.zip, 'Range: bytes=3-5')));
    expect(part).toMatchObject({
      status: 206,
      headers: { 'content-range': 'bytes 3-5/10', 'content-length': '3', etag: '"h1:fake-10"' },
      body: 'def',
    });
    expect(await line()).toMatchObject({ status: 206, bytes: 3 });
  });

  it('with an If-Range of other content is ignored', async () => {
    const { port } = await openTestServer({ modules: { open: () => memoryFile(letters) } });
    const get206 = async (ifRange: string) =>
      parse(await ask(port, get(paths.zip, 'Range: bytes=-2', `If-Range: ${ifRange}`)));
    expect(await get206('"h1:fake-10"')).toMatchObject({ status: 206, body: 'ij' });
    expect(await get206('"other"')).toMatchObject({ status: 200, body: 'abcdefghij' });
  });

  it.each([
    ['memory', () => memoryFile(letters)],
    ['storage', () => zip(['abcd', 'efgh', 'ij'])],
  ])('outside a file in %s is told its size', async (_, open) => {
    const file = open();
    const { port } = await openTestServer({ modules: { open: () => file } });
    const answer = parse(await ask(port, get(paths.zip, 'Range: bytes=10-')));
    expect(answer).toMatchObject({
      status: 416,
      headers: { 'content-range': 'bytes */10', 'content-type': 'text/plain; charset=utf-8' },
      body: 'the range is outside the file, which has 10 bytes\n',
    });
    if ('closed' in file) expect(file.closed).toBe(true);
  });

  it.each(['bytes=0-1,4-5', 'bytes=x', 'bytes=5-2', 'lines=1-2', 'bytes=', '\t'])(
    'that makes no sense is ignored: %s',
    async (range) => {
      const { port } = await openTestServer({ modules: { open: () => memoryFile(letters) } });
      expect(parse(await ask(port, get(paths.zip, `Range: ${range}`)))).toMatchObject({
        status: 200,
        body: 'abcdefghij',
      });
    },
  );

  it('of HEAD, of a list and of a failure is ignored', async () => {
    const { port } = await openTestServer();
    const range = 'Range: bytes=0-1';
    expect(parse(await ask(port, get(paths.zip, range).replace('GET', 'HEAD'))).status).toBe(200);
    expect(parse(await ask(port, get(paths.list, range)))).toMatchObject({ status: 200, body: 'v1.0.0\n' });
    expect(parse(await ask(port, get('/nope', range))).status).toBe(404);
  });
});

describe('a long text', () => {
  const text = Buffer.from('v1.0.0\n'.repeat(1000));
  const list = () => ({ bytes: text, ageSeconds: 0, outcome: 'hit' as const });

  it('is compressed for who takes it', async () => {
    const { port, line } = await openTestServer({ modules: { list } });
    const { ended, stayed } = await bothWays(port, paths.list, 'Accept-Encoding: gzip');
    for (const answer of [ended, stayed]) {
      expect(answer.headers).toMatchObject({ 'content-encoding': 'gzip', vary: 'Accept-Encoding' });
      expect(Number(answer.headers['content-length'])).toBe(answer.body.length);
      expect(gunzipSync(Buffer.from(answer.body, 'latin1')).equals(text)).toBe(true);
    }
    expect((await line()).bytes).toBeLessThan(1000);
  });

  it('is sent as it is to who does not, and a cache is told that there are two', async () => {
    const { port } = await openTestServer({ modules: { list } });
    const { ended, stayed } = await bothWays(port, paths.list, 'Accept-Encoding: gzip;q=0');
    for (const answer of [ended, stayed]) {
      expect(answer.headers).toMatchObject({ 'content-length': '7000', vary: 'Accept-Encoding' });
      expect(answer.headers).not.toHaveProperty('content-encoding');
      expect(answer.body).toBe(text.toString());
    }
  });

  it('has a weak ETag when it is compressed, since its bytes are others', async () => {
    const { port } = await openTestServer({ modules: { open: () => memoryFile(text) } });
    const { ended, stayed } = await bothWays(port, paths.mod, 'Accept-Encoding: gzip');
    expect([ended.headers.etag, stayed.headers.etag]).toEqual(['W/"h1:fake-7000"', 'W/"h1:fake-7000"']);
    const known = parse(
      await ask(port, get(paths.mod, 'Accept-Encoding: gzip', 'If-None-Match: W/"h1:fake-7000"')),
    );
    expect(known).toMatchObject({ status: 304, headers: { vary: 'Accept-Encoding' } });
  });

  it('is not compressed for a range', async () => {
    const { port } = await openTestServer({ modules: { open: () => memoryFile(text) } });
    const part = parse(await ask(port, get(paths.mod, 'Accept-Encoding: gzip', 'Range: bytes=0-5')));
    expect(part).toMatchObject({ status: 206, headers: { etag: '"h1:fake-7000"' }, body: 'v1.0.0' });
    expect(part.headers).not.toHaveProperty('content-encoding');
  });

  it('is not compressed where it is a zip', async () => {
    const { port } = await openTestServer({ modules: { open: () => memoryFile(text) } });
    const answer = parse(await ask(port, get(paths.zip, 'Accept-Encoding: gzip')));
    expect(answer.headers).toMatchObject({ 'content-length': '7000', 'content-type': 'application/zip' });
    expect(answer.headers).not.toHaveProperty('vary');
  });
});

describe('a file that is not in memory', () => {
  it('is sent chunk after chunk, each before the next overwrites it', async () => {
    const chunks = Array.from({ length: 40 }, (_, i) => String.fromCharCode(97 + (i % 26)).repeat(100_000));
    const file = zip(chunks);
    const { port, line } = await openTestServer({ modules: { open: async () => file } });
    const { ended, stayed } = await bothWays(port, paths.zip);
    for (const answer of [ended, stayed]) {
      expect(answer.headers).toMatchObject({ 'content-length': '4000000', etag: '"h1:fake-4000000"' });
      expect(answer.body === chunks.join('')).toBe(true);
    }
    expect(file.closed).toBe(true);
    expect(await line()).toMatchObject({ status: 200, bytes: 4_000_000, outcome: 'hit' });
  });

  it('may be empty', async () => {
    const { port } = await openTestServer({ modules: { open: async () => zip([]) } });
    const { ended, stayed } = await bothWays(port, paths.zip);
    for (const answer of [ended, stayed]) expect(answer).toMatchObject({ status: 200, body: '' });
  });

  it('is not held back by a chunk that has not come yet', async () => {
    const second = Promise.withResolvers<void>();
    const file = zip(['abcd'], {
      async *read() {
        yield Buffer.from('ab');
        await second.promise;
        yield Buffer.from('cd');
      },
    });
    const { port } = await openTestServer({ modules: { open: async () => file } });
    const connection = await dial(port, get(paths.zip));
    expect(await connection.until('ab')).not.toContain('cd');
    second.resolve();
    expect(parse(await connection.all).body).toBe('abcd');
  });

  it('that fails before its first byte is answered with the reason', async () => {
    const failing = zip(['abcd'], {
      // biome-ignore lint/correctness/useYield: it fails first
      async *read() {
        throw new StoaError('integrity', 'example.com/m@v1.0.0: not a zip');
      },
    });
    const { port, line } = await openTestServer({ modules: { open: async () => failing } });
    expect(parse(await ask(port, get(paths.zip)))).toMatchObject({
      status: 502,
      body: 'example.com/m@v1.0.0: not a zip\n',
    });
    expect(await line()).toMatchObject({ status: 502, errorKind: 'integrity' });
    expect(failing.closed).toBe(true);
  });

  it.each([
    ['with a declared length', zip(['abcd'])],
    ['in HTTP chunks', zip(['abcd'], { size: undefined as never, stored: false, etag: undefined as never })],
  ])('%s that fails later is cut by a reset, never by an end', async (_, file) => {
    const failing = {
      ...file,
      async *read() {
        yield Buffer.from('ab');
        throw new StoaError('integrity', 'example.com/m@v1.0.0: not the bytes that were promised');
      },
    };
    const { port, line } = await openTestServer({ modules: { open: async () => failing } });
    const answer = await ask(port, get(paths.zip));
    expect(answer).toMatch(/reset$/);
    expect(answer).not.toContain('0\r\n\r\n');
    expect(await line()).toMatchObject({
      status: 502,
      bytes: 2,
      errorKind: 'integrity',
      error: 'example.com/m@v1.0.0: not the bytes that were promised',
    });
  });

  it.each([
    ['fewer', ['ab']],
    ['more', ['ab', 'cd', 'ef']],
  ])('that gives %s bytes than its size says is cut', async (than, chunks) => {
    const lying = zip(['abcd'], {
      async *read() {
        for (const chunk of chunks) yield Buffer.from(chunk);
      },
    });
    const { port, line } = await openTestServer({ modules: { open: async () => lying } });
    expect(await ask(port, get(paths.zip))).toMatch(/reset$/);
    expect(await line()).toMatchObject({
      errorKind: 'storage',
      error: `the file gave ${than} bytes than its size says`,
    });
  });

  it('is closed when its client left, and reading it is aborted', async () => {
    const left = Promise.withResolvers<AbortSignal>();
    const file = zip([], {
      size: undefined as never,
      async *read({ signal }) {
        left.resolve(signal);
        while (!signal.aborted) yield Buffer.alloc(64 * 1024);
      },
    });
    const { port, line } = await openTestServer({ modules: { open: async () => file } });
    const connection = await dial(port, get(paths.zip));
    await connection.until('\0');
    connection.socket.destroy();
    expect(await line()).toMatchObject({ status: 499, errorKind: 'canceled', error: 'the client left' });
    expect((await left.promise).aborted).toBe(true);
    expect(file.closed).toBe(true);
  });
});

describe('a first download', () => {
  const first = () =>
    zip(['abcd'], { stored: false, etag: undefined as never, outcome: 'miss', source: 'up' });

  it('has nothing that a cache could keep', async () => {
    const { port, line } = await openTestServer({ modules: { open: async () => first() } });
    const answer = parse(await ask(port, get(paths.zip)));
    expect(answer).toMatchObject({ status: 200, headers: { 'cache-control': 'no-store' }, body: 'abcd' });
    expect(answer.headers).not.toHaveProperty('etag');
    expect(answer.headers).not.toHaveProperty('accept-ranges');
    expect(await line()).toMatchObject({ outcome: 'miss', source: 'up' });
  });

  it('goes in chunks while its size is not known', async () => {
    const { port } = await openTestServer({
      modules: { open: async () => ({ ...first(), size: undefined as never }) },
    });
    const answer = parse(await ask(port, get(paths.zip)));
    expect(answer.headers).toMatchObject({ 'transfer-encoding': 'chunked' });
    expect(answer.body).toBe('4\r\nabcd\r\n0\r\n\r\n');
  });

  it.each([
    ['GET of a zip', get(paths.zip), true],
    ['GET of a .mod', get(paths.mod), undefined],
    ['HEAD', get(paths.zip).replace('GET', 'HEAD'), undefined],
    ['a range', get(paths.zip, 'Range: bytes=0-1'), undefined],
    ['HTTP/1.0, where a cut looks like an end', get(paths.zip).replace('HTTP/1.1', 'HTTP/1.0'), undefined],
  ])('may be shown before it is verified to %s: %3$s', async (_, request, mayStream) => {
    const asks: Ask[] = [];
    const { port } = await openTestServer({
      modules: {
        open: (_version, _file, from) => {
          asks.push(from);
          return memoryFile(Buffer.from('abcd'));
        },
      },
    });
    await ask(port, request);
    expect(asks[0]!.mayStream).toBe(mayStream);
  });
});

describe('an old list', () => {
  it('says so in headers that change with each answer', async () => {
    let ageSeconds = 61;
    const bytes = Buffer.from('v1.0.0\n');
    const list = () => ({ bytes, ageSeconds, outcome: 'stale' as const, caveat: 'up.example.com: 502' });
    const { port, line } = await openTestServer({ modules: { list } });
    const { ended, stayed } = await bothWays(port, paths.list);
    for (const answer of [ended, stayed])
      expect(answer.headers).toMatchObject({ age: '61', warning: '110 stoa "up.example.com: 502"' });
    ageSeconds = 62;
    expect((await bothWays(port, paths.list)).stayed.headers.age).toBe('62');
    expect(await line()).toMatchObject({ outcome: 'stale' });
  });
});

describe('pages', () => {
  it.each([
    ['/', 200, 'text/html; charset=utf-8', 'GOPROXY'],
    ['/healthz', 200, 'text/plain; charset=utf-8', 'ok\n'],
    ['/readyz', 200, 'text/plain; charset=utf-8', 'ok\n'],
    ['/version', 200, 'application/json', '{"version":"v1.2.3","date":"2026-11-22"}\n'],
    ['/robots.txt', 200, 'text/plain; charset=utf-8', 'User-agent: *\nDisallow: /\n'],
    ['/metrics', 200, 'text/plain; version=0.0.4', 'stoa_requests_total 1\n'],
  ])('%s', async (path, status, contentType, text) => {
    const { port } = await openTestServer();
    const { ended, stayed } = await bothWays(port, path);
    for (const answer of [ended, stayed]) {
      expect(answer).toMatchObject({ status, headers: { 'content-type': contentType } });
      expect(answer.body).toContain(text);
    }
  });

  it('tell that the server is degraded, and stay ready', async () => {
    const health = async () => ({ ready: true, text: 'degraded: the disk is full' });
    const { port } = await openTestServer({ options: { health } });
    expect(parse(await ask(port, get('/readyz')))).toMatchObject({
      status: 200,
      body: 'degraded: the disk is full\n',
    });
  });

  it('fail where storage cannot be read', async () => {
    const health = async () => ({ ready: false, text: 'the store cannot be read: EIO' });
    const { port } = await openTestServer({ options: { health } });
    expect(parse(await ask(port, get('/readyz')))).toMatchObject({
      status: 503,
      headers: { 'retry-after': '30' },
      body: 'the store cannot be read: EIO\n',
    });
    expect(parse(await ask(port, get('/healthz'))).status).toBe(200);
  });

  it('do not tell metrics where the settings say so', async () => {
    const { port } = await openTestServer({ settings: { showsMetrics: false } });
    expect(parse(await ask(port, get('/metrics'))).status).toBe(404);
  });

  it('are what the settings say', async () => {
    const { port } = await openTestServer({
      settings: {
        robots: 'User-agent: *\nAllow: /\n',
        home: { noSumPatterns: '', template: '<i>{{.Host}}</i>' },
      },
    });
    expect(parse(await ask(port, get('/robots.txt'))).body).toContain('Allow: /');
    expect(parse(await ask(port, get('/'))).body).toBe('<i>http://go.example.com</i>');
  });

  it('answer below the prefix', async () => {
    const { port } = await openTestServer({ settings: { prefix: '/go' } });
    expect(parse(await ask(port, get(`/go${paths.list}`))).body).toBe('v1.0.0\n');
    expect(parse(await ask(port, get(paths.list))).status).toBe(404);
    expect(parse(await ask(port, get('/go'))).body).toContain('http://go.example.com/go,direct');
  });
});

it('files that were served are told by their keys, and nothing else is', async () => {
  const { port, served } = await openTestServer();
  const absent = paths.mod.replace('v1.0.0', 'v9.0.0');
  for (const path of [paths.mod, paths.zip, paths.list, '/', absent]) await bothWays(port, path);
  await bothWays(port, paths.mod, 'If-None-Match: "h1:fake-21"');
  const told = [paths.mod, paths.mod, paths.zip, paths.zip, paths.mod, paths.mod];
  expect(served).toEqual(told.map((path) => path.slice(1)));
});
