import { execFile } from 'node:child_process';
import { Readable } from 'node:stream';
import { inspect, promisify } from 'node:util';
import { describe, expect, onTestFinished, test } from 'vitest';
import { StoaError } from '../../src/errors.ts';
import { createGate } from '../../src/fetch/gate.ts';
import { createRemotes, type RemotesOptions } from '../../src/fetch/remotes.ts';
import { parseRewrites } from '../../src/fetch/rewrite.ts';
import type { HttpClient } from '../../src/net/client.ts';
import { type Credential, createCredentials } from '../../src/net/credentials.ts';
import { createReach } from '../../src/net/reach.ts';
import { git, openGitRepos } from '../fakes/git-repos.ts';
import { type GitServerOptions, startGitServer } from '../fakes/git-server.ts';
import { tlsFile } from '../fakes/tls.ts';
import { failure, openAsker, openOrigin, refusingUrl } from '../net/origin.ts';
import { openGate } from './vanity.ts';

const { signal } = new AbortController();
const certificate = 'server.pem';

interface Settings extends Partial<RemotesOptions> {
  readonly allow?: readonly Credential[];
  readonly private?: string;
  readonly named?: readonly string[];
  readonly rewrite?: string;
  /** What every name is looked up to. */
  readonly address?: string;
  readonly proxy?: string;
}

/** Resolves remotes with these settings; all that is on loopback is named. */
function open(settings: Settings = {}) {
  const { allow = [], named = ['127.0.0.1', '127.0.0.2', 'localhost'], address = '127.0.0.1' } = settings;
  const resolve = async () => [{ address, family: address.includes(':') ? 6 : 4 }];
  const privatePatterns = settings.private ?? '';
  const proxy = settings.proxy === undefined ? {} : { https: settings.proxy };
  const { client } = openAsker({
    credentials: allow,
    privatePatterns,
    namedHosts: named,
    resolve,
    extraCa: [tlsFile('ca.pem')],
    retries: 0,
  });
  return createRemotes({
    client,
    credentials: createCredentials(allow, privatePatterns),
    reach: createReach({ namedHosts: named, resolve, proxy }),
    rewrites: parseRewrites(settings.rewrite ?? ''),
    privatePatterns,
    gate: openGate(),
    ...settings,
  });
}

/** A server with the repository `team/r`. */
async function openServer(options: Omit<GitServerOptions, 'folder'> = {}) {
  const repos = await openGitRepos();
  onTestFinished(() => repos[Symbol.asyncDispose]());
  await repos.create('team/r', [{ commit: 'one', files: { 'go.mod': 'module example.com/m\n' } }]);
  const server = await startGitServer({ folder: repos.folder, ...options });
  onTestFinished(() => server.close());
  return server;
}

const login = { username: 'gopher', password: 'hush' };

function loginAt(host: string, modules?: string): Credential {
  return { host, ...(modules !== undefined && { modules }), secret: { kind: 'basic', ...login } };
}

