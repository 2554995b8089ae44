import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { isStoaError } from '../errors.ts';
import { type GitSetup, gitCommand } from './git-command.ts';
import type { CopyParts, GitCopy, RemoteRefs } from './git-copy.ts';
import { DamageError, named, remoteFailure } from './git-failure.ts';
import { measureFolder, sweepFolder } from './git-layout.ts';
import { withCredential } from './git-login.ts';
import { isHash, isRefName } from './git-names.ts';
import { createTurns } from './git-shared.ts';
import { fetchOptions, type TransportLimits } from './git-transport.ts';
import { hostOf, type Remote } from './remote.ts';

/** What fetching over older versions of the protocol needs. */
export interface PlainParts extends CopyParts {
  readonly setup: GitSetup;
  readonly limits: TransportLimits;
}

/** Milliseconds for one fetch; a server that stalls is given up sooner. */
const fetchMs = 3600_000;
const maxRefsBytes = 128 * 1024 * 1024;

/** Asks a remote for its refs with git's own command. */
export async function listRemote(
  setup: GitSetup,
  remote: Remote,
  limits: TransportLimits,
  signal: AbortSignal,
): Promise<Map<string, string>> {
  const output = await withCredential(remote, signal, async (current) => {
    const command = gitCommand(setup, ['ls-remote', '-q', 'origin'], fetchOptions(current, limits));
    const told = await setup.run.output(command, signal, { timeoutMs: fetchMs, maxBytes: maxRefsBytes });
    if (told.code !== 0) throw remoteFailure(current, told);
    return told;
  });
  const commits = new Map<string, string>();
  for (const line of output.stdout.toString().split('\n')) {
    const [hash = '', ref = ''] = line.split('\t');
    // The line about where an annotated tag leads comes behind that about the tag.
    const name = ref.replace(/\^\{\}$/, '');
    if (isHash(hash) && isRefName(name)) commits.set(name, hash);
  }
  return commits;
}

/**
 * A copy that git itself fetches into, as the go command has it (codehost/git.go): single commits by the name of a ref
 * while that is enough, and all branches and tags with their history once it is not.
 */
export function createPlainCopy({ folder, objects, setup, limits, grew, metrics }: PlainParts): GitCopy {
  const turns = createTurns();
  /** What the local branches and tags were last made equal to. */
  let mirrored: RemoteRefs | undefined;
  let isClosed = false;

  function fetch(remote: Remote, args: readonly string[], signal: AbortSignal): Promise<void> {
    return withCredential(remote, signal, (current) => fetchOnce(current, args, signal));
  }

  async function fetchOnce(remote: Remote, args: readonly string[], signal: AbortSignal): Promise<void> {
    const quiet = [
      'fetch',
      '-q',
      '--no-progress',
      '--no-tags',
      '--no-write-fetch-head',
      '--no-recurse-submodules',
    ];
    const command = gitCommand(setup, [...quiet, ...args], { folder, ...fetchOptions(remote, limits) });
    const before = await measureFolder(folder).catch(() => 0);
    let grown = 0;
    let result: 'ok' | 'failed' = 'failed';
    try {
      const output = await setup.run.output(command, signal, { timeoutMs: fetchMs, maxBytes: 1024 * 1024 });
      if (output.code === 0) {
        result = 'ok';
        return;
      }
      const failure = remoteFailure(remote, output);
      const isOfCopy = output.stderr.includes(folder) || !(await exists('HEAD'));
      // It is broken, or was taken away because it is, which says nothing about the remote.
      if (isOfCopy && failure.kind !== 'storage') throw new DamageError(output.stderr);
      throw failure;
    } finally {
      // Once it is closed another copy may be in its place.
      if (!isClosed) {
        await sweepFolder(folder);
        grown = (await measureFolder(folder).catch(() => before)) - before;
        grew(grown);
      }
      if (!signal.aborted) metrics?.request(hostOf(remote), 'pack', result, Math.max(0, grown));
    }
  }

  async function mirror(remote: Remote, signal: AbortSignal): Promise<void> {
    const all = ['+refs/heads/*:refs/heads/*', '+refs/tags/*:refs/tags/*'];
    await fetch(remote, ['--force', '--prune', 'origin', ...all], signal);
    // In two steps, for the sake of old versions of git (go.dev/issue/34266).
    if (await exists('shallow')) await fetch(remote, ['--force', '--unshallow', 'origin', ...all], signal);
  }

  async function fetchHistory(remote: Remote, refs: RemoteRefs, signal: AbortSignal): Promise<void> {
    if (mirrored !== undefined && isEqual(mirrored.commits, refs.commits)) return;
    await mirror(remote, signal);
    mirrored = refs;
  }

  async function exists(file: string): Promise<boolean> {
    return (await stat(join(folder, file)).catch(() => undefined)) !== undefined;
  }

  /** Once the history is here, a single commit without its own would cut it off. */
  async function hasHistory(): Promise<boolean> {
    return !(await exists('shallow')) && ((await exists('refs/heads')) || (await exists('refs/tags')));
  }

  async function fetchCommit(
    remote: Remote,
    commit: string,
    refs: RemoteRefs,
    signal: AbortSignal,
  ): Promise<void> {
    const name = [...refs.commits].find(([, hash]) => hash === commit)?.[0];
    if (name !== undefined && !(await hasHistory())) {
      try {
        await fetch(remote, ['--depth=1', 'origin', `+${name}:refs/single/${commit}`], signal);
      } catch (error) {
        // Not every server can cut off the history.
        if (!isStoaError(error, 'upstream')) throw error;
        await mirror(remote, signal);
      }
    } else {
      await mirror(remote, signal);
    }
    if ((await objects.info(commit, signal)) === undefined)
      throw named(remote, 'upstream', `it moved its branches or tags while commit ${commit} was fetched`);
  }

  const complete = async (): Promise<never> => {
    throw new DamageError('an object is missing, though all were fetched');
  };

  return {
    folder,
    objects,
    fetchSnapshot: (remote, commit, refs, signal) =>
      turns.run(() => fetchCommit(remote, commit, refs, signal), signal),
    fetchObjects: complete,
    fetchTree: complete,
    fetchHistory: (remote, refs, signal) => turns.run(() => fetchHistory(remote, refs, signal), signal),
    close() {
      isClosed = true;
      objects.close();
    },
  };
}

function isEqual(one: ReadonlyMap<string, string>, other: ReadonlyMap<string, string>): boolean {
  return one.size === other.size && [...one].every(([name, commit]) => other.get(name) === commit);
}
