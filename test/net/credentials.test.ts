import { text } from 'node:stream/consumers';
import { describe, expect, test } from 'vitest';
import {
  type ChosenCredential,
  type Credential,
  createCredentials,
  netrcCredentials,
  splitUserinfo,
} from '../../src/net/credentials.ts';
import { tlsFile } from '../fakes/tls.ts';
import { failure, openAsker, openOrigin } from './origin.ts';

const secret = { kind: 'bearer', token: 'hush' } as const;

/** Whether the credential is used for a URL. */
function isUsed(
  credential: Omit<Credential, 'secret'>,
  url: string,
  ask: { module?: string; redirected?: boolean } = {},
) {
  const { choose } = createCredentials([{ ...credential, secret }], 'private.example');
  return choose(new URL(url), { module: ask.module, redirected: ask.redirected ?? false }) !== undefined;
}

/** What is sent of a credential. */
async function headerOf(chosen: ChosenCredential | undefined) {
  const login = await chosen!.login(new AbortController().signal);
  return 'none' in login ? login.none : login.header;
}

describe('a credential', () => {
  test.each([
    [{ host: 'a.example' }, 'https://a.example/x', true],
    [{ host: 'A.Example' }, 'https://a.example/x', true],
    [{ host: 'a.example' }, 'https://b.a.example/', false], // subdomains are other hosts
    [{ host: 'a.example' }, 'https://a.example:8443/', false], // no port is the default port
    [{ host: 'a.example:8443' }, 'https://a.example:8443/', true],
    [{ host: 'a.example:443' }, 'https://a.example/', true],
    [{ host: 'a.example' }, 'http://a.example/', false], // never over plain HTTP
    [{ host: 'a.example', allowHttp: true }, 'http://a.example/', true], // but where that was said
    [{ host: 'a.example:443', allowHttp: true }, 'http://a.example/', false],
    [{ host: 'localhost' }, 'http://localhost/', true], // or the wire is inside of the machine
    [{ host: '127.0.0.1:3000' }, 'http://127.0.0.1:3000/', true],
    [{ host: '[::1]:3000' }, 'http://[::1]:3000/', true],
    [{ host: '10.0.0.1' }, 'http://10.0.0.1/', false],
    [{ host: 'a.example', prefix: '/go' }, 'https://a.example/go', true],
    [{ host: 'a.example', prefix: 'go/' }, 'https://a.example/go/mod', true],
    [{ host: 'a.example', prefix: '/go' }, 'https://a.example/gopher', false], // whole segments
    [{ host: 'a.example', prefix: '/go' }, 'https://a.example/', false],
    [{ host: 'a.example', prefix: '/go' }, 'https://a.example/go/../x', false],
    [{ host: 'a.example', prefix: '/go' }, 'https://a.example/go/%2e%2e/x', false],
    [{ host: 'a.example', prefix: '/' }, 'https://a.example/x', true],
  ])('%j is used for %s: %j', (credential, url, used) => {
    expect(isUsed(credential, url)).toBe(used);
  });

  test.each([
    [undefined, 'corp.example/m', false, true],
    [undefined, undefined, false, true],
    [undefined, 'corp.example/m', true, false], // another host may not choose what our credential is used for
    ['corp.example', 'corp.example/m', false, true],
    ['corp.example', 'corp.example/m', true, true],
    ['corp.example', 'evil.example/m', false, false],
    ['corp.example', undefined, false, false],
    ['corp.example/*,other.example', 'other.example/m', false, true],
    ['', 'corp.example/m', false, false],
    [undefined, 'private.example/m', true, true], // what names no modules serves the private ones
    ['corp.example', 'private.example/m', true, false],
  ])('for the modules %j, asked for %j, redirected: %j, is used: %j', (modules, module, redirected, used) => {
    const credential = { host: 'a.example', ...(modules === undefined ? {} : { modules }) };
    expect(isUsed(credential, 'https://a.example/', { ...(module && { module }), redirected })).toBe(used);
  });

  test('with the longest prefix that fits wins, of equals the first', async () => {
    const entry = (token: string, prefix?: string, modules?: string): Credential => ({
      host: 'a.example',
      ...(prefix && { prefix }),
      ...(modules && { modules }),
      secret: { kind: 'bearer', token },
    });
    const { choose } = createCredentials([
      entry('root'),
      entry('deep', '/a/b'),
      entry('private', '/a/b/c', 'corp.example'),
      entry('other', '/a/b'),
    ]);
    const sent = async (path: string, module?: string) =>
      headerOf(choose(new URL(path, 'https://a.example'), { module, redirected: false }));
    expect(await sent('/a')).toMatchObject({ value: 'Bearer root' });
    expect(await sent('/a/b/x')).toMatchObject({ value: 'Bearer deep' });
    expect(await sent('/a/b/c', 'corp.example/m')).toMatchObject({ value: 'Bearer private' });
    expect(await sent('/a/b/c', 'example.com/m')).toMatchObject({ value: 'Bearer deep' });
  });

  test.each([
    [
      { kind: 'basic', username: 'gopher', password: 'hüsh:x' },
      'authorization',
      'Basic Z29waGVyOmjDvHNoOng=',
    ],
    [{ kind: 'bearer', token: 'hush' }, 'authorization', 'Bearer hush'],
    [{ kind: 'header', name: 'Private-Token', value: 'hush' }, 'private-token', 'hush'],
  ] as const)('%j is a header', async (secret, name, value) => {
    const { choose } = createCredentials([{ host: 'a.example', secret }]);
    const chosen = choose(new URL('https://a.example/'), { module: undefined, redirected: false });
    expect(await headerOf(chosen)).toEqual({ name, value });
  });

  test.each([
    [{ kind: 'bearer', token: 'hush\nX-Evil: 1' }, 'it holds a character that no header can carry'],
    [{ kind: 'bearer', token: 'hush€' }, 'it holds a character that no header can carry'],
    [{ kind: 'header', name: 'two words', value: 'hush' }, 'it holds a character that no header can carry'],
    [{ kind: 'header', name: 'X-Token', value: '' }, 'it holds a character that no header can carry'],
    [{ kind: 'basic', username: 'a:b', password: 'hush' }, "a user name can't hold a colon"],
  ] as const)('%j is refused without being shown', (secret, reason) => {
    expect(() => createCredentials([{ host: 'a.example', secret }])).toThrow(
      expect.objectContaining({ kind: 'config', message: `credential for a.example: ${reason}` }),
    );
  });

  test('needs a host', () => {
    expect(() => createCredentials([{ host: 'https://a.example', secret }])).toThrow(
      'not a host or host:port',
    );
  });
});

