import { Writable } from 'node:stream';
import { describe, expect, onTestFinished, test } from 'vitest';
import { createRemotes } from '../../src/fetch/remotes.ts';
import { createUpstream } from '../../src/fetch/upstream.ts';
import type { HttpClient } from '../../src/net/client.ts';
import { type Credential, createCredentials } from '../../src/net/credentials.ts';
import { createReach } from '../../src/net/reach.ts';
import { asStranger } from '../../src/net/stranger.ts';
import { git, openGitRepos } from '../fakes/git-repos.ts';
import { startGitServer } from '../fakes/git-server.ts';
import { tlsFile } from '../fakes/tls.ts';
import { failure, openAsker, openOrigin } from '../net/origin.ts';
import { openDiscover, openGate, openVanity, type Page } from './vanity.ts';

const { signal } = new AbortController();
const login = { username: 'gopher', password: 'hush' };
const basic = `Basic ${btoa('gopher:hush')}`;
const named = ['127.0.0.1', '127.0.0.2'];

/** Pages, and behind them servers on loopback, with our credential for one of these for the modules of corp.example. */
function open(pages: Record<string, Page>, host: string, modules?: string) {
  const vanity = openVanity(pages);
  const allow: Credential[] = [{ host, ...(modules && { modules }), secret: { kind: 'basic', ...login } }];
  const real = openAsker({
    credentials: allow,
    privatePatterns: 'corp.example',
    extraCa: [tlsFile('ca.pem')],
    retries: 0,
  });
  const client: HttpClient = {
    get: (url, request) => (url.search === '?go-get=1' ? vanity.client : real.client).get(url, request),
    close: async () => {},
  };
  const credentials = createCredentials(allow, 'corp.example');
  const resolveRemote = createRemotes({
    client,
    credentials,
    reach: createReach({ namedHosts: named }),
    rewrites: [],
    privatePatterns: 'corp.example',
    gate: openGate(),
  });
  const discover = openDiscover(
    { ...vanity, client },
    { audience: credentials.audience, ping: resolveRemote },
  );
  return {
    client,
    vanity,
    discover,
    /** The repository of a module path, as whoever reads it gets it. */
    find: async (path: string) => resolveRemote((await discover(path, signal)).url, path, signal),
  };
}

async function openSecret(options: { latencyMs?: number } = {}) {
  const repos = await openGitRepos();
  onTestFinished(() => repos[Symbol.asyncDispose]());
  await repos.create('corp/secret', [{ commit: 'one', files: { 'go.mod': 'module corp.example/secret\n' } }]);
  const server = await startGitServer({ folder: repos.folder, certificate: 'server.pem', login, ...options });
  onTestFinished(() => server.close());
  return { server, url: `${server.url}/corp/secret` };
}

