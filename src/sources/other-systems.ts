import { resolve as absolute } from 'node:path';
import type { Settings } from '../config/schema.ts';
import type { Fetcher } from '../fetch/fetcher.ts';
import type { Gate } from '../fetch/gate.ts';
import { createGoRemotes, type ResolveGoRemote } from '../fetch/go-remotes.ts';
import { createGoSources } from '../fetch/go-source.ts';
import type { RepoRoot } from '../fetch/repo-root.ts';
import { matchesPatterns } from '../module/pattern.ts';
import { createConnections } from '../net/connect.ts';
import type { Credentials } from '../net/credentials.ts';
import { openExit } from '../net/exit.ts';
import { createReach } from '../net/reach.ts';
import type { VcsMetrics } from '../observe/metrics.ts';
import { createGoCommand, type GoCommand } from '../vcs/go-command.ts';
import { goVersion } from '../vcs/go-version.ts';
import { createRun } from '../vcs/run.ts';
import { openLater } from './later.ts';
import type { Outside } from './outside.ts';
import { authoritiesIn, type Repositories, runLimits, unused } from './repositories.ts';

/** Repositories of other systems than git. */
export interface OtherSystems {
  /** The modules of the repository at a root. */
  source(root: RepoRoot): Fetcher;
  readonly resolve: ResolveGoRemote;
  /** What is kept and runs now; nothing before it was opened. */
  usage: Repositories['usage'];
  /** Looks for the go command and opens the folder; rejects with `config` where it is missing or too old. */
  ready(): Promise<void>;
  /** Ends what is under way; when it is fulfilled no process is left. */
  close(): Promise<void>;
}

/** What they stand on. */
export interface OtherSystemsParts {
  readonly outside: Outside;
  readonly credentials: Credentials;
  readonly gate: Gate;
  readonly metrics?: VcsMetrics;
  /** For what is kept of the repositories; absent: one of their own, which goes in the end. */
  readonly folder?: string;
}

/** Reads them through the go command; undefined where the settings name none. */
export function openOtherSystems(settings: Settings, parts: OtherSystemsParts): OtherSystems | undefined {
  const { outside, credentials, gate, metrics, folder } = parts;
  const { vcs, net } = settings;
  if (vcs.go === undefined) return undefined;
  // A command runs in a folder of its own.
  const go = vcs.go.includes('/') ? absolute(vcs.go) : vcs.go;
  const modules = [outside.privatePatterns, ...vcs.hgrcModules].filter((pattern) => pattern !== '').join(',');
  const connections = createConnections({ ...outside, connectMs: net.connectTimeoutMs });
  const limits = { connections, stallMs: net.stallTimeoutMs, maxBytes: vcs.maxFetchBytes };
  const resolve = createGoRemotes({
    credentials,
    reach: createReach(outside),
    rewrites: vcs.rewrite,
    privatePatterns: outside.privatePatterns,
    isInsecure: (path) => matchesPatterns(vcs.insecure.join(','), path),
    ...(vcs.hgrcFile !== undefined && { hgrc: { file: absolute(vcs.hgrcFile), modules } }),
    openExit: (url) => openExit(url, limits),
  });
  const command = openLater(folder && absolute(folder), (own, signal) =>
    openCommand(settings, outside, { go, folder: own, metrics }, signal),
  );
  return {
    source: createGoSources({ command: command.get, resolve, gate }),
    resolve,
    usage: () => command.opened ?? unused,
    ready: async () => void (await command.get()),
    close: async () => void (await Promise.all([command.close(), connections.close()])),
  };
}

async function openCommand(
  settings: Settings,
  outside: Outside,
  { go, folder, metrics }: { go: string; folder: string; metrics: VcsMetrics | undefined },
  signal: AbortSignal,
): Promise<GoCommand> {
  const { vcs, fetch } = settings;
  const run = createRun(runLimits(settings, vcs.goProcesses), metrics);
  try {
    await goVersion(run, go, vcs.path, signal);
    return await createGoCommand({
      folder,
      maxBytes: vcs.goCacheBytes,
      run,
      go,
      path: vcs.path,
      timeoutMs: fetch.timeoutMs,
      ...(metrics !== undefined && { metrics }),
      ...(await authoritiesIn(folder, outside.extraCa)),
    });
  } catch (error) {
    await run.close();
    throw error;
  }
}
