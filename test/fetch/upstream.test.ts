import { describe, expect, test } from 'vitest';
import { StoaError } from '../../src/errors.ts';
import { type Match, readModuleTexts } from '../fakes/upstream.ts';
import { type Bed, calm, createMemorySpool, startBed } from './setup.ts';

const texts = await readModuleTexts();
const hello = { path: 'example.com/hello', version: 'v1.0.0' };
const branch = 'v1.2.1-0.20240405060708-fedcba987654';
const missing = { path: 'example.com/hello', version: 'v9.9.9' };

/** All the files of a version, each through a spool of its own. */
async function fetchAll(bed: Bed, version: { path: string; version: string }): Promise<Buffer[]> {
  const files = ['info', 'mod', 'zip'] as const;
  return Promise.all(
    files.map(async (file) => {
      const spool = createMemorySpool();
      await bed.source.fetch(version, file, {}, spool, calm());
      return spool.bytes();
    }),
  );
}

describe('an upstream', () => {
  test.each([
    [hello],
    [{ path: 'example.com/hello', version: branch }],
    [{ path: 'example.com/Mixed/Case', version: 'v1.0.0' }],
    [{ path: 'example.com/old', version: 'v2.0.0+incompatible' }],
  ])('gives the files of $path@$version as it has them', async (version) => {
    await using bed = await startBed({ modules: texts });
    const { info, mod, zip } = bed.fake.fixture(version.path, version.version);
    expect(await fetchAll(bed, version)).toEqual([info, mod, zip]);
    expect([...bed.reported].sort()).toEqual(
      [info, mod, zip].map(({ length }) => `true ok ${length}`).sort(),
    );
  });

  test('is asked in the very form in which the go command asks', async () => {
    await using bed = await startBed({ modules: texts });
    await fetchAll(bed, { path: 'example.com/Mixed/Case', version: 'v1.0.0' });
    await bed.source.list('example.com/Mixed/Case', calm());
    await bed.source.query('example.com/Mixed/Case', 'latest', calm());
    await bed.source.query('example.com/Mixed/Case', 'Release', calm());
    await bed.source.fetch(
      { path: 'example.com/old', version: 'v2.0.0+incompatible' },
      'mod',
      {},
      createMemorySpool(),
      calm(),
    );
    expect(bed.fake.requests.map(({ path }) => path).sort()).toEqual([
      '/example.com/%21mixed/%21case/@latest',
      '/example.com/%21mixed/%21case/@v/%21release.info',
      '/example.com/%21mixed/%21case/@v/list',
      '/example.com/%21mixed/%21case/@v/v1.0.0.info',
      '/example.com/%21mixed/%21case/@v/v1.0.0.mod',
      '/example.com/%21mixed/%21case/@v/v1.0.0.zip',
      '/example.com/old/@v/v2.0.0+incompatible.mod',
    ]);
  });

  test('lists its versions sorted, without pseudo-versions', async () => {
    await using bed = await startBed({ modules: texts });
    expect(await bed.source.list('example.com/hello', calm())).toEqual({
      source: bed.fake.url,
      versions: ['v1.0.0', 'v1.1.0', 'v1.2.0'],
    });
    expect((await bed.source.list('example.com/untagged', calm())).versions).toEqual([]);
  });

  test.each([
    ['main', branch],
    ['fedcba987654', branch],
    ['latest', branch],
    ['v1.0.0', 'v1.0.0'],
  ])('resolves %s', async (query, version) => {
    await using bed = await startBed({ modules: texts });
    expect(await bed.source.query('example.com/hello', query, calm())).toEqual({
      source: bed.fake.url,
      version,
      bytes: bed.fake.fixture('example.com/hello', version).info,
    });
  });

  test('says of every spool what it is: source and size', async () => {
    await using bed = await startBed({ modules: texts });
    const { zip, mod } = bed.fake.fixture(hello.path, hello.version);
    const spool = createMemorySpool();
    await bed.source.fetch(hello, 'zip', {}, spool, calm());
    await bed.source.fetch(hello, 'mod', {}, spool, calm());
    bed.fake.fault({ kind: 'zip' }, { do: 'chunked' });
    await bed.source.fetch(hello, 'zip', {}, spool, calm());
    const source = bed.fake.url;
    expect(spool.begun).toEqual([{ source, size: zip.length }, { source, size: mod.length }, { source }]);
  });

  test('is told whence a request comes', async () => {
    await using bed = await startBed({ modules: texts });
    await bed.source.list('example.com/hello', calm());
    await bed.source.query('example.com/hello', 'main', calm(), 'first, second');
    expect(bed.fake.requests.map(({ headers }) => headers['stoa-via'])).toEqual([
      'this-server',
      'first, second, this-server',
    ]);
  });

  test('is never asked for what no upstream may be asked', async () => {
    await using bed = await startBed({ modules: texts });
    await expect(bed.source.list('example.com/-/../x', calm())).rejects.toMatchObject({ kind: 'malformed' });
    await expect(bed.source.query('example.com/hello', 'feature/x', calm())).rejects.toMatchObject({
      kind: 'malformed',
    });
    expect(bed.fake.requests).toEqual([]);
  });

  test('gives a zip on as it comes: the spool has the first bytes while the rest is not sent yet', async () => {
    await using bed = await startBed({ modules: texts });
    const { zip } = bed.fake.fixture(hello.path, hello.version);
    const rest = Promise.withResolvers<void>();
    bed.fake.fault({ kind: 'zip' }, { do: 'hang', until: rest.promise, afterBytes: 100 });
    const spool = createMemorySpool();
    const done = bed.source.fetch(hello, 'zip', {}, spool, calm());
    await spool.grown(100);
    expect(spool.bytes()).toEqual(zip.subarray(0, 100));
    rest.resolve();
    await done;
    expect(spool.bytes()).toEqual(zip);
  });

  test('may send a zip in crumbs, smaller than what tells a zip', async () => {
    await using bed = await startBed({ modules: texts });
    bed.fake.fault({ kind: 'zip' }, { do: 'drip', bytes: 3, everyMs: 0 });
    const spool = createMemorySpool();
    await bed.source.fetch(hello, 'zip', {}, spool, calm());
    expect(spool.bytes()).toEqual(bed.fake.fixture(hello.path, hello.version).zip);
  });
});