describe.skipIf(git === undefined).each([
  ['that names its modules', 'corp.example'],
  ['that names none, while they are private', undefined],
])('a credential %s', (_, modules) => {
  test('opens the repository to them', async () => {
    const { server, url } = await openSecret();
    const { find } = open(
      { 'corp.example/secret': [`corp.example/secret git ${url}`] },
      server.host,
      modules,
    );
    expect(await find('corp.example/secret')).toMatchObject({ url, credential: login });
  });

  test("is not sent for a stranger's page that points at the repository", async () => {
    const { server, url } = await openSecret();
    const pages = {
      'corp.example/secret': [`corp.example/secret git ${url}`],
      'evil.example/m': [`evil.example/m git ${url}`],
      // Nor where the path looks like ours.
      'evil.example/corp.example/secret': [`evil.example/corp.example/secret git ${url}`],
      'evil.example': [`evil.example git ${url}`],
    };
    const { find } = open(pages, server.host, modules);
    for (let round = 0; round < 2; round++) {
      for (const path of Object.keys(pages).slice(1)) {
        const error = await failure(find(path));
        expect(error).toMatchObject({
          kind: 'notFound',
          message: `${path}: ${url} answered 401 Unauthorized, and we have no credential that serves this module`,
        });
      }
      expect(server.requests.map(({ headers }) => headers.authorization)).not.toContain(basic);
    }
    // Nor after ours was let in: what was learned then is ours alone.
    await find('corp.example/secret');
    const asked = server.requests.length;
    expect(await failure(find('evil.example/m'))).toMatchObject({ kind: 'notFound' });
    expect(server.requests.slice(asked).map(({ headers }) => headers.authorization)).not.toContain(basic);
  });

  test("is not sent for a stranger's page that points at what redirects to the repository", async () => {
    const { server, url } = await openSecret();
    const evil = await openOrigin(
      ({ url }, response) =>
        response.writeHead(302, { location: `${server.url}/corp/secret${url!.replace('/r/', '/')}` }).end(),
      { certificate: 'server.pem', address: '127.0.0.2' },
    );
    const { find } = open(
      { 'evil.example/m': [`evil.example/m git https://${evil.host}/r`] },
      server.host,
      modules,
    );
    expect(await failure(find('evil.example/m'))).toMatchObject({ kind: 'notFound' });
    expect(server.requests.map(({ url }) => url)).toEqual([
      `${new URL(url).pathname}/info/refs?service=git-upload-pack`,
    ]);
    expect(server.requests[0]!.headers.authorization).toBeUndefined();
  });

  test("is not sent to a proxy that a stranger's page names, whatever is asked of it", async () => {
    const proxy = await openOrigin((_, response) => response.writeHead(401).end('log in'), {
      certificate: 'server.pem',
    });
    const pages = {
      'evil.example/m': [`evil.example/m mod https://${proxy.host}/go`],
      'corp.example/m': [`corp.example/m mod https://${proxy.host}/go`],
    };
    const { client, discover } = open(pages, proxy.host, modules);
    const quiet = { upstream: () => {}, event: () => {}, warn: () => {} } as never;
    for (const [path, sent] of [
      ['evil.example/m', undefined],
      ['corp.example/m', basic],
    ] as const) {
      const root = await discover(path, signal);
      expect(root).toMatchObject({ isMod: true });
      const turns = (pass: () => void) => pass();
      const parts = { gate: openGate(), metrics: quiet, log: quiet, instanceId: 'i', turns };
      const upstream = createUpstream({ url: root.url, client: asStranger(client), ...parts });
      const version = { path, version: 'v1.0.0' };
      const spool = { begin: () => new Writable({ write: (_, __, done) => done() }) };
      const asked = proxy.requests.length;
      await Promise.allSettled([
        upstream.list(path, signal),
        upstream.query(path, 'main', signal),
        ...(['info', 'mod', 'zip'] as const).map((file) => upstream.fetch(version, file, {}, spool, signal)),
      ]);
      const sentNow = proxy.requests.slice(asked).map(({ headers }) => headers.authorization);
      expect(sentNow.length).toBeGreaterThanOrEqual(5);
      expect(new Set(sentNow)).toEqual(new Set([sent]));
    }
  });
});

test.skipIf(git === undefined)(
  'four prefixes of an unknown path cost two pages and one question to the repository',
  async () => {
    const repos = await openGitRepos();
    onTestFinished(() => repos[Symbol.asyncDispose]());
    await repos.create('r', [{ commit: 'one', files: { 'main.go': 'package main\n' } }]);
    const server = await startGitServer({ folder: repos.folder, certificate: 'server.pem', latencyMs: 30 });
    onTestFinished(() => server.close());
    const paths = ['a.example/m/x/y/z', 'a.example/m/x/y', 'a.example/m/x', 'a.example/m'];
    const pages = Object.fromEntries(paths.map((path) => [path, [`a.example/m git ${server.url}/r`]]));
    const { vanity, find } = open(pages, 'nobody.example');
    const remotes = await Promise.all(paths.map(find));
    expect(new Set(remotes.map(({ key }) => key)).size).toBe(1);
    expect(vanity.asked).toHaveLength(2);
    expect(server.take()).toMatchObject({ counts: { advertisement: 1 }, trips: 1 });
  },
);
