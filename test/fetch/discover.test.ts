import { describe, expect, test } from 'vitest';
import { StoaError } from '../../src/errors.ts';
import { createCheckVcs } from '../../src/fetch/govcs.ts';
import { tlsFile } from '../fakes/tls.ts';
import { failure, openAsker, openOrigin, refusingUrl } from '../net/origin.ts';
import { goImport, openDiscover, openVanity, type Page, type Vanity } from './vanity.ts';

const signal = new AbortController().signal;
const repo = 'https://git.example/r';

function discover(path: string, pages: Record<string, Page>, vanity: Vanity = openVanity(pages)) {
  return openDiscover(vanity)(path, signal);
}

describe('a path is led to its repository', () => {
  test('by the table alone where its host is known', async () => {
    const vanity = openVanity({});
    expect(await discover('github.com/user/name/v2', {}, vanity)).toEqual({
      root: 'github.com/user/name',
      vcs: 'git',
      url: 'https://github.com/user/name',
    });
    expect(vanity.asked).toEqual([]);
  });

  test('by its own page', async () => {
    const vanity = openVanity({ 'a.example/m': [`a.example/m git ${repo}`] });
    expect(await discover('a.example/m', {}, vanity)).toEqual({ root: 'a.example/m', vcs: 'git', url: repo });
    expect(vanity.asked).toEqual(['a.example/m']);
  });

  test('by the page of a host without a path', async () => {
    expect(await discover('a.example', { 'a.example': [`a.example git ${repo}`] })).toMatchObject({
      root: 'a.example',
    });
  });

  test('by a page that names a root above it, and the page of that', async () => {
    const tags = [`a.example/m git ${repo}`];
    const vanity = openVanity({ 'a.example/m/sub': tags, 'a.example/m': tags });
    expect(await discover('a.example/m/sub', {}, vanity)).toEqual({
      root: 'a.example/m',
      vcs: 'git',
      url: repo,
    });
    expect(vanity.asked).toEqual(['a.example/m/sub', 'a.example/m']);
  });

  test('by a tag whose prefix ends with a slash', async () => {
    const tags = [`a.example/m/ git ${repo}`];
    const pages = { 'a.example/m/sub': tags, 'a.example/m/': tags };
    expect(await discover('a.example/m/sub', pages)).toMatchObject({ root: 'a.example/m' });
  });

  test('into a folder of it', async () => {
    const page = [`a.example/m git ${repo} sub/dir`];
    expect(await discover('a.example/m', { 'a.example/m': page })).toMatchObject({ subdir: 'sub/dir' });
  });

  test('or to a module proxy, before any repository', async () => {
    const page = [`a.example git ${repo}`, 'a.example mod https://proxy.example'];
    expect(await discover('a.example', { 'a.example': page })).toEqual({
      root: 'a.example',
      vcs: 'mod',
      url: 'https://proxy.example',
      isMod: true,
    });
  });

  test('by a page whose status says that there is none, when it has a tag', async () => {
    const page = { status: 404, body: goImport(`a.example/m git ${repo}`) };
    expect(await discover('a.example/m', { 'a.example/m': page })).toMatchObject({ url: repo });
  });

  test('over ssh and by other systems, as far as the rules let them', async () => {
    expect(
      await discover('a.example', { 'a.example': ['a.example git ssh://git@git.example/r'] }),
    ).toMatchObject({ url: 'ssh://git@git.example/r' });
    expect(await discover('a.example', { 'a.example': [`a.example hg ${repo}`] })).toMatchObject({
      vcs: 'hg',
    });
    const vanity = openVanity({ 'a.example': [`a.example svn ${repo}`] });
    const allowing = openDiscover(vanity, { checkVcs: createCheckVcs('', 'a.example') });
    expect(await allowing('a.example', signal)).toMatchObject({ vcs: 'svn' });
  });
});