describe.skipIf(git === undefined)('a repository over https', () => {
  test('is read where its URL says', async () => {
    const server = await openServer({ certificate });
    const url = `${server.url}/team/r/`;
    expect(await open()(url, 'a.example/m', signal)).toEqual({
      url,
      fetchUrl: `${server.url}/team/r`,
      key: `${server.url}/team/r`,
      resolve: [],
    });
    expect(server.requests[0]!.headers['git-protocol']).toBe('version=2');
  });

  test('is dialled at the addresses that were checked', async () => {
    const server = await openServer({ certificate });
    const url = `${server.url}/team/r`.replace('127.0.0.1', 'localhost');
    const { port } = new URL(url);
    expect(await open()(url, 'a.example/m', signal)).toMatchObject({
      resolve: [`localhost:${port}:127.0.0.1`],
    });
  });

  test('is dialled there by git too', async () => {
    const server = await openServer();
    const rewrite = `https://git.example/=>${server.url.replace('127.0.0.1', 'localhost')}/`;
    const remote = await open({ rewrite })('https://git.example/team/r', 'a.example/m', signal);
    // No name service knows this name.
    const [url, entry] = [remote.fetchUrl, remote.resolve![0]!].map((text) =>
      text.replace('localhost', 'r.invalid'),
    );
    const config = ['-c', `http.curloptResolve=${entry}`, '-c', 'http.followRedirects=false'];
    const { stdout } = await promisify(execFile)(git!, [...config, 'ls-remote', url!], {
      env: { GIT_CONFIG_NOSYSTEM: '1', GIT_CONFIG_GLOBAL: '/dev/null', GIT_TERMINAL_PROMPT: '0' },
    });
    expect(stdout).toMatch(/refs\/heads\/main\n$/);
  });

  test('is read where it moved to', async () => {
    const server = await openServer({ certificate });
    const old = await openOrigin(
      ({ url }, response) => {
        const location = `${server.url}${url!.replace('/old/', '/team/')}`;
        response.writeHead(301, { location }).end();
      },
      { certificate },
    );
    const url = `https://${old.host}/old/r`;
    const resolveRemote = open();
    expect(await resolveRemote(url, 'a.example/m', signal)).toMatchObject({
      url,
      fetchUrl: `${server.url}/team/r`,
    });
    await resolveRemote(url, 'a.example/n', signal);
    expect(old.requests).toHaveLength(1);
  });

  test.each<[what: string, location: string, kind: string, message: string]>([
    [
      'to plain http',
      'http://127.0.0.1:1/r/info/refs?service=git-upload-pack',
      'upstream',
      'refused its redirect from https to http',
    ],
    [
      'to a private address',
      'https://10.0.0.1/r/info/refs?service=git-upload-pack',
      'upstream',
      'refused to connect to a private address',
    ],
    [
      'to another service',
      '/elsewhere/info/refs?service=git-receive-pack',
      'upstream',
      'to what can be no git repository',
    ],
    ['to what is no repository', '/elsewhere', 'upstream', 'to what can be no git repository'],
    ['to a login', '/login', 'notFound', 'is a page for browsers and no git repository'],
  ])('is not read behind a redirect %s', async (_, location, kind, message) => {
    const origin = await openOrigin(
      ({ url }, response) => {
        if (url === '/r/info/refs?service=git-upload-pack') response.writeHead(302, { location }).end();
        else if (url === '/login')
          response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end('log in');
        else response.writeHead(url!.startsWith('/elsewhere') ? 200 : 404).end();
      },
      { certificate },
    );
    expect(await failure(open()(`https://${origin.host}/r`, 'a.example/m', signal))).toMatchObject({
      kind,
      message: expect.stringMatching(new RegExp(`^a\\.example/m: .*${message}`)),
    });
  });

  test.each([
    [404, 'notFound', 'answered 404 Not Found'],
    [410, 'notFound', 'answered 410 Gone'],
    [401, 'notFound', 'answered 401 Unauthorized, and we have no credential that serves this module'],
    [403, 'notFound', 'answered 403 Forbidden, and we have no credential that serves this module'],
    [429, 'upstream', 'answered 429 Too Many Requests'],
    [500, 'upstream', 'answered 500 Internal Server Error'],
    [503, 'upstream', 'answered 503 Service Unavailable'],
  ])('whose host answers %i is %s', async (status, kind, message) => {
    const origin = await openOrigin((_, response) => response.writeHead(status).end(), { certificate });
    const url = `https://${origin.host}/r`;
    expect(await failure(open()(url, 'a.example/m', signal))).toMatchObject({
      kind,
      message: `a.example/m: ${url} ${message}`,
    });
  });

  test('whose host cannot be reached or does not exist is not absent', async () => {
    const refusing = await refusingUrl();
    expect(await failure(open()(`https://${refusing.host}/r`, 'a.example/m', signal))).toMatchObject({
      kind: 'upstream',
      message: `a.example/m: ${refusing.host}: connection refused`,
    });
    const unknown = Object.assign(new Error('getaddrinfo'), { code: 'ENOTFOUND' });
    const client: HttpClient = {
      get: async () => {
        throw new StoaError('upstream', 'none.example: no such host', { cause: unknown });
      },
      close: async () => {},
    };
    expect(await failure(open({ client })('https://none.example/r', 'a.example/m', signal))).toMatchObject({
      kind: 'upstream',
      message: 'a.example/m: none.example: no such host',
    });
  });

  test('is asked within the bounds of its host, and holds no connection then', async () => {
    const origin = await openOrigin((_, response) => response.write('more is to come'), { certificate });
    const lane = { running: 1, queued: 0, waitMs: 10 };
    const resolveRemote = open({ gate: createGate({ zip: lane, file: lane }) });
    const ask = (name: string) => resolveRemote(`https://${origin.host}/${name}`, 'a.example/m', signal);
    const [first, second] = await Promise.allSettled([ask('a'), ask('b')]);
    expect(first.status).toBe('fulfilled');
    expect(second).toMatchObject({ reason: { kind: 'overloaded' } });
    await ask('c');
    await expect.poll(() => origin.sockets.size, { timeout: 20_000 }).toBe(0);
  });

  test('that stalls meets a deadline', async () => {
    const origin = await openOrigin(() => {}, { certificate });
    const resolveRemote = open({ deadlineMs: 30 });
    expect(await failure(resolveRemote(`https://${origin.host}/r`, 'a.example/m', signal))).toMatchObject({
      kind: 'timeout',
      message: expect.stringMatching(/^a\.example\/m: 127\.0\.0\.1:\d+: no answer within/),
    });
  });

  test('at a private address is not asked unless the settings name it', async () => {
    const server = await openServer({ certificate });
    for (const url of [`${server.url}/team/r`, `${server.url}/team/r`.replace('127.0.0.1', 'localhost')]) {
      expect(await failure(open({ named: [] })(url, 'a.example/m', signal))).toMatchObject({
        kind: 'upstream',
        message: expect.stringContaining('refused to connect to a loopback address'),
      });
    }
    expect(server.requests).toEqual([]);
  });

  test('is asked for once by all who want it at once, and again after its time', async () => {
    const server = await openServer({ certificate });
    const clock = { ms: 0 };
    const resolveRemote = open({ now: () => clock.ms, keepMs: 1000, absentMs: 100 });
    const modules = ['a.example/m/x/y', 'a.example/m/x', 'a.example/m'];
    const ask = (name: string) =>
      Promise.allSettled(modules.map((path) => resolveRemote(`${server.url}/${name}`, path, signal)));
    await ask('team/r');
    await ask('team/r');
    expect(server.take().trips).toBe(1);
    clock.ms = 1000;
    await ask('team/r');
    expect(server.take().trips).toBe(1);
    const absent = await ask('team/none');
    expect(
      absent.map((result) => result.status === 'rejected' && result.reason.message.split(':')[0]),
    ).toEqual(modules);
    await ask('team/none');
    expect(server.take().trips).toBe(1);
    clock.ms = 1100;
    await ask('team/none');
    expect(server.take().trips).toBe(1);
  });

  test('behind a proxy is asked through it', async () => {
    const client: HttpClient = {
      get: async (url) => ({ status: 200, headers: {}, url, body: Readable.from([]) }),
      close: async () => {},
    };
    const resolveRemote = open({ proxy: 'http://user:hush@proxy.example:3128', client, named: [] });
    const remote = await resolveRemote('https://git.example/r', 'a.example/m', signal);
    expect(remote).toEqual({
      url: 'https://git.example/r',
      fetchUrl: 'https://git.example/r',
      key: 'https://git.example/r',
      proxy: 'http://user:hush@proxy.example:3128/',
    });
    expect(await failure(resolveRemote('https://git.internal/r', 'a.example/m', signal))).toMatchObject({
      message:
        'a.example/m: git.internal: refused to connect to a private address; only hosts named in the settings may have one',
    });
  });
});

