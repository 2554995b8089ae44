import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Settings } from '../config/schema.ts';
import { createDiscover, type Discover } from '../fetch/discover.ts';
import type { Gate } from '../fetch/gate.ts';
import { createCheckVcs } from '../fetch/govcs.ts';
import { createRemotes, type ResolveRemote } from '../fetch/remotes.ts';
import { matchesPatterns } from '../module/pattern.ts';
import type { HttpClient } from '../net/client.ts';
import type { Credentials } from '../net/credentials.ts';
import { createReach } from '../net/reach.ts';
import { trustedCertificates } from '../net/trust.ts';
import type { VcsMetrics } from '../observe/metrics.ts';
import { createGitRepos, type GitRepos } from '../vcs/git.ts';
import { gitVersion } from '../vcs/git-command.ts';
import type { Remote } from '../vcs/remote.ts';
import type { Repo } from '../vcs/repo.ts';
import { createRun, type RunLimits } from '../vcs/run.ts';
import { openLater } from './later.ts';
import type { Outside } from './outside.ts';

/** The repositories of modules: where they are, and what is in them. */
export interface Repositories {
  readonly discover: Discover;
  readonly resolve: ResolveRemote;
  /** What is read of a remote. Throws `config` where git is missing or too old; once there is one, it is found. */
  open(remote: Remote): Promise<Repo>;
  /** What is kept and runs now; nothing before it was opened. */
  usage(): { readonly processes: number; readonly copies: number; readonly bytes: number };
  /** Looks for git and opens the folder; rejects as `open` does. */
  ready(): Promise<void>;
  /** Ends what is under way; when it is fulfilled no process is left. */
  close(): Promise<void>;
}

/** What they stand on. */
export interface RepositoriesParts {
  readonly client: HttpClient;
  readonly credentials: Credentials;
  readonly outside: Outside;
  readonly gate: Gate;
  /** For the local copies of git repositories; absent: one of their own, which goes in the end. */
  readonly folder?: string;
  readonly metrics?: VcsMetrics;
}

export function openRepositories(
  settings: Settings,
  { client, credentials, outside, gate, folder, metrics }: RepositoriesParts,
): Repositories {
  const { privatePatterns } = outside;
  const isInsecure = (path: string) => matchesPatterns(settings.vcs.insecure.join(','), path);
  const resolve = createRemotes({
    client,
    credentials,
    reach: createReach(outside),
    rewrites: settings.vcs.rewrite,
    privatePatterns,
    gate,
    isInsecure,
  });
  const discover = createDiscover({
    client,
    gate,
    checkVcs: createCheckVcs(settings.vcs.govcs, privatePatterns),
    audience: (path) => credentials.audience(path),
    isInsecure,
    ping: resolve,
  });
  const git = openLater(folder, (...place) => openGit(settings, outside, metrics, ...place));
  return {
    discover,
    resolve,
    open: async (remote) => (await git.get()).open(remote),
    usage: () => git.opened ?? unused,
    ready: async () => void (await git.get()),
    close: git.close,
  };
}

/** The usage of what was not opened. */
export const unused: ReturnType<Repositories['usage']> = { processes: 0, copies: 0, bytes: 0 };

async function openGit(
  settings: Settings,
  outside: Outside,
  metrics: VcsMetrics | undefined,
  folder: string,
  signal: AbortSignal,
): Promise<GitRepos> {
  const { vcs, net } = settings;
  const run = createRun(runLimits(settings, vcs.processes), metrics);
  try {
    await gitVersion(run, vcs.path, signal);
    return await createGitRepos({
      folder,
      maxBytes: vcs.cacheBytes,
      maxFetchBytes: vcs.maxFetchBytes,
      run,
      path: vcs.path,
      stallMs: net.stallTimeoutMs,
      ...(await authoritiesIn(folder, outside.extraCa)),
      ...(metrics !== undefined && { metrics }),
    });
  } catch (error) {
    await run.close();
    throw error;
  }
}

/** The bounds of so many processes at once. */
export function runLimits({ vcs, fetch }: Settings, processes: number): RunLimits {
  return {
    processes,
    waiting: fetch.queueLength,
    waitMs: fetch.queueWaitMs,
    memoryBytes: vcs.processMemoryBytes,
    // A pack is completed by what its server took for known.
    fileBytes: 2 * vcs.maxFetchBytes,
  };
}

/** Programs take one file, in place of the system's; none where the settings add nothing to that. */
export async function authoritiesIn(
  folder: string,
  extraCa: readonly string[],
): Promise<{ readonly caFile?: string }> {
  if (extraCa.length === 0) return {};
  const caFile = join(folder, 'authorities.pem');
  await mkdir(folder, { recursive: true });
  await writeFile(caFile, trustedCertificates(extraCa).join('\n'));
  return { caFile };
}