describe('a path is led nowhere', () => {
  test.each<[what: string, path: string, pages: Record<string, Page>, message: string]>([
    ['its host cannot have it', 'github.com/user', {}, 'invalid github.com import path'],
    ['there is no page', 'a.example/m', {}, 'https://a.example/m?go-get=1 answered 404 Not Found'],
    [
      'its page has no tag',
      'a.example/m',
      { 'a.example/m': '<html><head></head>hello' },
      'no go-import meta tag at https://a.example/m?go-get=1',
    ],
    [
      'its page cannot be read to its tag',
      'a.example/m',
      { 'a.example/m': '<script>if (a < b)</script>' },
      'no go-import meta tag at https://a.example/m?go-get=1 (as far as it can be read: expected element name after <)',
    ],
    [
      'its page has a tag for another one',
      'a.example/m',
      { 'a.example/m': [`a.example/n git ${repo}`] },
      'go-import meta tags for "a.example/n" alone at https://a.example/m?go-get=1',
    ],
    [
      'its page has two tags for it',
      'a.example/m/n',
      { 'a.example/m/n': [`a.example/m git ${repo}`, `a.example/m/n git ${repo}`] },
      'several go-import meta tags for this path at https://a.example/m/n?go-get=1',
    ],
    [
      'the page of the root says something else',
      'a.example/m/evil',
      {
        'a.example/m/evil': ['a.example git https://evil.example/r'],
        'a.example': [`a.example git ${repo}`],
      },
      'https://a.example/m/evil?go-get=1 and https://a.example/?go-get=1 disagree about go-import for "a.example"',
    ],
    [
      'the page of the root names another folder',
      'a.example/m/n',
      { 'a.example/m/n': [`a.example git ${repo} x`], 'a.example': [`a.example git ${repo}`] },
      'https://a.example/m/n?go-get=1 and https://a.example/?go-get=1 disagree about go-import for "a.example"',
    ],
    [
      'the page of the root says nothing',
      'a.example/m/evil',
      { 'a.example/m/evil': ['a.example git https://evil.example/r'], 'a.example': 'hello' },
      'no go-import meta tag at https://a.example/?go-get=1',
    ],
    [
      'a login is wanted',
      'a.example/m',
      { 'a.example/m': { status: 401 } },
      'https://a.example/m?go-get=1 answered 401 Unauthorized, and we have no credential that serves this module',
    ],
    [
      'access is refused',
      'a.example/m',
      { 'a.example/m': { status: 403 } },
      'https://a.example/m?go-get=1 answered 403 Forbidden, and we have no credential that serves this module',
    ],
    [
      'the answer is empty',
      'a.example/m',
      { 'a.example/m': { status: 204 } },
      'https://a.example/m?go-get=1 answered 204 No Content',
    ],
    [
      'the system is unknown',
      'a.example',
      { 'a.example': [`a.example bzr ${repo}`] },
      'https://a.example/?go-get=1 names an unknown version control system "bzr"',
    ],
    [
      'the system is not allowed',
      'a.example',
      { 'a.example': [`a.example svn ${repo}`] },
      "GOVCS disallows using svn for public a.example; see 'go help vcs'",
    ],
    [
      'the system of its name is not allowed',
      'a.example/m.svn/x',
      {},
      "GOVCS disallows using svn for public a.example/m.svn; see 'go help vcs'",
    ],
    ['the root holds what no root can', 'github.com/a...b/c', {}, `a repository's root can't hold "..."`],
  ])('%s', async (_, path, pages, message) => {
    expect(await failure(discover(path, pages))).toMatchObject({
      kind: 'notFound',
      message: `${path}: ${message}`,
    });
  });

  test.each([
    ['http://git.example/r', 'a repository whose URL is not secure: "http://git.example/r"'],
    ['git://git.example/r', 'a repository whose URL is not secure: "git://git.example/r"'],
    ['file:///etc', 'a repository whose URL is not secure: "file:///etc"'],
    ['ext::sh', 'no URL of a repository: "ext::sh"'],
    ['ext://sh', 'a repository whose URL is not secure: "ext://sh"'],
    ['git@git.example:r', 'no URL of a repository: "git@git.example:r"'],
    ['git.example/r', 'no URL of a repository: "git.example/r"'],
    ['-upload-pack=x', 'no URL of a repository: "-upload-pack=x"'],
    ['-upload://x', 'no URL of a repository: "-upload://x"'],
    ['http#://', 'no URL of a repository: "http#://"'],
  ])('the URL of its repository is %s', async (url, problem) => {
    const found = discover('a.example', { 'a.example': [`a.example git ${url}`] });
    expect(await failure(found)).toMatchObject({
      kind: 'notFound',
      message: `a.example: https://a.example/?go-get=1 names ${problem}`,
    });
  });

  test.each(['http://proxy.example', 'ssh://proxy.example', 'file:///srv'])(
    'its proxy is %s',
    async (url) => {
      const found = discover('a.example', { 'a.example': [`a.example mod ${url}`] });
      expect(await failure(found)).toMatchObject({
        kind: 'notFound',
        message: expect.stringContaining('not secure'),
      });
    },
  );

  test('its page has more to say than a terminal shows', async () => {
    const long = 'x'.repeat(100_000);
    for (const tag of [
      `a.example git https://${long}`,
      `a.example ${long} x`,
      `a.example git ${repo} ${long}`,
    ]) {
      const error = await failure(discover('a.example', { 'a.example': [tag] }));
      expect(error).toMatchObject({ kind: 'notFound' });
      expect(error.message.length).toBeLessThan(300);
    }
    for (const page of [`<${long}1 >`, `<é${long}\u00d7>`, `<?xml version="${long}"?>`, `</${long} x>`]) {
      expect((await failure(discover('a.example', { 'a.example': page }))).message.length).toBeLessThan(300);
    }
    const tags = ['a', 'b', 'c', 'd'].map((name) => `${name}.example/${long} git ${repo}`);
    expect((await failure(discover('a.example', { 'a.example': tags }))).message.length).toBeLessThan(600);
  });

  test.each(['/sub', '-sub'])('the folder is %s', async (subdir) => {
    const found = discover('a.example', { 'a.example': [`a.example git ${repo} ${subdir}`] });
    expect(await failure(found)).toMatchObject({
      kind: 'notFound',
      message: `a.example: https://a.example/?go-get=1 names an invalid subdirectory "${subdir}"`,
    });
  });

  test('its host does not exist, by the word of the name service', async () => {
    const unknown = Object.assign(new Error('getaddrinfo'), { code: 'ENOTFOUND' });
    const page = new StoaError('upstream', 'a.example: no such host', { cause: unknown });
    expect(await failure(discover('a.example/m', { 'a.example/m': page }))).toMatchObject({
      kind: 'notFound',
      message: 'a.example/m: a.example: no such host',
    });
  });
});

