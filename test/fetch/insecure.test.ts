// What GOINSECURE allows: pages and repositories over what others on the way could change, for the modules that it names.
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { describe, expect, test } from 'vitest';
import { StoaError } from '../../src/errors.ts';
import { tableRoot } from '../../src/fetch/host-table.ts';
import type { HttpClient, HttpRequest } from '../../src/net/client.ts';
import { tlsFile } from '../fakes/tls.ts';
import { failure, openAsker, openOrigin } from '../net/origin.ts';
import { goImport, openDiscover, openVanity } from './vanity.ts';

const { signal } = new AbortController();

/** How a page was asked for: `https`, `https of anybody` or `http`. */
type Way = 'https' | 'https of anybody' | 'http';

function wayOf(url: URL, { insecure }: HttpRequest): Way {
  if (url.protocol === 'http:') return 'http';
  return insecure === true ? 'https of anybody' : 'https';
}

/** Pages that one way alone leads to; `insecure` begins the modules that may be read insecurely. */
function open(leads: Way | undefined, content: string, insecure = 'lax.example') {
  const asked: string[] = [];
  const client: HttpClient = {
    async get(url, request) {
      const way = wayOf(url, request);
      asked.push(`${way} ${url.host}${url.pathname}`);
      if (way !== leads) throw new StoaError('upstream', `${url.host}: connection refused by ${way}`);
      return { status: 200, headers: {}, url, body: Readable.from([Buffer.from(goImport(content))]) };
    },
    close: async () => {},
  };
  const discover = openDiscover(
    { ...openVanity({}), client },
    { isInsecure: (module) => module.startsWith(insecure) },
  );
  return { asked, discover: (path: string) => discover(path, signal) };
}

describe('the page of an insecure module', () => {
  test.each<[Way, string[]]>([
    ['https', ['https']],
    ['https of anybody', ['https', 'https of anybody']],
    ['http', ['https', 'https of anybody', 'http']],
  ])('is had over %s where nothing better leads there', async (way, ways) => {
    const { asked, discover } = open(way, 'lax.example/m git https://git.example/r');
    expect(await discover('lax.example/m')).toMatchObject({ url: 'https://git.example/r' });
    expect(asked).toEqual(ways.map((each) => `${each} lax.example/m`));
  });

  test('is confirmed by the page of its root in the same way', async () => {
    const { asked, discover } = open('http', 'lax.example/m git https://git.example/r');
    await discover('lax.example/m/sub');
    expect(asked.slice(3)).toEqual([
      'https lax.example/m',
      'https of anybody lax.example/m',
      'http lax.example/m',
    ]);
  });

  test('is missed as the last way put it', async () => {
    const { discover } = open(undefined, '');
    expect(await failure(discover('lax.example/m'))).toMatchObject({
      kind: 'upstream',
      message: 'lax.example/m: lax.example: connection refused by http',
    });
  });

  test('says nothing to a module that is not', async () => {
    const { asked, discover } = open('http', 'lax.example/m git https://git.example/r', 'lax.example/m');
    expect(await failure(discover('lax.example/n'))).toMatchObject({ kind: 'upstream' });
    expect(asked).toEqual(['https lax.example/n']);
    await discover('lax.example/m');
    // The page that was kept is that of who may have it so.
    expect(await failure(discover('lax.example'))).toMatchObject({ kind: 'upstream' });
  });

  test('may name an http repository, and what is no way to read one is refused later', async () => {
    for (const url of ['http://git.example/r', 'git://git.example/r', 'svn://git.example/r']) {
      const { discover } = open('https', `lax.example/m git ${url}`);
      expect(await discover('lax.example/m')).toMatchObject({ url });
    }
    for (const url of ['file:///etc', '--upload-pack=x', 'git.example/r']) {
      const { discover } = open('https', `lax.example/m git ${url}`);
      expect(await failure(discover('lax.example/m'))).toMatchObject({ kind: 'notFound' });
    }
  });

  test('may name a module proxy over http', async () => {
    const { discover } = open('https', 'lax.example/m mod http://proxy.example/go');
    expect(await discover('lax.example/m')).toMatchObject({ isMod: true, url: 'http://proxy.example/go' });
    const other = open('https', 'lax.example/m mod ssh://proxy.example/go');
    expect(await failure(other.discover('lax.example/m'))).toMatchObject({ kind: 'notFound' });
  });
});

test.each([
  ['git.example/a/b.git/c', ['https', 'http', 'git+ssh', 'ssh']],
  ['git.example/a/b.hg', ['https', 'http', 'ssh']],
  ['git.example/a/b.svn', ['https', 'http', 'svn', 'svn+ssh']],
])('the schemes of %s are those of the go command', (path, schemes) => {
  const urls = tableRoot(path, true)?.urls.map((url) => url.slice(0, url.indexOf(':')));
  expect(urls).toEqual(schemes);
  expect(tableRoot(path)?.urls.map((url) => url.slice(0, url.indexOf(':')))).not.toContain('http');
});

describe('over the wire, an insecure request', () => {
  test('takes any certificate, and sends no credential to who has it', async () => {
    const origin = await openOrigin(
      ({ headers }, response) => response.end(headers.authorization ?? 'nobody'),
      {
        certificate: 'other.pem',
      },
    );
    const secret = { kind: 'bearer', token: 'hush' } as const;
    const { get } = openAsker({ credentials: [{ host: origin.host, secret }] });
    const reply = await get(origin.url, { insecure: true });
    expect([await text(reply.body), reply.authorized]).toEqual(['nobody', false]);
    // Its connection is not used for who wants to know whom it asks.
    expect(await failure(get(origin.url))).toMatchObject({ kind: 'upstream' });
  });

  test('may be redirected to plain http', async () => {
    const plain = await openOrigin((_, response) => response.end('plain'));
    const origin = await openOrigin(
      (_, response) => response.writeHead(302, { location: plain.url.href }).end(),
      { certificate: 'server.pem' },
    );
    const { get } = openAsker({ extraCa: [tlsFile('ca.pem')] });
    expect(await text((await get(origin.url, { insecure: true })).body)).toBe('plain');
    expect(await failure(get(origin.url))).toMatchObject({
      message: `${origin.host}: refused its redirect from https to http at ${plain.host}`,
    });
  });

  test('is kept from private addresses as any other', async () => {
    const origin = await openOrigin((_, response) => response.end());
    const { get } = openAsker({ namedHosts: [] });
    expect(await failure(get(origin.url, { insecure: true }))).toMatchObject({
      message: expect.stringContaining('refused to connect to a loopback address'),
    });
  });
});
