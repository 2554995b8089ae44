import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { VcsMetrics } from '../observe/metrics.ts';
import type { GitSetup } from './git-command.ts';
import { createCopies } from './git-copies.ts';
import type { GitCopy } from './git-copy.ts';
import { createIdle, type Idle } from './git-idle.ts';
import { measureFolder } from './git-layout.ts';
import { createRefs } from './git-refs.ts';
import { createRepo } from './git-repo.ts';
import { createSessions } from './git-sessions.ts';
import { openFolders } from './kept-folders.ts';
import type { Remote } from './remote.ts';
import type { Repo } from './repo.ts';
import type { Run } from './run.ts';

/** Git repositories, read from their remotes over local copies of what was asked for. */
export interface GitRepos {
  /** A repository; its remote is asked when something is asked of it. */
  open(remote: Remote): Repo;
  /** The local copies, and their bytes. */
  readonly copies: number;
  readonly bytes: number;
  /** Processes that run. */
  readonly processes: number;
  /** Ends what is under way; when it is fulfilled no process is left. */
  close(): Promise<void>;
}

export interface GitReposOptions {
  /** For the local copies alone; made where it is missing. */
  readonly folder: string;
  /** Of all local copies; those that were not used for longest go first. A single one in use may be larger. */
  readonly maxBytes: number;
  /** Of the largest answer of a remote that is taken. */
  readonly maxFetchBytes: number;
  /** Of at least two processes at once; it is closed with the repositories. */
  readonly run: Run;
  /** PATH, where git and ssh are found. */
  readonly path: string;
  /** A file with all certificate authorities that are trusted, in place of the system's. */
  readonly caFile?: string;
  readonly now?: () => number;
  /** Milliseconds without a byte after which a remote is given up; default 60 s. */
  readonly stallMs?: number;
  /** Milliseconds for which one request may use what the remote said about its refs for another; default 2 s. */
  readonly refsMs?: number;
  /** Milliseconds for which connections and processes are kept open without use; default 10 s. */
  readonly idleMs?: number;
  readonly metrics?: VcsMetrics;
}

/** Connections and processes that are kept without use, where there is room for them. */
const maxIdle = 16;

/** Opens the folder and what lies in it from before. Throws the file system's error where it cannot be used. */
export async function createGitRepos(options: GitReposOptions): Promise<GitRepos> {
  const { folder, maxBytes, maxFetchBytes, path, caFile, now = Date.now } = options;
  const { stallMs = 60_000, refsMs = 2000, idleMs = 10_000, metrics } = options;
  const idle = createIdle({
    maxCount: maxIdle,
    idleMs,
    isFull: () => options.run.running >= options.run.limit,
  });
  const { run, allEnded } = watchRun(options.run, idle);
  const setup: GitSetup = { run, path, home: join(folder, 'home') };
  await mkdir(setup.home, { recursive: true });
  const limits = { stallMs, ...(caFile !== undefined && { caFile }) };
  const end = new AbortController();
  const life = end.signal;
  const sessions = createSessions(setup, limits, idle, life);
  const refs = createRefs({ setup, sessions, limits, now, maxAgeMs: refsMs, metrics });
  const folders = await openFolders<GitCopy>({
    folder: join(folder, 'repos'),
    maxBytes,
    mark: 'HEAD',
    measure: measureFolder,
    now,
    removed: metrics?.removed,
  });
  const copies = createCopies({ setup, limits, maxFetchBytes, sessions, refs, folders, idle, life, metrics });

  return {
    open: (remote) => createRepo(remote, { setup, refs, copies, life }),
    get copies() {
      return folders.count;
    },
    get bytes() {
      return folders.bytes;
    },
    get processes() {
      return run.running;
    },
    async close() {
      end.abort();
      await allEnded();
      await Promise.all([folders.close(), options.run.close()]);
    },
  };
}

/** The same, with a way to wait until nothing that was started through it is left. What is idle makes room. */
function watchRun(run: Run, idle: Idle): { readonly run: Run; allEnded(): Promise<void> } {
  const running = new Set<Promise<void>>();

  function watch<T>(start: () => Promise<T>): Promise<T> {
    if (run.running >= run.limit) idle.closeOldest();
    const work = start();
    const end = (): void => void running.delete(ended);
    const ended = work.then(end, end);
    running.add(ended);
    return work;
  }

  return {
    run: {
      get running() {
        return run.running;
      },
      limit: run.limit,
      close: run.close,
      async start(command, signal) {
        const process = await watch(() => run.start(command, signal));
        void watch(() => process.ended);
        return process;
      },
      output: (command, signal, options) => watch(() => run.output(command, signal, options)),
    },
    async allEnded() {
      while (running.size > 0) await Promise.all(running);
    },
  };
}
