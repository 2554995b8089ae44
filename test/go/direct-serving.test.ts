// A server that reads modules from their repositories, as the go command sees it.
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type GitRepo, type GitRepos, git, openGitRepos } from '../fakes/git-repos.ts';
import { type GitServer, startGitServer } from '../fakes/git-server.ts';
import { type Stoa, startStoa, withoutFreshness } from '../fakes/stoa.ts';
import { type GoHome, go, openGoHome, parseObjects } from './go.ts';

const token = 'glpat-very-secret';
const login = { username: 'oauth2', password: token };
const lib = 'github.com/acme/lib';
const odd = 'github.com/acme/odd';
const secret = 'github.com/corp/secret';

interface Downloaded {
  readonly Version: string;
  readonly Sum: string;
  readonly GoMod: string;
  readonly Info: string;
}

// The tests go on from each other: in the end the repositories are gone.
describe.skipIf(go === undefined || git === undefined)('a server whose only upstream is direct', () => {
  let repos: GitRepos;
  let publicRepo: GitRepo;
  let server: GitServer;
  let stoa: Stoa;
  let home: GoHome;

  beforeAll(async () => {
    repos = await openGitRepos();
    publicRepo = await repos.create('public/acme/lib', [
      { commit: 'one', files: { 'go.mod': `module ${lib}\n\ngo 1.21\n`, 'lib.go': 'package lib\n' } },
      { tag: 'v1.0.0', at: 'one' },
      { commit: 'two', files: { 'lib.go': 'package lib\n\nconst Two = 2\n' } },
      { tag: 'v1.1.0', at: 'two', message: 'the second' },
      { commit: 'three', files: { 'sub/go.mod': `module ${lib}/sub\n`, 'sub/sub.go': 'package sub\n' } },
      { tag: 'sub/v0.1.0', at: 'three' },
      { branch: 'dev', at: 'three' },
    ]);
    await repos.create('public/acme/odd', [
      {
        commit: 'one',
        files: {
          '.gitattributes': 'go.mod text working-tree-encoding=UTF-16LE\n',
          'go.mod': `module ${odd}\n\ngo 1.24\n\nretract v1.0.0\n`,
          'vendor/modules.txt': '# none\n',
          'x/vendor/y.go': 'package y\n',
        },
        tags: ['v1.0.0'],
      },
      { commit: 'two', files: { 'x/x.go': 'package x\n' } },
    ]);
    await repos.create('corp/secret', [
      { commit: 'one', files: { 'go.mod': `module ${secret}\n`, 'secret.go': 'package secret\n' } },
      { tag: 'v1.0.0', at: 'one' },
    ]);
    server = await startGitServer({ folder: repos.folder, login });
    stoa = await startStoa({ upstream: 'direct', env: settings() });
    home = await openGoHome(stoa.url);
  });
  afterAll(async () => {
    await home?.[Symbol.asyncDispose]();
    await stoa?.[Symbol.asyncDispose]();
    await server?.close();
    await repos?.[Symbol.asyncDispose]();
  });

  function settings(): Record<string, string> {
    const folder = pathToFileURL(join(repos.folder, 'public')).href;
    return {
      ...withoutFreshness,
      STOA_PRIVATE: 'github.com/corp',
      STOA_VCS_REWRITE: `https://github.com/=>${folder}/,https://github.com/corp/=>${server.url}/corp/`,
      STOA_CREDENTIALS: `[[credentials]]\nhost = "${server.host}"\ntoken = "${token}"\nkind = "gitlab"\n`,
    };
  }

  /** The version of the newest commit, which has no tag. */
  function pseudo(): string {
    return `v1.1.1-0.20240101000200-${publicRepo.hash('three').slice(0, 12)}`;
  }

  async function download(on: GoHome, ...modules: string[]): Promise<Downloaded[]> {
    const { stdout } = await on.run(['mod', 'download', '-json', ...modules]);
    return parseObjects<Downloaded>(stdout);
  }

  test.each([
    ['a version', `${lib}@v1.1.0`],
    ['one whose go.mod has another text in the zip', `${odd}@v1.0.0`],
    ['the latest of a module that took back all its versions', `${odd}@latest`],
  ])('has the same files of %s as the go command makes of the repository itself', async (_, module) => {
    const [through] = await download(home, module);
    await using other = await openGoHome('direct');
    const env = {
      GIT_CONFIG_NOSYSTEM: '1',
      GIT_CONFIG_COUNT: '1',
      GIT_CONFIG_KEY_0: `url.${pathToFileURL(join(repos.folder, 'public')).href}/.insteadOf`,
      GIT_CONFIG_VALUE_0: 'https://github.com/',
    };
    const { stdout } = await other.run(['mod', 'download', '-json', module], { env });
    const [itself] = parseObjects<Downloaded>(stdout);
    expect(through?.Version).toBe(itself?.Version);
    expect(through?.Sum).toBe(itself?.Sum);
    expect(await readFile(through!.GoMod, 'utf8')).toBe(await readFile(itself!.GoMod, 'utf8'));
    expect(await readFile(through!.Info, 'utf8')).toBe(await readFile(itself!.Info, 'utf8'));
  });

  test('says from which public URL a version is, not from which mirror', async () => {
    const info = await fetch(`${stoa.url}/${lib}/@v/v1.1.0.info`).then((reply) => reply.json());
    expect(info).toEqual({
      Version: 'v1.1.0',
      Time: '2024-01-01T00:01:00Z',
      Origin: {
        VCS: 'git',
        URL: `https://${lib}`,
        Ref: 'refs/tags/v1.1.0',
        Hash: publicRepo.hash('two'),
      },
    });
  });

  test('lists versions, and those of modules in folders', async () => {
    const versions = (path: string) => home.run(['list', '-m', '-versions', path]);
    expect((await versions(lib)).stdout).toBe(`${lib} v1.0.0 v1.1.0\n`);
    expect((await versions(`${lib}/sub`)).stdout).toBe(`${lib}/sub v0.1.0\n`);
  });

  test('resolves a branch, a commit and the latest version', async () => {
    for (const [query, version] of [
      ['dev', pseudo()],
      [publicRepo.hash('three').slice(0, 8), pseudo()],
      ['latest', 'v1.1.0'],
    ]) {
      const cwd = await home.project({ 'go.mod': 'module example.com/user\n\ngo 1.21\n' });
      await home.run(['get', `${lib}@${query}`], { cwd });
      expect(await readFile(join(cwd, 'go.mod'), 'utf8')).toContain(`require ${lib} ${version} `);
    }
  });

  test('reads private modules with its token, which no line of the log holds', async () => {
    const [found] = await download(home, `${secret}@v1.0.0`);
    expect(found?.Sum).toMatch(/^h1:/);
    const { stdout } = await home.run(['list', '-m', '-versions', secret]);
    expect(stdout).toBe(`${secret} v1.0.0\n`);
    expect(server.requests.some(({ headers }) => headers.authorization !== undefined)).toBe(true);
    const log = JSON.stringify(stoa.log);
    expect(log).not.toContain(token);
    expect(log).not.toContain(Buffer.from(`${login.username}:${token}`).toString('base64'));
  });

  test('tells what is not there as the go command would', async () => {
    expect(await home.fail(['list', '-m', `${lib}@v9.9.9`])).toContain(
      `not found: ${lib}@v9.9.9: invalid version: unknown revision v9.9.9`,
    );
    expect(await home.fail(['list', '-m', `${secret}/none@v1.0.0`])).toContain('404 Not Found');
  });

  test('serves what it served before, when the repositories are gone and after a restart', async () => {
    await server.close();
    await rm(publicRepo.folder, { recursive: true });
    await stoa.stop();
    await stoa.start();
    await using other = await openGoHome(stoa.url);
    const modules = [`${lib}@v1.1.0`, `${lib}@${pseudo()}`, `${secret}@v1.0.0`];
    const found = await download(other, ...modules);
    expect(found.map(({ Version }) => Version)).toEqual(['v1.1.0', pseudo(), 'v1.0.0']);
    expect((await other.run(['list', '-m', '-versions', secret])).stdout).toBe(`${secret} v1.0.0\n`);
  });
});