describe('where a path leads is not known', () => {
  test.each<[what: string, page: Page, kind: string]>([
    ['its host is broken', { status: 500 }, 'upstream'],
    ['its host has no time', { status: 429 }, 'upstream'],
    ['its host refuses our credential', { status: 401, authorized: true }, 'upstream'],
    ['its host cannot be reached', new StoaError('upstream', 'a.example: connection refused'), 'upstream'],
    ['its host does not answer', new StoaError('timeout', 'a.example: no answer within 60 s'), 'timeout'],
  ])('%s', async (_, page, kind) => {
    const error = await failure(discover('a.example/m', { 'a.example/m': page }));
    expect(error).toMatchObject({ kind, message: expect.stringMatching(/^a\.example\/m: \S*a\.example/) });
  });

  test('its host says when to come back', async () => {
    const page = { status: 503, retryAfter: 7 };
    expect(await failure(discover('a.example/m', { 'a.example/m': page }))).toMatchObject({ retryAfter: 7 });
  });

  test('the page of the root cannot be reached', async () => {
    const pages = {
      'a.example/m': [`a.example git ${repo}`],
      'a.example': new StoaError('upstream', 'a.example: connection reset'),
    };
    expect(await failure(discover('a.example/m', pages))).toMatchObject({ kind: 'upstream' });
  });

  test('its page breaks off, although a tag came before', async () => {
    async function* stream() {
      yield Buffer.from(goImport(`a.example git ${repo}`));
      throw new StoaError('upstream', 'a.example: the answer broke off');
    }
    expect(await failure(discover('a.example', { 'a.example': { stream } }))).toMatchObject({
      kind: 'upstream',
    });
  });
});

describe('of a page no more is read than its head', () => {
  test('where that ends', async () => {
    let chunks = 0;
    async function* stream() {
      yield Buffer.from('<head>');
      yield Buffer.from(`${goImport(`a.example git ${repo}`)}</head>`);
      for (; ; chunks++) yield Buffer.alloc(16 * 1024, 'x');
    }
    expect(await discover('a.example', { 'a.example': { stream } })).toMatchObject({ url: repo });
    expect(chunks).toBeLessThan(10);
  });

  test('which may come in any pieces', async () => {
    const page = Buffer.from(`<title>héhé</title>${goImport(`a.example git ${repo}`)}</head><b c=/d>`);
    async function* stream() {
      for (const byte of page) yield Buffer.of(byte);
    }
    expect(await discover('a.example', { 'a.example': { stream } })).toMatchObject({ url: repo });
  });

  test('and one that does not end is an error of its host', async () => {
    let bytes = 0;
    async function* stream() {
      yield Buffer.from('<!-- ');
      for (; ; bytes += 16 * 1024) yield Buffer.alloc(16 * 1024, 'x');
    }
    expect(await failure(discover('a.example', { 'a.example': { stream } }))).toMatchObject({
      kind: 'integrity',
      message: 'a.example: its page has more than 1 MiB and no end of its head',
    });
    expect(bytes).toBeLessThan(1.2 * 1024 * 1024);
  });

  test('for as long as a page may take', async () => {
    const vanity = openVanity({});
    vanity.hold();
    const found = openDiscover(vanity, { deadlineMs: 20 })('a.example/m', signal);
    expect(await failure(found)).toMatchObject({
      kind: 'timeout',
      message: expect.stringMatching(/^a\.example\/m: a\.example: no answer within/),
    });
    expect(vanity.requests[0]!.signal.aborted).toBe(true);
  });
});