describe.skipIf(git === undefined)('a credential', () => {
  test('goes with the repository to the modules it serves', async () => {
    const server = await openServer({ certificate, login });
    const resolveRemote = open({ allow: [loginAt(server.host, 'corp.example')] });
    const url = `${server.url}/team/r`;
    const remote = await resolveRemote(url, 'corp.example/m', signal);
    expect(remote).toMatchObject({ url, fetchUrl: url, credential: login });
    expect(remote.key).not.toBe(url);
    expect(inspect({ ...remote, credential: undefined })).not.toContain('hush');
    expect(await resolveRemote(url, 'corp.example/other', signal)).toMatchObject({ key: remote.key });
  });

  test('is a header line where it is no login', async () => {
    const seen: unknown[] = [];
    const origin = await openOrigin(
      ({ headers }, response) => {
        seen.push(headers.authorization ?? headers['private-token']);
        response.end();
      },
      { certificate },
    );
    const url = `https://${origin.host}/r`;
    for (const secret of [
      { kind: 'bearer', token: 'hush' },
      { kind: 'header', name: 'Private-Token', value: 'hush' },
    ] as const) {
      const resolveRemote = open({ allow: [{ host: origin.host, modules: 'corp.example', secret }] });
      const { credential } = await resolveRemote(url, 'corp.example/m', signal);
      seen.push(credential);
    }
    expect(seen).toEqual([
      'Bearer hush',
      { header: 'authorization: Bearer hush' },
      'hush',
      { header: 'private-token: hush' },
    ]);
  });

  test('of no modules serves the private ones', async () => {
    const server = await openServer({ certificate, login });
    const resolveRemote = open({ allow: [loginAt(server.host)], private: 'corp.example' });
    expect(await resolveRemote(`${server.url}/team/r`, 'corp.example/m', signal)).toHaveProperty(
      'credential',
    );
    expect(await failure(resolveRemote(`${server.url}/team/r`, 'evil.example/m', signal))).toMatchObject({
      kind: 'notFound',
    });
  });

  test('that is refused is no absence of the repository', async () => {
    const server = await openServer({ certificate, login: { ...login, password: 'other' } });
    const resolveRemote = open({ allow: [loginAt(server.host, 'corp.example')] });
    const error = await failure(resolveRemote(`${server.url}/team/r`, 'corp.example/m', signal));
    expect(error).toMatchObject({
      kind: 'upstream',
      message: `corp.example/m: ${server.url}/team/r answered 401 Unauthorized to the credential that we have for it`,
    });
    expect(inspect(error, { depth: 10 })).not.toContain('hush');
  });

  test('follows a redirect only for its modules', async () => {
    const server = await openServer({ certificate, login });
    const evil = await openOrigin(
      ({ url }, response) => response.writeHead(302, { location: `${server.url}/team${url}` }).end(),
      { certificate, address: '127.0.0.2' },
    );
    const resolveRemote = open({ allow: [loginAt(server.host, 'corp.example')] });
    const url = `https://${evil.host}/r`;
    expect(await failure(resolveRemote(url, 'evil.example/m', signal))).toMatchObject({ kind: 'notFound' });
    expect(await resolveRemote(url, 'corp.example/m', signal)).toMatchObject({ credential: login });
    expect(await failure(resolveRemote(url, 'evil.example/m', signal))).toMatchObject({ kind: 'notFound' });
    expect(evil.requests.map(({ headers }) => headers.authorization)).toEqual([undefined, undefined]);
  });

  test('does not follow a redirect away from its host', async () => {
    const target = await openServer({ certificate });
    const origin = await openOrigin(
      ({ url }, response) => response.writeHead(302, { location: `${target.url}/team${url}` }).end(),
      { certificate, address: '127.0.0.2' },
    );
    const resolveRemote = open({ allow: [loginAt(origin.host, 'corp.example')] });
    const remote = await resolveRemote(`https://${origin.host}/r`, 'corp.example/m', signal);
    expect(remote).not.toHaveProperty('credential');
    expect(remote.key).toBe(`${target.url}/team/r`);
    expect(target.requests[0]!.headers.authorization).toBeUndefined();
    expect(origin.requests[0]!.headers.authorization).toMatch(/^Basic /);
  });
});