describe.skipIf(go === undefined || git === undefined)(
  'repositories behind a certificate of the house',
  () => {
    const tls = (name: string) => fileURLToPath(new URL(`../testdata/tls/${name}`, import.meta.url));

    test('are read with the login of a netrc file', async () => {
      await using repos = await openGitRepos();
      await repos.create('corp/secret', [
        { commit: 'one', files: { 'go.mod': `module ${secret}\n`, 'secret.go': 'package secret\n' } },
        { tag: 'v1.0.0', at: 'one' },
      ]);
      const server = await startGitServer({ folder: repos.folder, login, certificate: 'server.pem' });
      const netrc = join(repos.folder, 'netrc');
      await writeFile(netrc, `machine ${server.host} login ${login.username} password ${token}\n`);
      const env = {
        STOA_STORAGE_TYPE: 'memory',
        STOA_VCS_REWRITE: `https://github.com/=>${server.url}/`,
        STOA_NET_CA_FILE: tls('ca.pem'),
        STOA_NET_NETRC_FILE: netrc,
        STOA_NET_NETRC_MODULES: 'github.com/corp',
      };
      try {
        await using stoa = await startStoa({ upstream: 'direct', env });
        await using home = await openGoHome(stoa.url);
        await home.run(['mod', 'download', `${secret}@v1.0.0`]);
        await stoa.stop();
      } finally {
        await server.close();
      }
    });
  },
);