describe('an SSH key', () => {
  const key = { kind: 'ssh', identityFile: '/key' } as const;
  const ask = { module: 'corp.example/m', redirected: true };

  test.each<[host: string, url: string, used: boolean]>([
    ['git.example', 'ssh://git@git.example/r', true],
    ['git.example:22', 'ssh://git@git.example/r', true],
    ['git.example', 'ssh://git@git.example:2222/r', false],
    ['git.example:2222', 'ssh://git@git.example:2222/r', true],
    ['git.example', 'https://git.example/r', false], // another protocol, another credential
  ])('of %s is used for %s: %j', (host, url, used) => {
    const { choose } = createCredentials([{ host, modules: 'corp.example', secret: key }]);
    expect(choose(new URL(url), ask)?.secret).toEqual(used ? key : undefined);
  });

  test('stands beside a token of its host, and neither is taken for the other', async () => {
    const { choose } = createCredentials([
      { host: 'git.example', modules: 'corp.example', secret },
      { host: 'git.example', modules: 'corp.example', secret: key },
    ]);
    const [https, ssh] = ['https', 'ssh'].map((scheme) => choose(new URL(`${scheme}://git.example/r`), ask));
    expect(https).toMatchObject({ secret });
    expect(await headerOf(https)).toMatchObject({ value: 'Bearer hush' });
    expect(ssh).toMatchObject({ secret: key });
    expect(await headerOf(ssh)).toBe('an SSH key opens nothing over HTTP');
    expect(https?.id).not.toBe(ssh?.id);
  });
});

