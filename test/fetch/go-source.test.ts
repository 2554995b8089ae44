// Modules of hg, svn and fossil repositories through the go command: what is kept, what goes wrong, and who is let in.
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { Fetcher } from '../../src/fetch/fetcher.ts';
import { type Credential, createCredentials } from '../../src/net/credentials.ts';
import { createLogins, type LoginSource } from '../../src/net/logins.ts';
import type { GoCommandOptions } from '../../src/vcs/go-command.ts';
import type { GoVcs } from '../../src/vcs/go-remote.ts';
import { apache, startApache } from '../fakes/apache.ts';
import { type OtherCommit, type OtherRepo, openOtherRepo, tools } from '../fakes/other-repos.ts';
import { type OtherServer, type OtherServerOptions, serveOther } from '../fakes/other-server.ts';
import { go } from '../go/go.ts';
import { failure, openOrigin, refusingUrl, until } from '../net/origin.ts';
import { openFakeSsh } from '../vcs/fake-ssh.ts';
import { processesOf } from '../vcs/processes.ts';
import type { Asked } from './direct-bed.ts';
import { type OtherBed, openOtherBed, type SourceOptions } from './other-bed.ts';
import { createMemorySpool } from './setup.ts';

const m = 'example.com/m';
const goMod = `module ${m}\n`;
const first: OtherCommit = { files: { 'go.mod': goMod, 'a.go': 'package a\n' }, tag: 'v1.0.0' };
const second: OtherCommit = { files: { 'b.go': 'package a\n' }, tag: 'v1.1.0' };

interface Scene {
  readonly bed: OtherBed;
  readonly repo: OtherRepo;
  readonly server: OtherServer;
  readonly fetcher: Fetcher;
  readonly source: Asked;
  /** Another source of the repository, or of what is elsewhere. */
  again(options?: SourceOptions, at?: string): Asked;
}

interface SceneOptions extends SourceOptions {
  readonly server?: OtherServerOptions;
  readonly command?: Partial<GoCommandOptions>;
}

/** A repository with one version, read from a server; that of Subversion from its folder. */
async function open(vcs: GoVcs, options: SceneOptions = {}): Promise<Scene> {
  const repo = await openOtherRepo(vcs, [first]);
  onTestFinished(() => repo[Symbol.asyncDispose]());
  const server = await serveOther(repo, options.server);
  onTestFinished(() => server.close());
  const bed = await openOtherBed(options.command);
  onTestFinished(() => bed[Symbol.asyncDispose]());
  const root = { root: m, vcs, url: `https://${vcs}.example.com/m${vcs === 'svn' ? '/trunk' : ''}` };
  const at = vcs === 'svn' ? repo.url : server.url;
  return {
    bed,
    repo,
    server,
    fetcher: bed.fetcher(root, at, options),
    source: bed.source(root, at, options),
    again: (more = {}, elsewhere = at) => bed.source(root, elsewhere, more),
  };
}

function has(...systems: readonly GoVcs[]): boolean {
  return go !== undefined && systems.every((vcs) => tools[vcs] !== undefined);
}

