import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { compareBytes } from '../module/order.ts';
import type { GitSetup } from './git-command.ts';
import type { CopyParts, GitCopy, RemoteRefs } from './git-copy.ts';
import { named, RefusedError } from './git-failure.ts';
import { writeCommitGraph } from './git-history.ts';
import { sweepFolder } from './git-layout.ts';
import { storePack } from './git-pack.ts';
import type { GitSessions } from './git-sessions.ts';
import { createBatch, createTurns } from './git-shared.ts';
import { hostOf, type Remote } from './remote.ts';

/** What fetching over version 2 of the protocol needs. */
export interface WireParts extends CopyParts {
  readonly setup: GitSetup;
  readonly sessions: GitSessions;
  /** Bytes of the largest pack that is taken. */
  readonly maxFetchBytes: number;
}

/** Commits that a remote is told of as ours, so that it sends only what changed. */
const maxHaves = 1000;
const maxRecent = 4;

/** Bytes of commits that came in, from which on walks through them get a table of their own. */
const graphBytes = 1024 * 1024;

/** How a pack may be written. */
const packOptions = ['thin-pack', 'no-progress', 'ofs-delta'];

/**
 * A copy that is a bare store of objects: what is not here is fetched by its hash, and the hash of a commit comes from a
 * branch or tag, or is checked to be before one. `packed-refs` is written when all commits that lead to its refs
 * are here. Nothing else is ever rewritten, so a process that is killed leaves at most files without use.
 */
export function createWireCopy(parts: WireParts): GitCopy {
  const { folder, objects, sessions, setup, maxFetchBytes, grew, metrics } = parts;
  const turns = createTurns();
  /** Commits whose folders are here, the last one fetched first. */
  let recent: readonly string[] = [];
  /** When the remote was asked for what `packed-refs` was written from. */
  let syncedAt = Number.NEGATIVE_INFINITY;
  let isClosed = false;

  /**
   * Gives about how many bytes came in. Of the filters the first that the remote takes is used; throws RefusedError when
   * it takes none and gives nothing.
   */
  async function fetch(
    remote: Remote,
    args: readonly string[],
    filters: readonly string[],
    signal: AbortSignal,
  ): Promise<number> {
    const [filter, ...others] = filters;
    try {
      return await sessions.use(remote, signal, async (session) => {
        const filtered = filter !== undefined && session.canFilter ? [`filter ${filter}`] : [];
        const pack = session.fetch([...packOptions, ...filtered, ...args], signal);
        const { received, stored } = await storePack(setup, remote, folder, pack, maxFetchBytes, signal);
        metrics?.request(hostOf(remote), 'pack', 'ok', received);
        grew(stored);
        return stored;
      });
    } catch (error) {
      if (error instanceof RefusedError && filter !== undefined) return fetch(remote, args, others, signal);
      if (!signal.aborted) metrics?.request(hostOf(remote), 'pack', 'failed', 0);
      // Once it is closed another copy may be in its place.
      if (!isClosed) await sweepFolder(folder);
      throw error;
    }
  }

  async function fetchOrFail(...[remote, ...what]: Parameters<typeof fetch>): Promise<number> {
    try {
      return await fetch(remote, ...what);
    } catch (error) {
      if (!(error instanceof RefusedError)) throw error;
      throw named(
        remote,
        'upstream',
        `it does not give what its branches and tags lead to: ${error.message}`,
        error,
      );
    }
  }

  const snapshots = createBatch<readonly [Remote, RemoteRefs]>(
    turns,
    async ([remote, refs], commits, signal) => {
      const known = recent.flatMap((commit) => [`shallow ${commit}`, `have ${commit}`]);
      try {
        await fetch(remote, ['deepen 1', ...known, ...commits.map(want)], ['blob:none'], signal);
      } catch (error) {
        if (!(error instanceof RefusedError)) throw error;
        // It gives only what it names itself.
        await fetchOrFail(remote, [...new Set(refs.commits.values())].map(want), [], signal);
      }
      const found = await Promise.all(commits.map((commit) => objects.info(commit, signal)));
      // A tag may lead to something else, which the remote would not take for a commit.
      const fetched = commits.filter((_, i) => found[i]?.type === 'commit');
      recent = [...new Set([...fetched, ...recent])].slice(0, maxRecent);
    },
  );
  const single = createBatch<Remote>(turns, async (remote, hashes, signal) => {
    await fetchOrFail(remote, hashes.map(want), ['tree:0', 'blob:none'], signal);
  });
  const trees = createBatch<Remote>(turns, async (remote, hashes, signal) => {
    await fetchOrFail(remote, hashes.map(want), [], signal);
  });

  async function syncHistory(remote: Remote, refs: RemoteRefs, signal: AbortSignal): Promise<void> {
    if (syncedAt >= refs.askedAt) return;
    const file = join(folder, 'packed-refs');
    const before = await readFile(file, 'utf8').catch(() => '');
    const text = formatPackedRefs(refs);
    if (text !== before) {
      const known = new Set(before.match(/^[0-9a-f]{40,64}(?= )/gm));
      const wanted = [...new Set(refs.commits.values())].filter((commit) => !known.has(commit));
      const haves = [...known].slice(0, maxHaves).map((commit) => `have ${commit}`);
      const args = [...haves, ...wanted.map(want)];
      const bytes =
        wanted.length === 0 ? 0 : await fetchOrFail(remote, args, ['tree:0', 'blob:none'], signal);
      await writeFile(`${file}.new.lock`, text);
      await rename(`${file}.new.lock`, file);
      if (bytes > graphBytes) await writeCommitGraph(setup, folder, signal);
    }
    syncedAt = refs.askedAt;
  }

  return {
    folder,
    objects,
    fetchSnapshot: (remote, commit, refs, signal) => snapshots([remote, refs], [commit], signal),
    fetchObjects: single,
    fetchTree: (remote, hash, signal) => trees(remote, [hash], signal),
    fetchHistory: (remote, refs, signal) => turns.run(() => syncHistory(remote, refs, signal), signal),
    close() {
      isClosed = true;
      objects.close();
    },
  };
}

function want(hash: string): string {
  return `want ${hash}`;
}

/** The refs as git reads them from a file; annotated tags stand there as what they lead to. */
function formatPackedRefs({ commits }: RemoteRefs): string {
  const lines = [...commits]
    .map(([name, commit]) => [name === 'HEAD' ? 'refs/remotes/HEAD' : name, commit] as const)
    .sort(([a], [b]) => compareBytes(a, b))
    .map(([name, commit]) => `${commit} ${name}\n`);
  return `# pack-refs with: peeled fully-peeled sorted \n${lines.join('')}`;
}
