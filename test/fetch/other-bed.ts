// The source of hg, svn and fossil repositories before one of them, for one test.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Fetcher } from '../../src/fetch/fetcher.ts';
import { createGoRemotes, type GoRemotesOptions } from '../../src/fetch/go-remotes.ts';
import { createGoSources } from '../../src/fetch/go-source.ts';
import type { RepoRoot } from '../../src/fetch/repo-root.ts';
import { parseRewrites } from '../../src/fetch/rewrite.ts';
import { createConnections } from '../../src/net/connect.ts';
import { type Credential, createCredentials } from '../../src/net/credentials.ts';
import { openExit } from '../../src/net/exit.ts';
import { createReach } from '../../src/net/reach.ts';
import { createGoCommand, type GoCommand, type GoCommandOptions } from '../../src/vcs/go-command.ts';
import { createRun, type Run } from '../../src/vcs/run.ts';
import { tlsFile } from '../fakes/tls.ts';
import { limits } from '../vcs/bed.ts';
import { type Asked, askOf, openGate } from './direct-bed.ts';

export interface OtherBed extends AsyncDisposable {
  readonly folder: string;
  readonly run: Run;
  readonly command: GoCommand;
  /** The modules of the repository at a root, which is read from `at` in place of its public URL. */
  fetcher(root: RepoRoot, at: string, options?: SourceOptions): Fetcher;
  /** The same, without signals. */
  source(root: RepoRoot, at: string, options?: SourceOptions): Asked;
  /** Ends the command, and begins anew over the same folder, as after a restart. */
  restart(options?: Partial<GoCommandOptions>): Promise<void>;
}

export interface SourceOptions extends Partial<GoRemotesOptions> {
  readonly allow?: readonly Credential[];
  readonly private?: string;
  /** Hosts that may have private addresses; those on loopback unless it is told. */
  readonly named?: readonly string[];
  readonly stallMs?: number;
  readonly maxBytes?: number;
}

export async function openOtherBed(options: Partial<GoCommandOptions> = {}): Promise<OtherBed> {
  const folder = await mkdtemp(join(tmpdir(), 'stoa-other-'));
  const start = (more: Partial<GoCommandOptions>) => {
    const run = createRun(limits);
    const command = createGoCommand({
      folder,
      maxBytes: 2 ** 30,
      run,
      go: 'go',
      path: process.env.PATH!,
      timeoutMs: 60_000,
      caFile: join(import.meta.dirname, '../testdata/tls/ca.pem'),
      ...options,
      ...more,
    });
    return command.then((opened) => ({ run, command: opened }));
  };
  let current = await start({});

  function fetcher(root: RepoRoot, at: string, more: SourceOptions = {}): Fetcher {
    const {
      allow = [],
      named = ['127.0.0.1', '127.0.0.2', 'localhost'],
      stallMs = 60_000,
      maxBytes = 2 ** 30,
    } = more;
    const privatePatterns = more.private ?? '';
    const connections = createConnections({
      namedHosts: named,
      extraCa: [tlsFile('ca.pem')],
      connectMs: 5000,
    });
    const resolve = createGoRemotes({
      credentials: createCredentials(allow, privatePatterns),
      reach: createReach({ namedHosts: named }),
      rewrites: parseRewrites(`${base(root.url)}=>${base(at).replace(/\/?$/, '/')}`),
      privatePatterns,
      openExit: (url) => openExit(url, { connections, stallMs, maxBytes }),
      ...more,
    });
    return createGoSources({ command: async () => current.command, resolve, gate: openGate() })(root);
  }

  return {
    folder,
    get run() {
      return current.run;
    },
    get command() {
      return current.command;
    },
    fetcher,
    source: (...asked) => askOf(fetcher(...asked)),
    async restart(more = {}) {
      await current.command.close();
      current = await start(more);
    },
    async [Symbol.asyncDispose]() {
      await current.command.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** What a rewrite may name of a URL: in Subversion it ends before the trunk. */
function base(url: string): string {
  return url.replace(/\/trunk$/, '/');
}