describe.skipIf(git === undefined)('a rewrite', () => {
  test('leads to a mirror, and the public URL stays', async () => {
    const server = await openServer();
    const resolveRemote = open({ rewrite: `https://github.com/=>${server.url}/` });
    expect(await resolveRemote('https://github.com/team/r', 'github.com/team/r', signal)).toEqual({
      url: 'https://github.com/team/r',
      fetchUrl: `${server.url}/team/r`,
      key: `${server.url}/team/r`,
      resolve: [],
    });
  });

  test('may lead to a folder, which is asked for nothing', async () => {
    const resolveRemote = open({ rewrite: 'https://github.com/=>file:///srv/git/' });
    expect(await resolveRemote('https://github.com/team/r', 'github.com/team/r', signal)).toEqual({
      url: 'https://github.com/team/r',
      fetchUrl: 'file:///srv/git/team/r',
      key: 'file:///srv/git/team/r',
    });
  });

  test('lends a folder of private repositories to no other module', async () => {
    const rewrite = 'https://github.com/=>file:///srv/git/';
    const resolveRemote = open({ rewrite, private: 'github.com/corp/secret,go.corp.example' });
    const url = 'https://github.com/corp/secret';
    for (const written of [
      url,
      `${url}.git`,
      'https://github.com//corp//secret/',
      'https://github.com/%63orp/secret',
    ]) {
      expect(await failure(resolveRemote(written, 'evil.example/m', signal))).toMatchObject({
        kind: 'notFound',
        message: `evil.example/m: ${written} is a private repository, and this module is not private`,
      });
    }
    expect(await resolveRemote(url, 'go.corp.example/m', signal)).toMatchObject({ url });
    expect(await resolveRemote('https://github.com/team/r', 'evil.example/m', signal)).toHaveProperty('key');
  });

  test.each(['https://github.com/../../etc', 'https://github.com/team/%2e%2e/%2e%2e/etc'])(
    'leads no stranger out of its folder: %s',
    async (url) => {
      const resolveRemote = open({ rewrite: 'https://github.com/=>file:///srv/git/' });
      expect(await failure(resolveRemote(url, 'evil.example/m', signal))).toMatchObject({
        kind: 'notFound',
        message: `evil.example/m: "${url}" is a URL whose path leads upwards`,
      });
    },
  );
});