describe.skipIf(!has('fossil'))('what is kept of a repository', () => {
  test('is asked for what is new, also after a restart', async () => {
    const { bed, repo, server, source } = await open('fossil');
    await source.fetch(m, 'v1.0.0', 'zip');
    await repo.commit(second);
    await bed.restart();
    const before = server.heads.length;
    expect((await source.fetch(m, 'v1.1.0', 'mod')).text).toBe(goMod);
    // A clone takes more.
    expect(server.heads.length - before).toBeLessThan(3);
    // A branch is not what it was when it was read first.
    expect(await source.resolve(m, 'trunk')).toMatch(/^v0\.0\.0-20240101000200-/);
    expect(await source.resolve(m, 'latest')).toMatch(/^v0\.0\.0-20240101000200-/);
    expect(await readdir(join(bed.folder, 'runs'))).toEqual([]);
    expect(await readdir(join(bed.folder, 'repos'))).toHaveLength(1);
  });

  test('goes when there is no room for it', async () => {
    const { bed, repo, source, again } = await open('fossil', { command: { maxBytes: 2 ** 20 } });
    await source.fetch(m, 'v1.0.0', 'mod');
    const [kept] = await readdir(join(bed.folder, 'repos'));
    await writeFile(join(bed.folder, 'repos', kept!, 'vcs/large'), Buffer.alloc(2 ** 21, 1));
    await bed.restart();
    await again({}, repo.url).fetch(m, 'v1.0.0', 'mod');
    await until(() => readdir(join(bed.folder, 'repos'))).not.toContain(kept);
  });

  test('is made anew when it is found broken', async () => {
    const { bed, source } = await open('fossil');
    await source.fetch(m, 'v1.0.0', 'zip');
    const files = await readdir(join(bed.folder, 'repos'), { recursive: true });
    const copy = files.find((name) => name.endsWith('.fossil'))!;
    await writeFile(join(bed.folder, 'repos', copy), 'this is no database'.repeat(1000));
    expect((await source.fetch(m, 'v1.0.0', 'zip')).bytes.length).toBeGreaterThan(100);
  });

  test('is never the beginning of a copy that was cut off', async () => {
    const { bed, server, fetcher } = await open('fossil');
    const stalled = server.stall();
    const left = new AbortController();
    const asking = failure(fetcher.list(m, left.signal));
    await stalled;
    expect((await processesOf(bed.folder)).length).toBeGreaterThan(1);
    left.abort();
    expect(await asking).toMatchObject({ kind: 'canceled' });
    expect(await readdir(join(bed.folder, 'repos'))).toEqual([]);
    expect(await processesOf(bed.folder)).toEqual([]);
  });
});

describe.skipIf(!has('hg', 'svn', 'fossil'))('a repository that cannot be read', () => {
  const asks = [
    (source: Asked) => source.list(m),
    (source: Asked) => source.query(m, 'latest'),
    (source: Asked) => source.fetch(m, 'v1.0.0', 'zip'),
  ];

  test.each<GoVcs>(['hg', 'fossil'])(
    'is a failure and no absence while its %s server is down',
    async (vcs) => {
      const { again } = await open(vcs);
      const nowhere = again({}, (await refusingUrl()).origin);
      for (const ask of asks) {
        expect(await failure(ask(nowhere))).toMatchObject({
          kind: 'upstream',
          message: expect.stringMatching(/^example\.com\/m(@\S+)?: https:\/\/\S+: \S+: connection refused$/),
        });
      }
    },
  );

  test('is a failure where the go command takes it for an absence', async () => {
    const { again } = await open('svn');
    const nowhere = again({}, 'file:///nowhere/repo/trunk');
    const version = 'v0.0.0-20240101000000-000000000001';
    expect(await failure(nowhere.list(m))).toMatchObject({ kind: 'upstream' });
    expect(await failure(nowhere.query(m, '1'))).toMatchObject({ kind: 'upstream' });
    expect(await failure(nowhere.fetch(m, version, 'zip'))).toMatchObject({ kind: 'upstream' });
  });

  test('is a failure while its server is down, whatever is kept of it', async () => {
    const { source, server } = await open('fossil');
    await source.fetch(m, 'v1.0.0', 'zip');
    await server.close();
    expect(await failure(source.list(m))).toMatchObject({ kind: 'upstream' });
    expect(await failure(source.query(m, 'trunk'))).toMatchObject({ kind: 'upstream' });
    expect(await failure(source.query(m, 'v9.9.9-rc'))).toMatchObject({ kind: 'upstream' });
    // What a version was once it stays.
    expect((await source.fetch(m, 'v1.0.0', 'zip')).bytes.length).toBeGreaterThan(100);
  });

  test.each<[status: string, kind: string, message: RegExp]>([
    ['404 Not Found', 'notFound', /there is no such repository$/],
    ['401 Unauthorized', 'notFound', /or only for who logs in, and no credential here serves it$/],
    ['503 Service Unavailable', 'upstream', /a failure of its own \(503\)$/],
  ])('is told by what its server says: %s', async (status, kind, message) => {
    const challenge = status.startsWith('401') ? 'WWW-Authenticate: Basic realm="r"\r\n' : '';
    const answer = `HTTP/1.1 ${status}\r\n${challenge}Content-Length: 0\r\nConnection: close\r\n\r\n`;
    const { source } = await open('hg', { server: { answer } });
    expect(await failure(source.list(m))).toMatchObject({ kind, message: expect.stringMatching(message) });
  });

  test('is not looked for where it redirects to', async () => {
    const other = await openOrigin((_, response) => response.end(), { address: '127.0.0.2' });
    const answer = `HTTP/1.1 302 Found\r\nLocation: ${other.url.href}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`;
    const { source } = await open('hg', { server: { answer } });
    expect(await failure(source.list(m))).toMatchObject({
      kind: 'upstream',
      message: expect.stringContaining(`it leads to ${other.host}, and only`),
    });
    expect(other.connections()).toBe(0);
  });

  test('is not asked at a private address that no setting names', async () => {
    const { again, server } = await open('fossil');
    expect(await failure(again({ named: [] }).list(m))).toMatchObject({
      kind: 'upstream',
      message: expect.stringContaining('refused to connect to a loopback address'),
    });
    expect(server.heads).toEqual([]);
  });

  test('is given up when it sends too much', async () => {
    const { again } = await open('hg');
    expect(await failure(again({ maxBytes: 1000 }).list(m))).toMatchObject({
      kind: 'integrity',
      message: expect.stringContaining('it sends more than 1000 bytes'),
    });
  });

  test.each<GoVcs>(['hg', 'fossil'])(
    'is given up when its %s server stalls, and no process is left',
    async (vcs) => {
      const { bed, server, again } = await open(vcs);
      void server.stall();
      expect(await failure(again({ stallMs: 200 }).list(m))).toMatchObject({
        kind: 'timeout',
        message: expect.stringContaining('it was silent for 200 ms'),
      });
      expect(await processesOf(bed.folder)).toEqual([]);
    },
  );

  test('is given up at the deadline of a command, and no process is left', async () => {
    const { bed, server, source } = await open('hg', { command: { timeoutMs: 1000 } });
    void server.stall();
    expect(await failure(source.list(m))).toMatchObject({ kind: 'timeout' });
    expect(await processesOf(bed.folder)).toEqual([]);
  });

  test('is told by the program that is missing', async () => {
    const { source } = await open('hg', { command: { go: go!, path: '/nowhere' } });
    expect(await failure(source.list(m))).toMatchObject({
      kind: 'config',
      message: expect.stringContaining('hg is not installed, or not found in vcs.path'),
    });
  });
});

