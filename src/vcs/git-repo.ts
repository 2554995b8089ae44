import type { Readable } from 'node:stream';
import type { StoaError } from '../errors.ts';
import { compareBytes } from '../module/order.ts';
import { quote } from '../module/quote.ts';
import { compareSemver, isSemver } from '../module/semver.ts';
import { listTree, openArchive } from './git-archive.ts';
import type { GitSetup } from './git-command.ts';
import { findPath, readCommit, readObject } from './git-commit.ts';
import { completePath } from './git-complete.ts';
import type { GitCopies } from './git-copies.ts';
import type { GitCopy, RemoteRefs } from './git-copy.ts';
import { brokenObjects, DamageError, named } from './git-failure.ts';
import { createHistory } from './git-history.ts';
import { isHash, isHashPrefix } from './git-names.ts';
import type { GitRefs } from './git-refs.ts';
import type { Commit, TreeEntry } from './git-tree.ts';
import type { Remote } from './remote.ts';
import type { Refs, Repo, RepoFile, Revision } from './repo.ts';

/** What reading a remote needs. */
export interface RepoParts {
  readonly setup: GitSetup;
  readonly refs: GitRefs;
  readonly copies: GitCopies;
  /** Ends what is under way. */
  readonly life: AbortSignal;
}

/** A git repository. Nothing is asked of the remote before a method is called. */
export function createRepo(remote: Remote, { setup, refs, copies, life }: RepoParts): Repo {
  const unknown = (rev: string): StoaError => named(remote, 'notFound', `unknown revision ${shown(rev)}`);

  /** Does the work on the local copy in which this commit belongs. */
  async function withCopy<T>(commit: string, work: (copy: GitCopy) => Promise<T>): Promise<T> {
    if (!isHash(commit)) throw unknown(commit);
    return copies.use(remote, commit.length, work);
  }

  /** Whether a branch or tag leads to a commit, directly or over others; then that one is here, though not its files. */
  async function isReachable(
    copy: GitCopy,
    commit: string,
    names: RemoteRefs,
    signal: AbortSignal,
  ): Promise<boolean> {
    await copy.fetchHistory(remote, names, signal);
    const info = await copy.objects.info(commit, signal);
    if (info?.type !== 'commit') return false;
    if (isNamed(commit, names)) return true;
    return createHistory(setup, copy.folder).isReachable(commit, signal);
  }

  /** A commit and its folders, fetched where they are not here yet. */
  async function fetchCommit(
    copy: GitCopy,
    commit: string,
    signal: AbortSignal,
    told?: RemoteRefs,
  ): Promise<Commit> {
    const known = await readCommit(copy, remote, commit, signal);
    if (known !== undefined) return known;
    const names = told ?? (await refs.recent(remote, signal));
    if (!isNamed(commit, names) && !(await isReachable(copy, commit, names, signal))) throw unknown(commit);
    await copy.fetchSnapshot(remote, commit, names, signal);
    const fetched = await readCommit(copy, remote, commit, signal);
    if (fetched === undefined) throw new DamageError(`commit ${commit} or its folder is missing`);
    return fetched;
  }

  /** The whole hash of a commit that a hash or its beginning names. */
  async function findHash(rev: string, names: RemoteRefs, signal: AbortSignal): Promise<string> {
    const [first, ...others] = new Set(
      [...names.commits.values()].filter((commit) => commit.startsWith(rev)),
    );
    if (others.length > 0) throw named(remote, 'notFound', `ambiguous revision ${rev}`);
    if (first !== undefined) return first;
    // Of all commits of a repository the hashes are equally long.
    const [example] = names.commits.values();
    if (example === undefined) throw unknown(rev);
    return withCopy(example, async (copy) => {
      if (isHash(rev) && (await readCommit(copy, remote, rev, signal))) return rev;
      await copy.fetchHistory(remote, names, signal);
      const info = await copy.objects.info(`${rev}^{commit}`, signal);
      if (info === undefined || !(await isReachable(copy, info.hash, names, signal))) throw unknown(rev);
      return info.hash;
    });
  }

  async function describe(
    commit: string,
    names: RemoteRefs | undefined,
    ref: string | undefined,
    signal: AbortSignal,
  ): Promise<Revision> {
    const { time } = await withCopy(commit, (copy) => fetchCommit(copy, commit, signal, names));
    const tags = tagsOf(names).filter(([, tagged]) => tagged === commit);
    return {
      hash: commit,
      time,
      tags: tags.map(([tag]) => tag).sort(compareBytes),
      ...(ref !== undefined && { ref }),
    };
  }

  async function stat(rev: string, signal: AbortSignal): Promise<Revision> {
    let names: RemoteRefs;
    try {
      names = await refs.recent(remote, signal);
    } catch (error) {
      // What is here can be told without the remote.
      if (signal.aborted || !isHash(rev) || !(await isHere(rev, signal))) throw error;
      return describe(rev, refs.last(remote), undefined, signal);
    }
    const ref = [`refs/tags/${rev}`, `refs/heads/${rev}`, ...(rev === 'HEAD' ? ['HEAD'] : [])].find((name) =>
      names.commits.has(name),
    );
    if (ref !== undefined) return describe(names.commits.get(ref)!, names, ref, signal);
    if (!isHashPrefix(rev)) throw unknown(rev);
    return describe(await findHash(rev, names, signal), names, undefined, signal);
  }

  function isHere(commit: string, signal: AbortSignal): Promise<boolean> {
    return withCopy(commit, async (copy) => (await readCommit(copy, remote, commit, signal)) !== undefined);
  }

  /** What a path of a commit leads to, and the commit's root folder. */
  async function find(
    copy: GitCopy,
    commit: string,
    path: string,
    signal: AbortSignal,
  ): Promise<{ readonly root: string; readonly entry: TreeEntry | undefined }> {
    const { tree } = await fetchCommit(copy, commit, signal);
    return { root: tree, entry: await findPath(copy, remote, tree, path, signal) };
  }

  function readFile(
    commit: string,
    file: string,
    maxBytes: number,
    signal: AbortSignal,
  ): Promise<Uint8Array | undefined> {
    return withCopy(commit, async (copy) => {
      const { entry } = await find(copy, commit, file, signal);
      if (entry?.kind !== 'file' && entry?.kind !== 'link') return undefined;
      // A copy, since the bytes are a part of what the process wrote.
      return Uint8Array.from(await readObject(copy, remote, entry.hash, maxBytes, signal));
    });
  }

  function files(commit: string, folder: string, signal: AbortSignal): Promise<RepoFile[]> {
    return withCopy(commit, async (copy) => {
      const { entry } = await find(copy, commit, folder, signal);
      if (entry?.kind !== 'folder') return [];
      const prefix = folder === '' ? '' : `${folder}/`;
      const listed = await listTree(setup, copy.folder, entry.hash, signal);
      return listed.map(({ name, kind }) => ({
        name: prefix + name,
        kind: kind === 'file' || kind === 'link' ? kind : 'other',
      }));
    });
  }

  function archive(commit: string, path: string, signal: AbortSignal): Promise<Readable> {
    return withCopy(commit, async (copy) => {
      const { root, entry } = await find(copy, commit, path, signal);
      if (entry === undefined || entry.kind === 'submodule')
        throw named(remote, 'notFound', `commit ${commit} has nothing at ${quote(path)}`);
      await completePath(setup, copy, remote, { root, path, entry }, signal);
      // In use until the archive is read, which is after this.
      const held = await copies.lease(remote, commit.length);
      try {
        if (held.copy !== copy) throw new DamageError('the copy was taken away');
        const failed = (error: DamageError): StoaError => {
          // Nobody gets this copy again.
          held.discard().catch(() => undefined);
          return brokenObjects(remote, error);
        };
        const stream = await openArchive(setup, copy.folder, commit, path, signal, failed);
        return stream.once('close', held.release);
      } catch (error) {
        held.release();
        throw error;
      }
    });
  }

  /** Answers a question about what comes before a commit, with the whole history here. */
  function askHistory<T>(
    commit: string,
    names: RemoteRefs,
    signal: AbortSignal,
    ask: (history: ReturnType<typeof createHistory>, copy: GitCopy) => Promise<T>,
  ): Promise<T> {
    return withCopy(commit, async (copy) => {
      if (!(await isReachable(copy, commit, names, signal))) throw unknown(commit);
      return ask(createHistory(setup, copy.folder), copy);
    });
  }

  async function recentTag(
    commit: string,
    prefix: string,
    allowed: (tag: string) => boolean,
    signal: AbortSignal,
  ): Promise<string | undefined> {
    const names = await refs.recent(remote, signal);
    const versionOf = (tag: string): string => tag.slice(prefix.length);
    const candidates = tagsOf(names)
      .filter(([tag]) => tag.startsWith(prefix) && isSemver(versionOf(tag)) && allowed(tag))
      .sort(([a], [b]) => compareSemver(versionOf(b), versionOf(a)) || compareBytes(a, b));
    const [highest] = candidates;
    if (highest === undefined) return undefined;
    if (highest[1] === commit) return highest[0];
    const before = new Set(
      await askHistory(commit, names, signal, (history) => history.tagsBefore(commit, signal)),
    );
    return candidates.find(([tag]) => before.has(tag))?.[0];
  }

  async function isAncestor(tag: string, commit: string, signal: AbortSignal): Promise<boolean> {
    const names = await refs.recent(remote, signal);
    const tagged = names.commits.get(`refs/tags/${tag}`);
    if (tagged === undefined || tagged === commit) return tagged === commit;
    return askHistory(commit, names, signal, async (history, copy) => {
      const info = await copy.objects.info(tagged, signal);
      return info?.type === 'commit' && history.isAncestor(tagged, commit, signal);
    });
  }

  const within = (signal: AbortSignal): AbortSignal => AbortSignal.any([signal, life]);
  return {
    vcs: 'git',
    url: remote.url,
    refs: (signal) => refs.recent(remote, within(signal)).then(formatRefs),
    stat: (rev, signal) => stat(rev, within(signal)),
    readFile: (commit, file, maxBytes, signal) => readFile(commit, file, maxBytes, within(signal)),
    files: (commit, folder, signal) => files(commit, folder, within(signal)),
    archive: (commit, path, signal) => archive(commit, path, within(signal)),
    recentTag: (commit, prefix, allowed, signal) => recentTag(commit, prefix, allowed, within(signal)),
    isAncestor: (tag, commit, signal) => isAncestor(tag, commit, within(signal)),
  };
}

/** A name as the go command shows it, unless it is one that would spoil the message. */
function shown(rev: string): string {
  return /^[!-~]{1,100}$/.test(rev) ? rev : quote(rev);
}

/** Whether a branch, a tag or `HEAD` leads to it directly. */
function isNamed(commit: string, names: RemoteRefs): boolean {
  return names.commits.values().some((told) => told === commit);
}

function tagsOf(names: RemoteRefs | undefined): [tag: string, commit: string][] {
  return entriesBelow(names, 'refs/tags/');
}

function entriesBelow(names: RemoteRefs | undefined, prefix: string): [string, string][] {
  return [...(names?.commits ?? [])]
    .filter(([name]) => name.startsWith(prefix))
    .map(([name, commit]) => [name.slice(prefix.length), commit]);
}

function formatRefs(names: RemoteRefs): Refs {
  const head = names.commits.get('HEAD');
  return {
    ...(head !== undefined && { head }),
    branches: new Map(entriesBelow(names, 'refs/heads/')),
    tags: new Map(entriesBelow(names, 'refs/tags/')),
  };
}