test.skipIf(git === undefined)('many repositories at once do with few processes', async () => {
  await using repos = await openGitRepos();
  const names = Array.from({ length: 20 }, (_, i) => `acme/r${i}`);
  for (const name of names) {
    const files = { 'go.mod': `module github.com/${name}\n`, 'a.go': 'package a\n' };
    await repos.create(name, [{ commit: 'one', files, tags: ['v1.0.0'] }]);
  }
  const server = await startGitServer({ folder: repos.folder });
  try {
    // More repositories than places: whoever is connected must not wait for a place that only others like it could leave.
    const env = { STOA_VCS_PROCESSES: '2', STOA_VCS_REWRITE: `https://github.com/=>${server.url}/` };
    await using stoa = await startStoa({ upstream: 'direct', env });
    const replies = await Promise.all(
      names.map((name) => fetch(`${stoa.url}/github.com/${name}/@v/v1.0.0.zip`)),
    );
    await Promise.all(replies.map((reply) => reply.arrayBuffer()));
    expect(replies.map(({ status }) => status)).toEqual(names.map(() => 200));
  } finally {
    await server.close();
  }
});

describe.skipIf(go === undefined)('a server without git', () => {
  test('serves all that needs none, and says what direct needs', async () => {
    // A folder without programs in it.
    const env = { STOA_VCS_PATH: '/dev', STOA_VCS_REWRITE: 'https://github.com/=>file:///dev/' };
    await using stoa = await startStoa({ upstream: 'direct', env });
    await expect
      .poll(() => stoa.log.find(({ level }) => level === 'WARN'))
      .toMatchObject({
        message: 'modules cannot be read from their repositories',
        reason: expect.stringContaining('git 2.37 or later is needed'),
      });
    expect((await fetch(`${stoa.url}/readyz`)).status).toBe(200);
    await using home = await openGoHome(stoa.url);
    expect(await home.fail(['list', '-m', `${lib}@v1.0.0`])).toContain('git 2.37 or later is needed');
  });
});