describe('what names a credential', () => {
  const credential: Credential = { host: 'a.example', prefix: '/go', modules: 'corp.example', secret };
  const idOf = (changes: Partial<Credential>) =>
    createCredentials([{ ...credential, ...changes }]).choose(new URL('https://a.example/go/x/m'), {
      module: 'corp.example/m',
      redirected: true,
    })?.id;

  test('is the same for another secret, and holds none', () => {
    expect(idOf({ secret: { kind: 'bearer', token: 'other' } })).toBe(idOf({}));
    expect(idOf({})).not.toContain('hush');
    expect(idOf({ secret: { kind: 'basic', username: 'gopher', password: 'hush' } })).not.toMatch(
      /hush|gopher/,
    );
  });

  test('is another one for another entry', () => {
    const ids = [{}, { prefix: '/go/x' }, { modules: '*.example' }, { host: 'a.example:443' }].map(idOf);
    expect(new Set(ids).size).toBe(4);
    expect(ids).not.toContain(undefined);
  });
});

describe('an audience', () => {
  const { audience } = createCredentials(
    [
      { host: 'a.example', modules: 'corp.example/*', secret },
      { host: 'b.example', modules: 'corp.example/team', secret },
      { host: 'c.example', secret },
    ],
    'private.example',
  );

  test('is one for modules that the same credentials serve, and for those that none does', () => {
    expect(audience('corp.example/x')).toBe(audience('corp.example/y/z'));
    expect(audience('example.com/m')).toBe(audience('evil.example'));
    const all = ['corp.example/x', 'corp.example/team/m', 'private.example/m', 'example.com'].map(audience);
    expect(new Set(all).size).toBe(4);
  });
});

describe('a netrc machine', () => {
  test('is a credential for its host, port and path', () => {
    const entries = [
      { machine: 'a.example', login: 'b', password: 'c' },
      { machine: 'd.example:8443/go', login: 'e', password: '' },
    ];
    expect(netrcCredentials(entries, 'corp.example')).toEqual([
      { host: 'a.example', modules: 'corp.example', secret: { kind: 'basic', username: 'b', password: 'c' } },
      {
        host: 'd.example:8443',
        prefix: '/go',
        modules: 'corp.example',
        secret: { kind: 'basic', username: 'e', password: '' },
      },
    ]);
    expect(netrcCredentials(entries)[0]).not.toHaveProperty('modules');
  });
});

describe('a URL with user and password', () => {
  test('is a URL without them, and a credential for it', () => {
    const { url, credential } = splitUserinfo(new URL('https://go%40pher:h%3Ash@a.example:8443/go/'));
    expect(url.href).toBe('https://a.example:8443/go/');
    expect(credential).toEqual({
      host: 'a.example:8443',
      prefix: '/go/',
      allowHttp: false,
      secret: { kind: 'basic', username: 'go@pher', password: 'h:sh' },
    });
    expect(isUsed(credential!, 'https://a.example:8443/go/mod')).toBe(true);
  });

  test('says so itself when it is plain HTTP', () => {
    const { credential } = splitUserinfo(new URL('http://gopher@10.0.0.1/'));
    expect(isUsed(credential!, 'http://10.0.0.1/mod')).toBe(true);
  });

  test('may hold a percent sign that nobody encoded', () => {
    const { credential } = splitUserinfo(new URL('https://gopher:50%@a.example/'));
    expect(credential?.secret).toMatchObject({ password: '50%' });
  });

  test('without them has no credential', () => {
    expect(splitUserinfo(new URL('https://a.example/'))).toEqual({ url: new URL('https://a.example/') });
  });
});