/** Options, expressions of a shell, of Mercurial and of Subversion, and what the go command gives a meaning of its own. */
const hostile = [
  '-x',
  '--config=hooks.update=id',
  '$(id)',
  '`id`',
  'a;b',
  'max(all())',
  '0..9',
  'a b',
  'a\nb',
  'a\0b',
  'a:b',
  'https://elsewhere.example.com/',
  '../../up',
  '{2024-01-01}',
  '<v2',
  '>=v1.0.0',
  'upgrade',
  'patch',
  'none',
  'v1',
  'v1.2',
];

describe.skipIf(!has('svn'))('what is no version', () => {
  test('is not found, in the words of the go command', async () => {
    const { source } = await open('svn');
    for (const query of ['v9.9.9', 'nothing', '99999']) {
      expect(await failure(source.query(m, query))).toMatchObject({
        kind: 'notFound',
        message: `${m}@${query}: invalid version: unknown revision ${query}`,
      });
    }
    expect(await failure(source.fetch(m, 'v0.0.0-20240101000000-000000000001', 'mod'))).toMatchObject({
      kind: 'notFound',
    });
    expect(await failure(source.list(`${m}/below`))).toMatchObject({ kind: 'notFound' });
  });

  test('is refused before any program hears of it', async () => {
    const { bed, source } = await open('svn');
    await bed.command.close();
    for (const query of hostile) {
      expect(await failure(source.query(m, query))).toMatchObject({
        kind: 'notFound',
        message: `${m}@${query}: invalid version: unknown revision ${query}`,
      });
    }
  });

  test.each(['example.com/m/a...b', 'example.com/other'])('is refused as a path: %s', async (path) => {
    const { bed, source } = await open('svn');
    await bed.command.close();
    expect(await failure(source.list(path))).toMatchObject({ kind: 'notFound' });
  });
});

