// Repositories, a server for them, and what reads them, for one test or one case of a suite.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { VcsMetrics } from '../../src/observe/metrics.ts';
import { createGitRepos, type GitRepos as GitReader, type GitReposOptions } from '../../src/vcs/git.ts';
import type { Remote } from '../../src/vcs/remote.ts';
import { createRun, type Run, type RunLimits } from '../../src/vcs/run.ts';
import { type GitRepos, openGitRepos } from '../fakes/git-repos.ts';
import { type GitServer, type GitServerOptions, startGitServer } from '../fakes/git-server.ts';

export interface Bed extends AsyncDisposable {
  readonly repos: GitRepos;
  readonly server: GitServer;
  readonly run: Run;
  /** What was reported for metrics, oldest first; of numbers whether they are more than none. */
  readonly reports: readonly string[];
  readonly git: GitReader;
  /** The folder with the local copies. */
  readonly folder: string;
  /** A repository on the server, as a remote. */
  remote(name: string, more?: Partial<Remote>): Remote;
  /** Lets time pass, so that what was just said of refs is no longer recent. */
  later(): void;
  /** Ends what reads, and begins anew over the same local copies, as after a restart. */
  restart(options?: Partial<GitReposOptions>): Promise<void>;
}

export interface BedOptions {
  readonly server?: Partial<GitServerOptions>;
  readonly git?: Partial<GitReposOptions>;
  readonly limits?: Partial<RunLimits>;
}

export const limits: RunLimits = {
  processes: 100,
  waiting: 1000,
  waitMs: 60_000,
  memoryBytes: 4 * 1024 ** 3,
  fileBytes: 1024 ** 3,
};

export async function openBed(options: BedOptions = {}): Promise<Bed> {
  const repos = await openGitRepos();
  const server = await startGitServer({ folder: repos.folder, ...options.server });
  const folder = await mkdtemp(join(tmpdir(), 'stoa-git-'));
  const reports: string[] = [];
  const metrics: VcsMetrics = {
    process: (command, result, ms) => void reports.push(`process ${command} ${result} ${ms > 0}`),
    request: (host, kind, result, bytes) => void reports.push(`${host} ${kind} ${result} ${bytes > 0}`),
    removed: (reason) => void reports.push(`removed ${reason}`),
  };
  const run = createRun({ ...limits, ...options.limits }, metrics);
  let passed = 0;
  const start = (more: Partial<GitReposOptions> = {}) =>
    createGitRepos({
      folder,
      maxBytes: 1024 ** 3,
      maxFetchBytes: 1024 ** 3,
      run,
      path: process.env.PATH!,
      now: () => Date.now() + passed,
      metrics,
      ...options.git,
      ...more,
    });
  let git = await start();
  return {
    repos,
    server,
    run,
    reports,
    get git() {
      return git;
    },
    folder,
    remote: (name, more = {}) => ({
      url: `https://git.example.com/${name}`,
      fetchUrl: `${server.url}/${name}`,
      key: `${server.url}/${name}`,
      ...more,
    }),
    later() {
      passed += 3000;
    },
    async restart(more) {
      await git.close();
      git = await start(more);
    },
    async [Symbol.asyncDispose]() {
      await git.close();
      await server.close();
      await repos[Symbol.asyncDispose]();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