describe('over the wire, a credential', () => {
  /** Answers with the Authorization it got. */
  const openEcho = (options = {}) =>
    openOrigin(({ headers }, response) => response.end(headers.authorization ?? 'none'), options);
  const bearer = (host: string, token: string, modules?: string): Credential => ({
    host,
    ...(modules && { modules }),
    secret: { kind: 'bearer', token },
  });

  test('goes to its host', async () => {
    const origin = await openEcho({ certificate: 'server.pem' });
    const { get } = openAsker({ credentials: [bearer(origin.host, 'hush')], extraCa: [tlsFile('ca.pem')] });
    expect(await text((await get(origin.url)).body)).toBe('Bearer hush');
  });

  test('goes to the other paths of its host, after a redirect too', async () => {
    const origin = await openOrigin(({ url, headers }, response) => {
      if (url === '/') response.writeHead(302, { location: '/next' }).end();
      else response.end(headers.authorization);
    });
    const { get } = openAsker({ credentials: [bearer(origin.host, 'hush')] });
    expect(await text((await get(origin.url)).body)).toBe('Bearer hush');
  });

  test('does not follow a redirect to another host or port, nor comes back from there', async () => {
    const origin = await openOrigin(({ url, headers }, response) => {
      const location = url === '/' ? other.url.href : undefined;
      if (location) response.writeHead(302, { location }).end();
      else response.end(headers.authorization ?? 'none');
    });
    const other = await openOrigin(({ headers }, response) => {
      const location = new URL('/back', origin.url).href;
      response.writeHead(302, { location, 'x-seen': headers.authorization ?? 'none' }).end();
    });
    const { get } = openAsker({ credentials: [bearer(origin.host, 'hush')] });
    expect(await text((await get(origin.url)).body)).toBe('none');
    expect(other.requests[0]!.headers.authorization).toBeUndefined();
    expect(origin.requests[0]!.headers.authorization).toBe('Bearer hush');
  });

  test('of a host redirected to is used for its modules only', async () => {
    const target = await openEcho();
    const origin = await openOrigin((_, response) =>
      response.writeHead(302, { location: target.url.href }).end(),
    );
    const anything = openAsker({ credentials: [bearer(target.host, 'hush')] });
    expect(await text((await anything.get(origin.url, { module: 'corp.example/m' })).body)).toBe('none');
    const own = openAsker({ credentials: [bearer(target.host, 'hush', 'corp.example')] });
    expect(await text((await own.get(origin.url, { module: 'corp.example/m' })).body)).toBe('Bearer hush');
    expect(await text((await own.get(origin.url, { module: 'evil.example/m' })).body)).toBe('none');
  });

  test('goes to a URL that a stranger chose for its modules only', async () => {
    const origin = await openEcho();
    const ask = async (credential: Credential, module: string) => {
      const { get } = openAsker({ credentials: [credential], privatePatterns: 'corp.example' });
      const reply = await get(origin.url, { stranger: true, module });
      return [await text(reply.body), reply.authorized];
    };
    const anything = bearer(origin.host, 'hush');
    expect(await ask(anything, 'corp.example/m')).toEqual(['Bearer hush', true]);
    expect(await ask(anything, 'evil.example/m')).toEqual(['none', false]);
    const own = bearer(origin.host, 'hush', 'other.example');
    expect(await ask(own, 'other.example/m')).toEqual(['Bearer hush', true]);
    expect(await ask(own, 'corp.example/m')).toEqual(['none', false]);
  });

  test('is told of only where it went', async () => {
    const target = await openEcho();
    const origin = await openOrigin((_, response) =>
      response.writeHead(302, { location: target.url.href }).end(),
    );
    const { get } = openAsker({ credentials: [bearer(origin.host, 'hush')] });
    expect((await get(target.url)).authorized).toBe(false);
    expect((await get(origin.url)).authorized).toBe(false);
    expect(origin.requests[0]!.headers.authorization).toBe('Bearer hush');
  });

  test('gives way to one of the caller', async () => {
    const origin = await openEcho();
    const { get } = openAsker({ credentials: [bearer(origin.host, 'hush')] });
    const reply = await get(origin.url, { headers: { Authorization: 'Bearer other' } });
    expect(await text(reply.body)).toBe('Bearer other');
  });

  test('is in no error', async () => {
    const origin = await openOrigin((request) => request.socket.destroy());
    const { get } = openAsker({ credentials: [bearer(origin.host, 'hush')] });
    const url = new URL(origin.url);
    url.password = 'hush';
    url.searchParams.set('signature', 'hush');
    const error = await failure(get(url));
    expect(error.message).toBe(`${origin.host}: connection closed`);
    const { inspect } = await import('node:util');
    expect(inspect(error, { depth: 10 })).not.toContain('hush');
  });
});
