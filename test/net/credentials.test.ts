import { text } from 'node:stream/consumers';
import { describe, expect, test } from 'vitest';
import {
  type Credential,
  createCredentials,
  netrcCredentials,
  splitUserinfo,
} from '../../src/net/credentials.ts';
import { failure, openAsker, openOrigin, tlsFile } from './origin.ts';

const secret = { kind: 'bearer', token: 'hush' } as const;

/** Whether the credential is used for a URL. */
function isUsed(
  credential: Omit<Credential, 'secret'>,
  url: string,
  ask: { module?: string; redirected?: boolean } = {},
) {
  const choose = createCredentials([{ ...credential, secret }]);
  return choose(new URL(url), { module: ask.module, redirected: ask.redirected ?? false }) !== undefined;
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
  ])('for the modules %j, asked for %j, redirected: %j, is used: %j', (modules, module, redirected, used) => {
    const credential = { host: 'a.example', ...(modules === undefined ? {} : { modules }) };
    expect(isUsed(credential, 'https://a.example/', { ...(module && { module }), redirected })).toBe(used);
  });

  test('with the longest prefix that fits wins, of equals the first', () => {
    const entry = (token: string, prefix?: string, modules?: string): Credential => ({
      host: 'a.example',
      ...(prefix && { prefix }),
      ...(modules && { modules }),
      secret: { kind: 'bearer', token },
    });
    const choose = createCredentials([
      entry('root'),
      entry('deep', '/a/b'),
      entry('private', '/a/b/c', 'corp.example'),
      entry('other', '/a/b'),
    ]);
    const chosen = (path: string, module?: string) =>
      choose(new URL(path, 'https://a.example'), { module, redirected: false })?.value;
    expect(chosen('/a')).toBe('Bearer root');
    expect(chosen('/a/b/x')).toBe('Bearer deep');
    expect(chosen('/a/b/c', 'corp.example/m')).toBe('Bearer private');
    expect(chosen('/a/b/c', 'example.com/m')).toBe('Bearer deep');
  });

  test.each([
    [
      { kind: 'basic', username: 'gopher', password: 'hüsh:x' },
      'authorization',
      'Basic Z29waGVyOmjDvHNoOng=',
    ],
    [{ kind: 'bearer', token: 'hush' }, 'authorization', 'Bearer hush'],
    [{ kind: 'header', name: 'Private-Token', value: 'hush' }, 'private-token', 'hush'],
  ] as const)('%j is a header', (secret, name, value) => {
    const choose = createCredentials([{ host: 'a.example', secret }]);
    expect(choose(new URL('https://a.example/'), { module: undefined, redirected: false })).toEqual({
      name,
      value,
    });
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