describe('a path that leaves the scheme open', () => {
  const path = 'git.example/team/m.git/sub';
  const [https, ssh] = ['https://git.example/team/m', 'git+ssh://git.example/team/m'];

  function openPinged(answers: Record<string, Error | undefined>) {
    const pinged: string[] = [];
    const ping = async (url: string, module: string) => {
      pinged.push(`${url} for ${module}`);
      const answer = url in answers ? answers[url] : new StoaError('notFound', `${url}: no SSH key`);
      if (answer) throw answer;
    };
    return { pinged, discover: openDiscover(openVanity({}), { ping }) };
  }

  test('is tried over https first', async () => {
    const { pinged, discover } = openPinged({ [https]: undefined });
    expect(await discover(path, signal)).toEqual({ root: 'git.example/team/m.git', vcs: 'git', url: https });
    expect(await discover(path, signal)).toMatchObject({ url: https });
    expect(pinged).toEqual([`${https} for ${path}`]);
  });

  test('is tried over ssh then', async () => {
    const { discover } = openPinged({ [https]: new StoaError('upstream', 'down'), [ssh]: undefined });
    expect(await discover(path, signal)).toMatchObject({ url: ssh });
  });

  test('is not tried on when nobody waits any more', async () => {
    const leaving = new AbortController();
    const pinged: string[] = [];
    const ping = async (url: string) => {
      pinged.push(url);
      leaving.abort();
      throw new StoaError('canceled', 'canceled');
    };
    const found = openDiscover(openVanity({}), { ping })(path, leaving.signal);
    expect(await failure(found)).toMatchObject({ kind: 'canceled' });
    expect(pinged).toEqual([https]);
  });

  test('fails as https did when nothing answers', async () => {
    const { pinged, discover } = openPinged({ [https]: new StoaError('upstream', 'git.example: down') });
    expect(await failure(discover(path, signal))).toMatchObject({
      kind: 'upstream',
      message: `${path}: git.example: down`,
    });
    expect(pinged).toHaveLength(3);
  });

  test('is taken to be on https where its system is not asked', async () => {
    expect(await openPinged({}).discover('hg.example/m.hg', signal)).toEqual({
      root: 'hg.example/m.hg',
      vcs: 'hg',
      url: 'https://hg.example/m',
    });
  });
});

describe('over the wire', () => {
  /** Sends every request to one server, since no test listens at port 443. */
  function openWire(origin: URL) {
    const { client } = openAsker({ extraCa: [tlsFile('ca.pem')] });
    const mapped = {
      ...client,
      get: (url, request) => client.get(new URL(url.pathname + url.search, origin), request),
    } as typeof client;
    return openDiscover({ ...openVanity({}), client: mapped });
  }

  test('redirects are followed, and the page says what it is for', async () => {
    const origin = await openOrigin(
      ({ url }, response) => {
        if (url === '/m?go-get=1') response.writeHead(301, { location: '/elsewhere?x=1' }).end();
        else response.end(goImport(`a.example/m git ${repo}`));
      },
      { certificate: 'server.pem' },
    );
    expect(await openWire(origin.url)('a.example/m', signal)).toMatchObject({ url: repo });
    expect(origin.requests.map(({ url }) => url)).toEqual(['/m?go-get=1', '/elsewhere?x=1']);
    expect(origin.requests[0]!.headers['accept-encoding']).toBe('gzip');
  });

  test.each([
    ['to http', 'http://127.0.0.1:1/', 'refused its redirect from https to http'],
    ['to a private address', 'https://10.0.0.1/', 'refused to connect to a private address'],
    [
      'to the metadata of a cloud',
      'https://169.254.169.254/latest',
      'refused to connect to a link-local address',
    ],
    ['in a circle', '/m?go-get=1', 'stopped after 10 redirects'],
  ])('a redirect %s is not followed, and is no absence', async (_, location, reason) => {
    const origin = await openOrigin((_, response) => response.writeHead(302, { location }).end(), {
      certificate: 'server.pem',
    });
    expect(await failure(openWire(origin.url)('a.example/m', signal))).toMatchObject({
      kind: 'upstream',
      message: expect.stringContaining(reason),
    });
  });

  test('a host that refuses connections has said nothing', async () => {
    const url = await refusingUrl();
    expect(await failure(openWire(url)('a.example/m', signal))).toMatchObject({
      kind: 'upstream',
      message: `a.example/m: ${url.host}: connection refused`,
    });
  });

  test('a page that was read far enough holds no connection', async () => {
    const origin = await openOrigin(
      (_, response) => {
        response.write(`${goImport(`a.example/m git ${repo}`)}</head>`);
      },
      { certificate: 'server.pem' },
    );
    expect(await openWire(origin.url)('a.example/m', signal)).toMatchObject({ url: repo });
    await expect.poll(() => origin.sockets.size, { timeout: 20_000 }).toBe(0);
  });
});
