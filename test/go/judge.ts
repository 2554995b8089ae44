// The go command as the judge of what is in a repository: GOPROXY=direct, with every https:// URL in a folder.
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type GitRepo, openGitRepos } from '../fakes/git-repos.ts';
import type { JudgedRepo } from './direct-cases.ts';
import { parseObjects, runGo } from './go.ts';

/** What the go command said to `path@version` or `path@query`. */
export interface Verdict {
  readonly Path: string;
  readonly Version?: string;
  readonly Versions?: readonly string[];
  readonly Time?: string;
  readonly Query?: string;
  /** Text, or an object around it. */
  readonly Error?: string | { readonly Err: string };
  readonly Origin?: { readonly Hash?: string; readonly Subdir?: string; readonly URL?: string };
  /** File names. */
  readonly Info?: string;
  readonly GoMod?: string;
  /** The h1 of the zip. */
  readonly Sum?: string;
}

export interface Judge extends AsyncDisposable {
  /** The repositories as they lie on this machine. */
  readonly repos: ReadonlyMap<JudgedRepo, GitRepo>;
  /** All versions of each module path, in the order of the paths; retracted ones too. */
  lists(paths: readonly string[]): Promise<Verdict[]>;
  /** What each `path@query` is, in their order. */
  resolve(queries: readonly string[]): Promise<Verdict[]>;
  /** The files of each `path@version` or `path@query`, in their order. */
  download(queries: readonly string[]): Promise<Verdict[]>;
}

export async function openJudge(judged: readonly JudgedRepo[]): Promise<Judge> {
  const home = await mkdtemp(join(tmpdir(), 'go-judge-'));
  const repos = await openGitRepos();
  const pages = createServer((request, response) => response.end(pageOf(judged, request.url!)));
  // No page is had over TLS; the go command goes on without it where GOINSECURE says so.
  pages.on('connect', (_, socket) => socket.destroy());
  pages.listen(0, '127.0.0.1');
  await once(pages, 'listening');

  const made = new Map<JudgedRepo, GitRepo>();
  for (const repo of judged) made.set(repo, await repos.create(repo.root, repo.script, repo.objectFormat));
  await mkdir(join(home, '.config/go/telemetry'), { recursive: true });
  await writeFile(join(home, '.config/go/telemetry/mode'), 'off');
  const gitConfig = join(home, 'gitconfig');
  await writeFile(gitConfig, `[url "${pathToFileURL(repos.folder).href}/"]\n\tinsteadOf = https://\n`);
  const proxy = `http://127.0.0.1:${(pages.address() as AddressInfo).port}`;
  const env = {
    PATH: process.env.PATH,
    HOME: home,
    GOENV: 'off',
    GOPATH: home,
    GOMODCACHE: join(home, 'mod'),
    GOCACHE: join(home, 'cache'),
    GOPROXY: 'direct',
    GOSUMDB: 'off',
    GOFLAGS: '-modcacherw',
    GOTOOLCHAIN: 'local',
    GOWORK: 'off',
    GOINSECURE: judged.map(({ root }) => root.split('/', 1)[0]).join(','),
    HTTP_PROXY: proxy,
    HTTPS_PROXY: proxy,
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_CONFIG_GLOBAL: gitConfig,
  };

  async function ask(args: readonly string[], queries: readonly string[]): Promise<Verdict[]> {
    if (queries.length === 0) return [];
    const { stdout, stderr } = await runGo([...args, ...queries], { cwd: home, env });
    const verdicts = parseObjects<Verdict>(stdout);
    if (verdicts.length !== queries.length)
      throw new Error(`go ${args.join(' ')}: ${verdicts.length} of ${queries.length} answers\n${stderr}`);
    return verdicts;
  }

  return {
    repos: made,
    lists: (paths) =>
      ask(
        ['list', '-m', '-e', '-versions', '-retracted', '-json'],
        paths.map((path) => `${path}@latest`),
      ),
    resolve: (queries) => ask(['list', '-m', '-e', '-json'], queries),
    download: (queries) => ask(['mod', 'download', '-json'], queries),
    async [Symbol.asyncDispose]() {
      pages.close();
      pages.closeAllConnections();
      await repos[Symbol.asyncDispose]();
      await rm(home, { recursive: true, force: true });
    },
  };
}

/** The page that leads from a URL below the root of a repository to it. */
function pageOf(judged: readonly JudgedRepo[], url: string): string {
  const { host, pathname } = new URL(url);
  const path = `${host}${pathname}`;
  const found = judged.find(({ root }) => path === root || path.startsWith(`${root}/`));
  if (found === undefined) return '';
  const { root, subdir } = found;
  const content = [root, 'git', `https://${root}`, ...(subdir === undefined ? [] : [subdir])].join(' ');
  return `<html><head><meta name="go-import" content="${content}"></head></html>`;
}