describe('absence', () => {
  test('is what the source says, in its own words', async () => {
    await using bed = await startBed({ modules: texts });
    await expect(bed.source.fetch(missing, 'info', {}, createMemorySpool(), calm())).rejects.toMatchObject({
      kind: 'notFound',
      message: 'example.com/hello@v9.9.9: invalid version: unknown revision v9.9.9',
    });
    await expect(bed.source.list('example.com/nowhere', calm())).rejects.toMatchObject({
      kind: 'notFound',
      message: 'example.com/nowhere: no such module',
    });
    expect(bed.reported).toEqual(['true absent 0', 'true absent 0']);
    expect(bed.events).toEqual([]);
  });

  test.each([
    [404, '', 'text/plain', 'URL answered 404 Not Found', 'it gave no reason'],
    [410, 'gone for good', 'text/plain', 'gone for good', '410 is 404 to the go command'],
    [404, '<h1>No</h1>', 'text/html', 'URL answered 404 Not Found', 'a page is not for the terminal'],
  ])('is a %i with %j: %5$s', async (status, body, type, told) => {
    await using bed = await startBed({ modules: texts });
    bed.fake.fault({ kind: 'mod' }, { do: 'answer', status, body, type });
    await expect(bed.source.fetch(hello, 'mod', {}, createMemorySpool(), calm())).rejects.toMatchObject({
      kind: 'notFound',
      message: `example.com/hello@v1.0.0: ${told.replace('URL', bed.fake.url)}`,
    });
  });

  test('is not what a 404 says that means a time-out', async () => {
    await using bed = await startBed({ modules: texts });
    bed.fake.fault({ kind: 'mod' }, { do: 'answer', status: 404, body: 'not found: fetch timed out' });
    await expect(bed.source.fetch(hello, 'mod', {}, createMemorySpool(), calm())).rejects.toMatchObject({
      kind: 'timeout',
      message: `example.com/hello@v1.0.0: ${bed.fake.url} answered 404 Not Found: fetch timed out`,
    });
    expect(bed.reported).toEqual(['true failed 0']);
  });
});