test.skipIf(!has('fossil'))('a version whose tag was moved is caught', async () => {
  const { source } = await open('fossil');
  const { info } = await source.fetch(m, 'v1.0.0', 'mod');
  const commit: string = JSON.parse(info!).Origin.Hash;
  expect((await source.fetch(m, 'v1.0.0', 'zip', { commit: async () => commit })).info).toBe(info);
  const before = '0123456789012345678901234567890123456789';
  for (const file of ['mod', 'zip'] as const) {
    expect(await failure(source.fetch(m, 'v1.0.0', file, { commit: async () => before }))).toMatchObject({
      kind: 'integrity',
      message: `${m}@v1.0.0: its tag leads to commit ${commit}, and ${before} was served before`,
    });
  }
});

test.skipIf(!has('fossil'))('a zip that nobody takes leaves nothing behind', async () => {
  const { bed, fetcher } = await open('fossil');
  const spool = createMemorySpool({ failWith: new Error('the disk is full') });
  const version = { path: m, version: 'v1.0.0' };
  await failure(fetcher.fetch(version, 'zip', {}, spool, new AbortController().signal));
  expect(await readdir(join(bed.folder, 'runs'))).toEqual([]);
});

describe.skipIf(!has('hg'))('a repository that wants a login', () => {
  const login = { username: 'gopher', password: 'hush #;% "' };
  const server = { certificate: 'server.pem', login };

  function credentialFor({ server: { host } }: Scene, modules?: string): Credential {
    return { host, ...(modules !== undefined && { modules }), secret: { kind: 'basic', ...login } };
  }

  test('is opened by a credential that serves the module, over TLS', async () => {
    const scene = await open('hg', { server });
    const source = scene.again({ allow: [credentialFor(scene, m)] });
    expect((await source.fetch(m, 'v1.0.0', 'mod')).text).toBe(goMod);
    const files = await readdir(scene.bed.folder, { recursive: true });
    expect(files.filter((name) => name.endsWith('.rc'))).toEqual([]);
  });

  test('is closed to other modules, which get nothing of what is kept of it either', async () => {
    const scene = await open('hg', { server });
    const allow = [credentialFor(scene, 'corp.example')];
    await scene.again({ allow: [credentialFor(scene, m)] }).list(m);
    const before = scene.server.heads.length;
    for (const ask of [
      (source: Asked) => source.list(m),
      (source: Asked) => source.query(m, 'default'),
      (source: Asked) => source.fetch(m, 'v1.0.0', 'mod'),
      (source: Asked) => source.fetch(m, 'v1.0.0', 'zip'),
    ]) {
      expect(await failure(ask(scene.again({ allow, private: 'corp.example' })))).toMatchObject({
        kind: 'notFound',
        message: expect.stringContaining('no credential here serves it'),
      });
    }
    expect(scene.server.heads.slice(before).join()).not.toMatch(/authorization/i);
  });

  test('says so when the credential is wrong', async () => {
    const scene = await open('hg', { server });
    const secret = { kind: 'basic', username: 'gopher', password: 'wrong' } as const;
    const source = scene.again({ allow: [{ host: scene.server.host, modules: m, secret }] });
    const told = await failure(source.list(m));
    expect(told).toMatchObject({
      kind: 'upstream',
      message: expect.stringContaining('refused our credential'),
    });
    expect(told.message).not.toContain('wrong');
  });

  test('is asked again with the login that a helper has in place of one that is refused', async () => {
    const scene = await open('hg', { server });
    let asked = 0;
    const helper: LoginSource = {
      scope: ({ host }) => host,
      ask: async () => ({ ...login, password: asked++ === 0 ? 'wrong' : login.password }),
    };
    const secret = { kind: 'helper', command: 'none is run' } as const;
    const credentials = createCredentials([{ host: scene.server.host, modules: m, secret }], '', () =>
      createLogins(helper, { life: new AbortController().signal }),
    );
    expect((await scene.again({ credentials }).list(m)).versions).toEqual(['v1.0.0']);
    expect(asked).toBe(2);
  });

  test('is opened by what an hgrc of the house says, for the modules that it serves', async () => {
    const scene = await open('hg', { server: { login } });
    const file = join(scene.repo.folder, '../house.rc');
    const { username, password } = login;
    await writeFile(
      file,
      `[auth]\nh.prefix = *\nh.username = ${username}\nh.password = ${password}\nh.schemes = http\n`,
    );
    const hgrc = { file, modules: m };
    expect((await scene.again({ hgrc }).list(m)).versions).toEqual(['v1.0.0']);
    const others = { file, modules: 'corp.example' };
    expect(await failure(scene.again({ hgrc: others }).list(m))).toMatchObject({ kind: 'notFound' });
  });

  test('gets no credential that its system cannot be given', async () => {
    const scene = await open('hg', { server });
    const secret = { kind: 'bearer', token: 's3cret' } as const;
    const source = scene.again({ allow: [{ host: scene.server.host, modules: m, secret }] });
    expect(await failure(source.list(m))).toMatchObject({
      kind: 'config',
      message: `${m}: https://hg.example.com/m: hg can't be given the credential for it`,
    });
  });
});