describe('a repository over ssh', () => {
  const key: Credential = {
    host: 'git.example',
    modules: 'corp.example',
    secret: { kind: 'ssh', identityFile: '/etc/stoa/key', knownHostsFile: '/etc/stoa/known_hosts' },
  };
  const settings = { allow: [key, { ...key, host: 'git.example:2222' }], address: '192.0.43.7' };

  test('is dialled at the address that was checked, under the name its key is known by', async () => {
    const remote = await open(settings)('ssh://gopher@Git.Example/r', 'corp.example/m', signal);
    expect(remote).toMatchObject({
      url: 'ssh://gopher@Git.Example/r',
      fetchUrl: 'ssh://gopher@git.example/r',
      ssh: {
        hostName: '192.0.43.7',
        hostKeyAlias: 'git.example',
        identityFile: '/etc/stoa/key',
        knownHostsFile: '/etc/stoa/known_hosts',
      },
    });
    expect(remote).not.toHaveProperty('resolve');
    expect(remote).not.toHaveProperty('credential');
  });

  test('has a port and a user, where none is written the usual one', async () => {
    expect(await open(settings)('git+ssh://git.example:2222/r', 'corp.example/m', signal)).toMatchObject({
      fetchUrl: 'ssh://git@git.example:2222/r',
      ssh: { hostKeyAlias: '[git.example]:2222' },
    });
  });

  test('is absent for modules that no key serves', async () => {
    expect(await failure(open(settings)('ssh://git@git.example/r', 'evil.example/m', signal))).toMatchObject({
      kind: 'notFound',
      message: 'evil.example/m: ssh://git@git.example/r: we have no SSH key that serves this module',
    });
  });

  test('is not dialled at a private address', async () => {
    const inside = { ...settings, address: '10.0.0.1' };
    expect(await failure(open(inside)('ssh://git@git.example/r', 'corp.example/m', signal))).toMatchObject({
      kind: 'upstream',
      message: expect.stringContaining('git.example: refused to connect to a private address'),
    });
    const named = { ...inside, named: ['git.example'] };
    expect(await open(named)('ssh://git@git.example/r', 'corp.example/m', signal)).toHaveProperty('ssh');
  });
});

test.each([
  ['http://git.example/r', 'http://git.example/r is no URL that is safe to read from'],
  ['file:///etc', 'file:///etc is no URL that is safe to read from'],
  ['git://git.example/r', '"git://git.example/r" is a URL of the scheme git'],
  ['--upload-pack=x', '"--upload-pack=x" is no URL of a repository'],
])('%s is not read from', async (url, message) => {
  expect(await failure(open()(url, 'a.example/m', signal))).toMatchObject({
    kind: 'notFound',
    message: `a.example/m: ${message}`,
  });
});