describe('a failing upstream', () => {
  test.each([
    [204, '', 'answered 204 No Content', 'success is exactly 200'],
    [206, 'part', 'answered 206 Partial Content: part', 'success is exactly 200'],
    [400, 'bad request: no', 'answered 400 Bad Request: bad request: no', 'nothing is said about the module'],
    [401, 'log in', 'answered 401 Unauthorized: log in', 'it does not know us'],
    [403, '', 'answered 403 Forbidden', 'it does not want to'],
    [429, 'slow down', 'answered 429 Too Many Requests: slow down', 'after its tries'],
    [
      500,
      'loop: an upstream leads back',
      'answered 500 Internal Server Error: loop: an upstream leads back',
      'its reason is passed on',
    ],
    [503, '', 'answered 503 Service Unavailable', 'after its tries'],
    [599, '', 'answered 599', 'a status without a name'],
  ])('%i with %j: %4$s', async (status, body, told) => {
    await using bed = await startBed({ modules: texts });
    bed.fake.fault({ kind: 'zip' }, { do: 'answer', status, body });
    const spool = createMemorySpool();
    await expect(bed.source.fetch(hello, 'zip', {}, spool, calm())).rejects.toMatchObject({
      kind: 'upstream',
      message: `example.com/hello@v1.0.0: ${bed.fake.url} ${told}`,
    });
    expect(spool.begun).toEqual([]);
    expect(bed.reported).toEqual(['true failed 0']);
    expect(bed.events).toEqual([]);
  });

  test('keeps its word about when to come back', async () => {
    await using bed = await startBed({ modules: texts });
    bed.fake.fault({ kind: 'mod' }, { do: 'answer', status: 503, headers: { 'retry-after': '120' } });
    await expect(bed.source.fetch(hello, 'mod', {}, createMemorySpool(), calm())).rejects.toMatchObject({
      kind: 'upstream',
      retryAfter: 120,
    });
  });

  test('that is down is no absence', async () => {
    await using bed = await startBed({ modules: texts });
    await bed.fake.stop();
    const { host } = new URL(bed.fake.url);
    await expect(bed.source.list('example.com/hello', calm())).rejects.toMatchObject({
      kind: 'upstream',
      message: `example.com/hello: ${host}: connection refused`,
    });
    await bed.fake.restart();
    expect((await bed.source.list('example.com/hello', calm())).versions).toHaveLength(3);
  });

  test('may recover between two tries', async () => {
    await using bed = await startBed({ modules: texts });
    bed.fake.fault({ kind: 'list' }, { do: 'answer', status: 503 }, 1);
    expect((await bed.source.list('example.com/hello', calm())).versions).toHaveLength(3);
    expect(bed.reported).toEqual(['true ok 21']);
  });

  test.each([
    ['reset', { do: 'reset', afterBytes: 50 }],
    ['cut', { do: 'truncate', bytes: 50, declare: 'full' }],
  ] as const)('breaks a zip off midway (%s): the fetch fails with what came', async (_, fault) => {
    await using bed = await startBed({ modules: texts });
    bed.fake.fault({ kind: 'zip' }, fault);
    const spool = createMemorySpool();
    await expect(bed.source.fetch(hello, 'zip', {}, spool, calm())).rejects.toMatchObject({
      kind: 'upstream',
      message: expect.stringMatching(
        /^example\.com\/hello@v1\.0\.0: 127\.0\.0\.1:\d+: the answer ended after 50 of \d+ bytes$/,
      ),
    });
    expect(bed.reported).toEqual(['true failed 50']);
    expect(bed.gate.running('zip')).toBe(0);
  });

  test('that stalls is cut off in time, and is no absence', async () => {
    await using bed = await startBed({ modules: texts }, { deadlines: { firstByteMs: 50, idleMs: 50 } });
    const never = new Promise(() => {});
    bed.fake.fault({ kind: 'list' }, { do: 'hang', until: never });
    await expect(bed.source.list('example.com/hello', calm())).rejects.toMatchObject({ kind: 'timeout' });
    bed.fake.fault({ kind: 'zip' }, { do: 'hang', until: never, afterBytes: 10 });
    await expect(bed.source.fetch(hello, 'zip', {}, createMemorySpool(), calm())).rejects.toMatchObject({
      kind: 'timeout',
    });
  });
});

