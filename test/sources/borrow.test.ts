// A real server with a credential of every kind for private repositories, and strangers' pages that point at these.
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type GitRepo, type GitRepos, git, openGitRepos } from '../fakes/git-repos.ts';
import { type GitServer, passwordOf, startGitServer } from '../fakes/git-server.ts';
import { type GitHub, startGitHub } from '../fakes/github.ts';
import { type Pages, startPages } from '../fakes/pages.ts';
import { type Stoa, startStoa, withoutFreshness } from '../fakes/stoa.ts';
import { until } from '../net/origin.ts';
import { openFakeSsh } from '../vcs/fake-ssh.ts';

const hush = 'glpat-very-secret';
/** What a public path begins with whose page a stranger wrote; the certificate of its host is a good one. */
const evil = 'goproxy.example.com';

/** Each has a repository `corp-KIND/lib` of its own. */
const kinds = ['basic', 'bearer', 'header', 'netrc', 'helper', 'app', 'ssh', 'file'] as const;
type Kind = (typeof kinds)[number];

const questions = ['list', 'v1.0.0.info', 'main.info', 'v1.0.0.mod', 'v1.0.0.zip'];

describe.skipIf(git === undefined)('the credentials of a server', () => {
  let repos: GitRepos;
  let appRepo: GitRepo;
  let server: GitServer;
  let github: GitHub;
  let pages: Pages;
  let stoa: Stoa;

  beforeAll(async () => {
    repos = await openGitRepos();
    for (const kind of kinds) {
      const files = {
        'go.mod': `module github.com/corp-${kind}/lib\n`,
        'lib.go': `package lib // ${hush}\n`,
      };
      const repo = await repos.create(`corp-${kind}/lib`, [{ commit: 'one', files, tags: ['v1.0.0'] }]);
      if (kind === 'app') appRepo = repo;
    }
    github = await startGitHub({ installations: { 'corp-app': 7 } });
    server = await startGitServer({
      folder: repos.folder,
      certificate: 'server.pem',
      login: isLetIn,
      // A module proxy that lets in who has the token.
      otherwise: (request, response) => {
        response.writeHead(isLetIn(request.headers, 'corp-bearer/') ? 200 : 401).end('v1.0.0\n');
      },
    });
    pages = await startPages({
      pages: Object.fromEntries(kinds.flatMap(pagesOf)),
      redirect: ({ pathname, search }) =>
        search === '?go-get=1' ? undefined : `${server.url}${pathname.replace('/redirect', '')}${search}`,
    });
    stoa = await startStoa({ upstream: 'direct', env: await settings() });
  });
  afterAll(async () => {
    await stoa?.[Symbol.asyncDispose]();
    await pages?.[Symbol.asyncDispose]();
    await server?.close();
    await github?.close();
    await repos?.[Symbol.asyncDispose]();
  });

  function isLetIn(headers: GitServer['requests'][number]['headers'], repo: string): boolean {
    if (repo.startsWith('corp-bearer/')) return headers.authorization === `Bearer ${hush}`;
    if (repo.startsWith('corp-header/')) return headers['private-token'] === hush;
    if (repo.startsWith('corp-app/')) return github.isToken(passwordOf(headers) ?? '');
    return passwordOf(headers) === hush;
  }

  /** Pages that point at the repository itself, at its public URL, at what redirects to it, and at a module proxy beside it. */
  function pagesOf(kind: Kind): [path: string, content: string][] {
    const lib = `corp-${kind}/lib`;
    const itself = kind === 'ssh' ? `ssh://git@127.0.0.1${repos.folder}/${lib}` : `${server.url}/${lib}`;
    return [
      [`${evil}/${kind}/itself`, `${evil}/${kind}/itself git ${itself}`],
      [`${evil}/${kind}/public`, `${evil}/${kind}/public git https://github.com/${lib}`],
      [`${evil}/${kind}/redirect`, `${evil}/${kind}/redirect git https://${evil}/redirect/${lib}`],
      [`${evil}/${kind}/proxy`, `${evil}/${kind}/proxy mod ${server.url}/corp-${kind}/go`],
    ];
  }

  async function settings(): Promise<Record<string, string>> {
    const file = async (name: string, text: string) => {
      await writeFile(join(repos.folder, name), text);
      return join(repos.folder, name);
    };
    await mkdir(join(repos.folder, 'bin'));
    const helper = await file(
      'bin/helper',
      `#!/bin/sh\n[ "$1" = get ] && echo username=u && echo password=${hush}\n`,
    );
    await chmod(helper, 0o755);
    const ssh = await openFakeSsh(join(repos.folder, 'ssh'));
    const key = await file('app.pem', github.pem);
    const of: Record<Exclude<Kind, 'netrc' | 'file'>, string> = {
      basic: `username = "u"\npassword = "${hush}"`,
      bearer: `token = "${hush}"`,
      header: `header = "Private-Token"\nvalue = "${hush}"`,
      helper: `helper = ["${helper}"]`,
      app: `github_app = 12\nprivate_key_file = "${key}"\napi_url = "${github.url}"\nallow_http = true`,
      ssh: `ssh_key_file = "${key}"`,
    };
    const tables = Object.entries(of).map(([kind, lines]) => {
      const host = kind === 'ssh' ? '127.0.0.1' : `${server.host}"\npath_prefix = "/corp-${kind}`;
      return `[[credentials]]\nhost = "${host}"\n${lines}\n`;
    });
    const mirrors: Partial<Record<Kind, string>> = {
      ssh: `ssh://git@127.0.0.1${repos.folder}`,
      file: pathToFileURL(repos.folder).href,
    };
    const rewrites = kinds.map(
      (kind) => `https://github.com/corp-${kind}/=>${mirrors[kind] ?? server.url}/corp-${kind}/`,
    );
    return {
      ...withoutFreshness,
      STOA_PRIVATE: 'github.com/corp-*',
      STOA_CREDENTIALS: tables.join(''),
      STOA_NET_NETRC_FILE: await file(
        'netrc',
        `machine ${server.host}/corp-netrc login u password ${hush}\n`,
      ),
      STOA_NET_CA_FILE: fileURLToPath(new URL('../testdata/tls/ca.pem', import.meta.url)),
      STOA_NET_HTTPS_PROXY: pages.url,
      STOA_NET_NO_PROXY: '127.0.0.1',
      STOA_VCS_REWRITE: rewrites.join(','),
      STOA_VCS_PATH: ssh.path,
    };
  }

  async function ask(path: string, question: string): Promise<{ status: number; body: string }> {
    const reply = await fetch(`${stoa.url}/${path}/@v/${question}`);
    return { status: reply.status, body: await reply.text() };
  }

  /** Whether some request since then came in our name. */
  function wasLetIn(since: number): boolean {
    const repoOf = (url: string) => url.slice(1);
    return server.requests.slice(since).some(({ url, headers }) => isLetIn(headers, repoOf(url)));
  }

  // Before a private module was read, and after: what was learned for it is not for strangers.
  test.each(kinds)('are not lent to a page that points at the repository: %s', async (kind) => {
    const own = `github.com/corp-${kind}/lib`;
    for (const time of ['before', 'after']) {
      const asked = server.requests.length;
      for (const place of ['itself', 'public', 'redirect', 'proxy']) {
        for (const question of questions) {
          const { status, body } = await ask(`${evil}/${kind}/${place}`, question);
          // A module proxy that wants a login has said nothing of a module.
          expect([place, question, status]).toEqual([place, question, place === 'proxy' ? 502 : 404]);
          expect(body).toMatch(
            /we have no (credential|SSH key) that serves this module|is a private repository|401 Unauthorized/,
          );
          expect(body).not.toContain(hush);
        }
      }
      expect(wasLetIn(asked)).toBe(false);
      if (time === 'after') break;
      for (const question of questions)
        expect([question, (await ask(own, question)).status]).toEqual([question, 200]);
      expect(kind === 'ssh' || kind === 'file' || wasLetIn(asked)).toBe(true);
    }
  });

  test('that were taken back are asked for again, before anybody notices', async () => {
    const own = 'github.com/corp-app/lib';
    expect((await ask(own, 'list')).status).toBe(200);
    await appRepo.run([{ commit: 'two', tags: ['v1.1.0'] }]);
    github.revoke();
    // What the remote said of its names is used for a moment.
    await until(() => ask(own, 'list')).toEqual({ status: 200, body: 'v1.0.0\nv1.1.0\n' });
    expect((await ask(own, 'v1.1.0.zip')).status).toBe(200);
  });

  test('are in no line of the log', () => {
    const log = JSON.stringify(stoa.log);
    expect(log).not.toContain(hush);
    expect(log).not.toContain('ghs_');
    expect(pages.asked.length).toBeGreaterThan(0);
  });
});
