import { execFile } from 'node:child_process';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { type GitRepos, git, openGitRepos } from '../fakes/git-repos.ts';
import { type GitServer, passwordOf, startGitServer } from '../fakes/git-server.ts';
import { type GitHub, startGitHub } from '../fakes/github.ts';
import { openOtherRepo, tools } from '../fakes/other-repos.ts';
import { startPages } from '../fakes/pages.ts';
import { type FakeUpstream, readModuleTexts, startUpstream } from '../fakes/upstream.ts';
import { go } from '../go/go.ts';

const main = join(import.meta.dirname, '../../src/main.ts');
const token = 'glpat-very-secret';

interface Told {
  readonly code: number | string | null | undefined;
  readonly lines: readonly string[];
  readonly complaints: string;
}

/** Runs the command in an environment of its own. */
function doctor(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Told> {
  return new Promise((resolve) => {
    const own = { PATH: process.env.PATH, STOA_UPSTREAM: 'direct', ...env };
    execFile(process.execPath, [main, 'doctor', ...args], { env: own }, (error, stdout, stderr) => {
      expect(stdout + stderr).not.toContain(token);
      const lines = stdout.trimEnd().split('\n');
      resolve({ code: error === null ? 0 : error.code, lines, complaints: stderr });
    });
  });
}

describe.skipIf(git === undefined)('stoa doctor', () => {
  let repos: GitRepos;
  let server: GitServer;
  let upstream: FakeUpstream;

  beforeAll(async () => {
    repos = await openGitRepos();
    await repos.create('corp/lib', [
      { commit: 'one', files: { 'go.mod': 'module git.example.com/corp/lib\n' } },
      { tag: 'v1.0.0', at: 'one' },
    ]);
    const login = { username: 'oauth2', password: token };
    server = await startGitServer({ folder: repos.folder, login });
    upstream = await startUpstream({ modules: await readModuleTexts() });
  });
  afterAll(async () => {
    await upstream?.close();
    await server?.close();
    await repos?.[Symbol.asyncDispose]();
  });

  const url = 'https://git.example.com/corp/lib';

  /** Settings with which the repository can be read. */
  function settings(more: Readonly<Record<string, string>> = {}): Record<string, string> {
    return {
      STOA_PRIVATE: 'git.example.com,example.org',
      STOA_VCS_REWRITE: `https://git.example.com/=>${server.url}/`,
      STOA_CREDENTIALS: `[[credentials]]\nhost = "${server.host}"\ntoken = "${token}"\nkind = "gitlab"\n`,
      ...more,
    };
  }

  test('tells each step to a repository that can be read', async () => {
    const { code, lines } = await doctor([url], settings());
    expect(lines).toEqual([
      'as module   git.example.com/corp/lib',
      `rewrite     ${server.url}/corp/lib`,
      `credential  basic for ${server.host}`,
      'answer      200',
      expect.stringMatching(/^refs {8}HEAD [0-9a-f]{12}, 1 branch, 1 tag$/),
      'ok          it can be read',
    ]);
    expect(code).toBe(0);
  });

  test.each<[what: string, status: number, said: RegExp, failed: RegExp]>([
    ['an expired token', 401, /^answer +401 .*: the credential is wrong or has expired$/, /answered 401/],
    ['no right to read', 403, /^answer +403 .*: the credential has no right to read it$/, /answered 403/],
    [
      'a repository that is hidden',
      404,
      /^answer +404 .*: there is no such repository, or the credential has no right to see it$/,
      /answered 404/,
    ],
  ])('names %s', async (_, status, said, failed) => {
    server.fault('advertisement', { do: 'answer', status }, 2);
    const { code, lines } = await doctor([url], settings());
    expect(code).toBe(1);
    expect(lines.at(-2)).toMatch(said);
    expect(lines.at(-1)).toMatch(failed);
  });

  test('says why a credential is not used', async () => {
    const { code, lines } = await doctor([url], settings({ STOA_PRIVATE: 'example.org' }));
    expect(code).toBe(1);
    expect(lines).toContain(
      'credential  none that serves this module at this URL: that of the kind basic below / serves example.org',
    );
    expect(lines).toContain('answer      401 Unauthorized: it wants a login, and none was sent');
    expect(lines.at(-1)).toMatch(/^failed .* we have no credential that serves this module$/);
  });

  test.each([
    ['a host key that nobody knows', 'Host key verification failed.', 'not among the known hosts'],
    ['a key without rights', 'git@127.0.0.1: Permission denied (publickey).', 'it refused our SSH key'],
  ])('names %s', async (_, said, reason) => {
    const programs = join(repos.folder, 'programs');
    await mkdir(programs, { recursive: true });
    const ssh = join(programs, 'ssh');
    await writeFile(ssh, `#!/bin/sh\necho '${said}' >&2\nexit 255\n`, { mode: 0o755 });
    const { code, lines } = await doctor(['ssh://git@git.example.com/corp/lib'], {
      ...settings(),
      STOA_CREDENTIALS: `[[credentials]]\nhost = "127.0.0.1"\nssh_key_file = "${ssh}"\n`,
      STOA_VCS_REWRITE: 'ssh://git@git.example.com/=>ssh://git@127.0.0.1/',
      STOA_VCS_PATH: `${programs}:${process.env.PATH}`,
    });
    expect(lines).toContain('credential  ssh for 127.0.0.1');
    expect(lines.at(-1)).toContain(reason);
    expect(code).toBe(1);
  });

  /** Settings whose credential for the server has these lines. */
  function settingsWith(...lines: readonly string[]): Record<string, string> {
    return settings({
      STOA_CREDENTIALS: ['[[credentials]]', `host = "${server.host}"`, ...lines].join('\n'),
    });
  }

  const shell = (script: string) => `helper = ["sh", "-c", ${JSON.stringify(script)}]`;

  test('asks a credential helper, and tells what it gives but for the secret', async () => {
    const gives = shell(`echo username=oauth2; echo password=${token}; echo password_expiry_utc=4102444800`);
    const { code, lines } = await doctor([url], settingsWith(gives));
    expect(code).toBe(0);
    expect(lines.slice(2, 5)).toEqual([
      `credential  helper for ${server.host}`,
      'login       there is one, until 2100-01-01T00:00:00.000Z',
      'answer      200',
    ]);
  });

  test('names a credential helper that fails, and what it said', async () => {
    const { code, lines } = await doctor([url], settingsWith(shell('echo the vault is sealed >&2; exit 2')));
    expect(code).toBe(1);
    expect(lines.slice(-3)).toEqual([
      `credential  helper for ${server.host}`,
      'helper said the vault is sealed',
      `failed      ${server.host}: the credential helper failed (exit status 2)`,
    ]);
  });

  test.each([
    ['has no login', 'true', 'the credential helper has none for it'],
    [
      'gives one that has expired',
      'echo username=u; echo password=p; echo password_expiry_utc=946684800',
      'the login that we have for it expired at 2000-01-01T00:00:00.000Z',
    ],
  ])('names a credential helper that %s', async (_, script, reason) => {
    const { code, lines } = await doctor([url], settingsWith(shell(script)));
    expect(code).toBe(1);
    expect(lines.slice(-3)).toEqual([
      `login       none: ${reason}`,
      `answer      401 Unauthorized: nothing was sent, since ${reason}`,
      expect.stringMatching(new RegExp(`^failed .* answered 401 Unauthorized, and ${reason}$`)),
    ]);
  });

  describe('of a GitHub App', () => {
    let github: GitHub;
    let appServer: GitServer;
    beforeAll(async () => {
      github = await startGitHub({ installations: { corp: 7 } });
      await writeFile(join(repos.folder, 'app.pem'), github.pem);
      appServer = await startGitServer({
        folder: repos.folder,
        login: (headers) => github.isToken(passwordOf(headers) ?? ''),
      });
    });
    afterAll(async () => {
      await appServer?.close();
      await github?.close();
    });

    function settingsOf(...more: readonly string[]): Record<string, string> {
      const lines = [
        '[[credentials]]',
        `host = "${appServer.host}"`,
        'github_app = 12',
        `private_key_file = "${join(repos.folder, 'app.pem')}"`,
        `api_url = "${github.url}"`,
        'allow_http = true',
        ...more,
      ];
      const STOA_VCS_REWRITE = `https://git.example.com/=>${appServer.url}/`;
      return settings({ STOA_VCS_REWRITE, STOA_CREDENTIALS: lines.join('\n') });
    }

    test('tells that there is a token', async () => {
      const { code, lines } = await doctor([url], settingsOf());
      expect(lines.slice(2, 5)).toEqual([
        `credential  GitHub App 12 for ${appServer.host}`,
        expect.stringMatching(/^login {7}there is one, until \d{4}-/),
        'answer      200',
      ]);
      expect(code).toBe(0);
    });

    test('names an owner who has not installed it', async () => {
      const { code, lines } = await doctor(['https://git.example.com/other/lib'], settingsOf());
      expect(code).toBe(1);
      expect(lines).toContain('login       none: the GitHub App 12 is not installed for other');
      expect(lines.at(-1)).toMatch(/^failed .*, and the GitHub App 12 is not installed for other$/);
    });

    test.each([
      ['installation_id = 99', 'has no such installation (404: Not Found)'],
      ['github_app = 13', 'is not who it says it is'],
    ])('names what is wrong with %s', async (line, reason) => {
      const [key] = line.split(' ');
      const env = settingsOf();
      const tables = env.STOA_CREDENTIALS!.replace(new RegExp(`^${key} .*\\n`, 'm'), '');
      const { code, lines } = await doctor([url], { ...env, STOA_CREDENTIALS: `${tables}\n${line}` });
      expect(code).toBe(1);
      expect(lines.at(-1)).toContain(reason);
    });
  });

  test('names what an upstream of the house says to our credential', async () => {
    const clear = upstream.fault({ kind: 'list' }, { do: 'answer', status: 401 });
    onTestFinished(clear);
    const { host } = new URL(upstream.url);
    const { code, lines } = await doctor(['example.com/hello'], {
      STOA_ROUTES: `example.com=${upstream.url}`,
      STOA_CREDENTIALS: `[[credentials]]\nhost = "${host}"\ntoken = "${token}"`,
    });
    expect(code).toBe(1);
    expect(lines.slice(-3)).toEqual([
      `credential  bearer for ${host}`,
      'answer      401 Unauthorized: the credential is wrong or has expired',
      expect.stringMatching(/^failed .* asked with a credential, answered 401 Unauthorized/),
    ]);
  });

  test('goes to a page over plain http where GOINSECURE says so', async () => {
    const content = `lax.example.com/m git ${server.url}/corp/lib`;
    await using pages = await startPages({ pages: { 'lax.example.com/m': content }, plainHttp: true });
    const env = {
      ...settings({ STOA_PRIVATE: 'lax.example.com' }),
      GOINSECURE: 'lax.example.com',
      STOA_NET_HTTP_PROXY: pages.url,
      STOA_NET_HTTPS_PROXY: pages.url,
      STOA_NET_NO_PROXY: '127.0.0.1',
    };
    const { code, lines } = await doctor(['lax.example.com/m'], env);
    expect(lines).toContain(
      'discovery   https://lax.example.com/m?go-get=1, over plain http where nothing else leads there',
    );
    expect(code).toBe(0);
  });

  test('goes from one upstream to the next, and to the repository', async () => {
    const list = `${upstream.url},direct`;
    const more = { STOA_UPSTREAM: list, STOA_PRIVATE: '' };
    expect(await doctor(['example.com/hello@v1.0.0'], settings(more))).toMatchObject({
      code: 0,
      lines: [
        'private     no: nothing is',
        `route       ${upstream.url}, then direct: the list of upstreams`,
        `upstream    ${upstream.url}, asked without a credential, lists 3 versions`,
        'ok          it can be read',
      ],
    });
    const mirror = { STOA_VCS_REWRITE: `https://github.com/=>${new URL(`file://${repos.folder}/`).href}` };
    const absent = await doctor(['github.com/corp/lib/sub'], settings({ ...more, ...mirror }));
    expect(absent.code).toBe(0);
    expect(absent.lines).toEqual([
      'private     no: nothing is',
      `route       ${upstream.url}, then direct: the list of upstreams`,
      expect.stringMatching(/^upstream .*; the next one is asked$/),
      'discovery   the path itself tells',
      'git         https://github.com/corp/lib for all below github.com/corp/lib',
      expect.stringMatching(/^rewrite {5}file:\/\/.*\/corp\/lib$/),
      expect.stringMatching(/^refs /),
      'ok          it can be read',
    ]);
  });

  test.skipIf(go === undefined || tools.svn === undefined)(
    'tells the way to a repository of another system, and what the go command lists there',
    async () => {
      const files = { 'go.mod': 'module svn.example.com/lib.svn\n' };
      await using repo = await openOtherRepo('svn', [{ files }]);
      const more = {
        STOA_PRIVATE: 'svn.example.com',
        STOA_VCS_REWRITE: `https://svn.example.com/lib=>${repo.url}/`,
        STOA_VCS_GO: go!,
      };
      const way = [
        'private     yes, by svn.example.com',
        'route       direct: private modules without a route are read from their repositories',
        'discovery   the path itself tells',
        'svn         https://svn.example.com/lib for all below svn.example.com/lib.svn',
      ];
      expect(await doctor(['svn.example.com/lib.svn'], more)).toMatchObject({
        code: 0,
        lines: [
          ...way,
          `rewrite     ${repo.url}/`,
          `read by     ${go}`,
          'versions    0 tagged versions',
          'ok          it can be read',
        ],
      });
      expect(await doctor(['svn.example.com/lib.svn/below'], more)).toMatchObject({
        code: 1,
        lines: expect.arrayContaining([
          expect.stringMatching(/^failed .* no matching versions for query "latest"$/),
        ]),
      });
      expect(await doctor(['svn.example.com/lib.svn'], { ...more, STOA_VCS_GO: '' })).toMatchObject({
        code: 1,
        lines: [
          ...way,
          expect.stringMatching(
            /^failed .* is one of svn, which is not read here: name a go command in vcs\.go/,
          ),
        ],
      });
      expect(
        await doctor(['svn.example.com/lib.svn'], { ...more, STOA_VCS_GO: '/nowhere/go' }),
      ).toMatchObject({
        code: 1,
        lines: expect.arrayContaining([expect.stringMatching(/^failed .* and \/nowhere\/go is not found$/)]),
      });
    },
  );

  test('leaves nothing behind', async () => {
    const folder = join(repos.folder, 'tmp');
    await mkdir(folder);
    await doctor([url], settings({ TMPDIR: folder }));
    expect(await readdir(folder)).toEqual([]);
  });

  test.each([
    [[]],
    [['https://user:s3cret@git.example.com/x']],
    [['--port', '1']],
    [['example.com/m', '--prot', '1']],
  ])('%j is wrong usage', async (args) => {
    const { code, complaints } = await doctor(args);
    expect(code).toBe(2);
    expect(complaints).not.toContain('s3cret');
  });
});