describe('whoever asked', () => {
  const never = new Promise(() => {});
  test.each<[string, Match, number | undefined]>([
    ['before the head', { kind: 'zip' }, undefined],
    ['before the first bytes', { kind: 'zip' }, 0],
    ['before it can be known for a zip', { kind: 'zip' }, 2],
    ['midway', { kind: 'zip' }, 100],
  ])('may leave %s, and the connection is closed', async (_, match, afterBytes) => {
    await using bed = await startBed({ modules: texts });
    bed.fake.fault(match, { do: 'hang', until: never, ...(afterBytes === undefined ? {} : { afterBytes }) });
    const client = new AbortController();
    const spool = createMemorySpool();
    const fetch = bed.source.fetch(hello, 'zip', {}, spool, client.signal);
    const request = await bed.fake.request(match);
    if (afterBytes === 100) await spool.grown(100);
    client.abort();
    await expect(fetch).rejects.toMatchObject({ kind: 'canceled' });
    expect(await request.over).toBe('cut');
    expect(bed.gate.running('zip')).toBe(0);
    expect(bed.reported).toEqual([]);
  });

  test('may say why', async () => {
    await using bed = await startBed({ modules: texts });
    bed.fake.fault({ kind: 'list' }, { do: 'hang', until: never });
    const work = new AbortController();
    const list = bed.source.list('example.com/hello', work.signal);
    await bed.fake.request({ kind: 'list' });
    work.abort(new StoaError('timeout', 'nothing came within 10 minutes'));
    await expect(list).rejects.toMatchObject({
      kind: 'timeout',
      message: 'example.com/hello: nothing came within 10 minutes',
    });
  });

  test('may have a full disk, which is not the upstream’s fault', async () => {
    await using bed = await startBed({ modules: texts });
    const spool = createMemorySpool({ failWith: new StoaError('storage', 'no space left') });
    await expect(bed.source.fetch(hello, 'zip', {}, spool, calm())).rejects.toMatchObject({
      kind: 'storage',
      message: 'example.com/hello@v1.0.0: no space left',
    });
    expect(bed.reported).toEqual([]);
    expect(bed.gate.running('zip')).toBe(0);
  });
});