test.skipIf(!has('svn') || apache === undefined)(
  'a Subversion repository that wants a login is opened to the modules that our credential serves',
  async () => {
    const { repo, again } = await open('svn');
    const server = await startApache(repo);
    onTestFinished(() => server.close());
    const secret = { kind: 'basic', username: 'gopher', password: 'hush' } as const;
    const source = (modules: string) =>
      again({ allow: [{ host: server.host, modules, secret }] }, server.url);
    const version = await source(m).resolve(m, 'latest');
    expect((await source(m).fetch(m, version, 'zip')).bytes.length).toBeGreaterThan(100);
    const before = await server.requests();
    expect(new Set(before.map((line) => line.split(' ', 1)[0]))).toEqual(new Set(['-', 'gopher']));
    expect(await failure(source('corp.example').list(m))).toMatchObject({
      kind: 'notFound',
      message: expect.stringContaining('no credential here serves it'),
    });
    expect((await server.requests()).slice(before.length).join()).not.toContain('gopher');
  },
);

describe.skipIf(!has('hg', 'svn'))('a repository behind ssh', () => {
  test.each<[vcs: GoVcs, slash: string, command: string]>([
    // A path with one slash is one in the home of the user.
    ['hg', '/', '$command'],
    ['svn', '', 'svnserve -t'],
  ])('of %s is asked with our key alone', async (vcs, slash, command) => {
    const repo = await openOtherRepo(vcs, [first]);
    onTestFinished(() => repo[Symbol.asyncDispose]());
    const ssh = await openFakeSsh(join(repo.folder, '../programs'), { command });
    const bed = await openOtherBed({ path: ssh.path });
    onTestFinished(() => bed[Symbol.asyncDispose]());
    const secret = { kind: 'ssh', identityFile: '/keys/id', knownHostsFile: '/keys/known' } as const;
    const root = { root: m, vcs, url: `https://${vcs}.example.com/m${vcs === 'svn' ? '/trunk' : ''}` };
    const at = `ssh://127.0.0.1${slash}${repo.folder}${vcs === 'svn' ? '/trunk' : ''}`;
    const source = (modules: string) =>
      bed.source(root, at, { allow: [{ host: '127.0.0.1', modules, secret }] });
    expect(await source(m).resolve(m, 'latest')).toMatch(/^v/);
    const told = await ssh.arguments();
    expect(told).toEqual(
      expect.arrayContaining(['HostName=127.0.0.1', 'StrictHostKeyChecking=yes', 'IdentityFile="/keys/id"']),
    );
    expect(told).toContain(`${vcs}@127.0.0.1`);
    expect(await failure(source('corp.example').list(m))).toMatchObject({
      kind: 'notFound',
      message: expect.stringContaining('we have no SSH key that serves this module'),
    });
  });
});

describe.skipIf(!has('svn'))('a repository in a folder', () => {
  test('that is private is read for private modules alone', async () => {
    const { again } = await open('svn');
    const options = { private: 'svn.example.com' };
    expect(await failure(again(options).list(m))).toMatchObject({
      kind: 'notFound',
      message: expect.stringContaining('is a private repository, and this module is not private'),
    });
    expect((await again({ private: 'svn.example.com,example.com' }).list(m)).versions).toEqual([]);
  });

  test('is not found by a rewrite that takes its trunk away', async () => {
    const { bed } = await open('svn');
    const root = { root: m, vcs: 'svn' as const, url: 'https://svn.example.com/m/trunk' };
    const rewrites = [{ from: 'https://svn.example.com/m/trunk', to: 'https://svn.example.org/m/' }];
    expect(await failure(bed.source(root, 'file:///nowhere/', { rewrites }).list(m))).toMatchObject({
      kind: 'config',
      message: expect.stringContaining('vcs.rewrite must leave /trunk at its end'),
    });
  });
});
