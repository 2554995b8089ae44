import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Settings } from '../config/schema.ts';
import { StoaError } from '../errors.ts';
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
import { type OwnFolder, openOwnFolder } from '../vcs/own-folder.ts';
import type { Remote } from '../vcs/remote.ts';
import type { Repo } from '../vcs/repo.ts';
import { createRun, type RunLimits } from '../vcs/run.ts';
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
  const git = gitLater(settings, outside, folder, metrics);
  return {
    discover,
    resolve,
    open: async (remote) => (await git.repos()).open(remote),
    usage: git.usage,
    ready: async () => void (await git.repos()),
    close: git.close,
  };
}

interface GitLater {
  repos(): Promise<GitRepos>;
  usage: Repositories['usage'];
  close(): Promise<void>;
}

/** Git is looked for, and the folder opened, when it is first needed; what failed is tried again by the next who needs it. */
function gitLater(
  settings: Settings,
  outside: Outside,
  given: string | undefined,
  metrics: VcsMetrics | undefined,
): GitLater {
  const life = new AbortController();
  let opening: Promise<GitRepos> | undefined;
  let opened: GitRepos | undefined;
  let own: OwnFolder | undefined;

  async function open(): Promise<GitRepos> {
    const { vcs, net, fetch } = settings;
    const limits: RunLimits = {
      processes: vcs.processes,
      waiting: fetch.queueLength,
      waitMs: fetch.queueWaitMs,
      memoryBytes: vcs.processMemoryBytes,
      // A pack is completed by what its server took for known.
      fileBytes: 2 * vcs.maxFetchBytes,
    };
    const run = createRun(limits, metrics);
    try {
      await gitVersion(run, vcs.path, life.signal);
      if (given === undefined) own ??= await openOwnFolder({ name: 'vcs' });
      const folder = given ?? join(own!.path, 'copies');
      opened = await createGitRepos({
        folder,
        maxBytes: vcs.cacheBytes,
        maxFetchBytes: vcs.maxFetchBytes,
        run,
        path: vcs.path,
        stallMs: net.stallTimeoutMs,
        ...(outside.extraCa.length > 0 && { caFile: await writeAuthorities(folder, outside.extraCa) }),
        ...(metrics !== undefined && { metrics }),
      });
      return opened;
    } catch (error) {
      await run.close();
      throw error;
    }
  }

  return {
    async repos() {
      if (life.signal.aborted) throw new StoaError('draining', 'the server is shutting down');
      opening ??= open();
      const current = opening;
      try {
        return await current;
      } catch (error) {
        if (opening === current) opening = undefined;
        throw error;
      }
    },
    usage: () => opened ?? { processes: 0, copies: 0, bytes: 0 },
    async close() {
      life.abort();
      await (await opening?.catch(() => undefined))?.close();
      await own?.close();
    },
  };
}

/** Git takes one file, in place of the system's. */
async function writeAuthorities(folder: string, extraCa: readonly string[]): Promise<string> {
  const file = join(folder, 'authorities.pem');
  await mkdir(folder, { recursive: true });
  await writeFile(file, trustedCertificates(extraCa).join('\n'));
  return file;
}