describe('habits of real upstreams', () => {
  const forbidden = { do: 'answer', status: 403 } as const;

  test('a refused list: the version that latest names stands for it, and it is said', async () => {
    await using bed = await startBed({
      modules: [{ path: 'example.com/m', versions: { 'v1.0.0': {}, 'v1.1.0': {} } }],
    });
    bed.fake.fault({ kind: 'list' }, forbidden);
    expect(await bed.source.list('example.com/m', calm())).toEqual({
      source: bed.fake.url,
      versions: ['v1.1.0'],
      incomplete: `${bed.fake.url} refuses its list and names only its latest version`,
    });
    await fetchAll(bed, { path: 'example.com/m', version: 'v1.0.0' });
  });

  test('a refused list of a module without versions: an empty one', async () => {
    await using bed = await startBed({ modules: texts });
    bed.fake.fault({ kind: 'list' }, forbidden);
    const list = await bed.source.list('example.com/untagged', calm());
    expect(list.versions).toEqual([]);
    expect(list.incomplete).toBeDefined();
  });

  test.each([
    ['absent', { do: 'answer', status: 404 }],
    ['refused as well', forbidden],
    ['a lie', { do: 'answer', body: '<html>', type: 'text/html' }],
  ] as const)('a refused list, and latest is %s: refused', async (_, latest) => {
    await using bed = await startBed({ modules: texts });
    bed.fake.fault({ kind: 'list' }, forbidden);
    bed.fake.fault({ kind: 'latest' }, latest);
    await expect(bed.source.list('example.com/hello', calm())).rejects.toMatchObject({
      kind: 'upstream',
      message: `example.com/hello: ${bed.fake.url} answered 403 Forbidden`,
    });
  });

  test('a list that is not refused but fails is not made up', async () => {
    await using bed = await startBed({ modules: texts });
    bed.fake.fault({ kind: 'list' }, { do: 'answer', status: 500 });
    await expect(bed.source.list('example.com/hello', calm())).rejects.toMatchObject({ kind: 'upstream' });
    expect(bed.fake.count({ kind: 'latest' })).toBe(0);
  });

  test('an absent latest beside a full list is an absence', async () => {
    await using bed = await startBed({
      modules: [{ path: 'example.com/m', versions: { 'v1.0.0': {} }, latest: null }],
    });
    await expect(bed.source.query('example.com/m', 'latest', calm())).rejects.toMatchObject({
      kind: 'notFound',
      message: `example.com/m@latest: ${bed.fake.url} answered 404 Not Found`,
    });
    expect((await bed.source.list('example.com/m', calm())).versions).toEqual(['v1.0.0']);
  });

  test('refused branches are refusals that name the branch', async () => {
    await using bed = await startBed({ modules: texts });
    bed.fake.fault({ kind: 'query' }, { do: 'answer', status: 403, body: 'no branches here' });
    await expect(bed.source.query('example.com/hello', 'main', calm())).rejects.toMatchObject({
      kind: 'upstream',
      message: `example.com/hello@main: ${bed.fake.url} answered 403 Forbidden: no branches here`,
    });
  });

  test('redirects to another place are followed', async () => {
    await using bed = await startBed({ modules: texts });
    bed.fake.fault('/example.com/hello/@v/v1.0.0.zip', {
      do: 'answer',
      status: 302,
      headers: { location: '/example.com/hello/@v/v1.1.0.zip' },
    });
    const spool = createMemorySpool();
    await bed.source.fetch(hello, 'zip', {}, spool, calm());
    expect(spool.bytes()).toEqual(bed.fake.fixture('example.com/hello', 'v1.1.0').zip);
    expect(spool.begun[0]?.source).toBe(bed.fake.url);
  });
});

describe('the gate before an upstream', () => {
  test('lets nobody dial who has no place', async () => {
    await using bed = await startBed({ modules: texts });
    const leaves = await Promise.all(
      Array.from({ length: 1000 }, () => bed.gate.enter(new URL(bed.fake.url).host, 'zip', calm())),
    );
    await expect(bed.source.fetch(hello, 'zip', {}, createMemorySpool(), calm())).rejects.toMatchObject({
      kind: 'overloaded',
      message: expect.stringMatching(
        /^example\.com\/hello@v1\.0\.0: too many zip downloads from 127\.0\.0\.1:\d+: /,
      ),
    });
    expect(bed.fake.requests).toEqual([]);
    expect(bed.reported).toEqual([]);
    expect((await bed.source.list('example.com/hello', calm())).versions).toHaveLength(3);
    for (const leave of leaves) leave();
    await bed.source.fetch(hello, 'zip', {}, createMemorySpool(), calm());
  });
});
