// A repository in memory, made of the same scripts as the real ones of fakes/git-repos.ts.
import { hash } from 'node:crypto';
import { StoaError } from '../../src/errors.ts';
import { compareBytes } from '../../src/module/order.ts';
import { compareSemver } from '../../src/module/semver.ts';
import type { Refs, Repo, RepoFile, Revision } from '../../src/vcs/repo.ts';
import type { Change, Step } from '../fakes/git-repos.ts';

export interface MemoryRepo extends Repo {
  /** What was asked of it since it was last emptied: `refs`, `stat v1.0.0`, `read one go.mod`, with labels for commits. */
  readonly asked: string[];
  run(script: readonly Step[]): void;
  hash(label: string): string;
  /** Everything from now on fails with this error; undefined: works again. */
  fail(what: 'all' | 'refs', error: StoaError | undefined): void;
}

interface Commit {
  readonly label: string;
  readonly hash: string;
  readonly time: Date;
  readonly parents: readonly Commit[];
  readonly files: ReadonlyMap<string, Exclude<Change, null>>;
}

/** Commits have hashes of their labels, unless `hashOf` gives those of the same commits elsewhere. */
export function createMemoryRepo(
  script: readonly Step[],
  url: string,
  hashOf: (label: string) => string = (label) => hash('sha1', label),
): MemoryRepo {
  const commits = new Map<string, Commit>();
  const branches = new Map<string, Commit>();
  const tags = new Map<string, Commit>();
  const asked: string[] = [];
  const failures = new Map<'all' | 'refs', StoaError>();
  let head = 'main';
  let lastTime = Date.UTC(2024, 0, 1) - 60_000;

  function addCommit(step: Extract<Step, { commit: string }>): void {
    const { on = 'main' } = step;
    const tip = branches.get(on);
    const parents = step.parents?.map((label) => commits.get(label)!) ?? (tip === undefined ? [] : [tip]);
    lastTime = step.time === undefined ? lastTime + 60_000 : Date.parse(step.time);
    const files = new Map(parents[0]?.files);
    for (const [name, change] of Object.entries(step.files ?? {})) {
      if (change === null) files.delete(name);
      else files.set(name, change);
    }
    const commit = {
      label: step.commit,
      hash: hashOf(step.commit),
      time: new Date(lastTime),
      parents,
      files,
    };
    commits.set(step.commit, commit);
    branches.set(on, commit);
    for (const tag of step.tags ?? []) tags.set(tag, commit);
  }

  function run(steps: readonly Step[]): void {
    for (const step of steps) {
      if ('commit' in step) addCommit(step);
      else if ('tag' in step) tags.set(step.tag, commits.get(step.at)!);
      else if ('branch' in step) branches.set(step.branch, commits.get(step.at)!);
      else if ('head' in step) head = step.head;
      else if ('remove' in step) {
        branches.delete(step.remove.replace('refs/heads/', ''));
        tags.delete(step.remove.replace('refs/tags/', ''));
      }
    }
  }
  run(script);

  async function note(what: string): Promise<void> {
    asked.push(what);
    const failure = failures.get('all') ?? (what === 'refs' ? failures.get('refs') : undefined);
    if (failure !== undefined) throw failure;
  }

  function reached(from: Iterable<Commit>): Set<Commit> {
    const found = new Set(from);
    for (const commit of found) for (const parent of commit.parents) found.add(parent);
    return found;
  }

  function find(rev: string): { commit: Commit; ref?: string } | undefined {
    const tagged = tags.get(rev);
    if (tagged !== undefined) return { commit: tagged, ref: `refs/tags/${rev}` };
    const branched = branches.get(rev);
    if (branched !== undefined) return { commit: branched, ref: `refs/heads/${rev}` };
    const newest = rev === 'HEAD' ? branches.get(head) : undefined;
    if (newest !== undefined) return { commit: newest, ref: 'HEAD' };
    if (!/^[0-9a-f]{7,64}$/.test(rev)) return undefined;
    const [commit] = [...reached([...branches.values(), ...tags.values()])].filter((one) =>
      one.hash.startsWith(rev),
    );
    return commit && { commit };
  }

  function at(hash: string): Commit {
    return [...commits.values()].find((commit) => commit.hash === hash)!;
  }

  const hashes = (refs: Map<string, Commit>): ReadonlyMap<string, string> =>
    new Map([...refs].map(([name, commit]) => [name, commit.hash]));

  return {
    vcs: 'git',
    url,
    asked,
    run,
    hash: (label) => commits.get(label)!.hash,
    fail(what, error) {
      if (error === undefined) failures.delete(what);
      else failures.set(what, error);
    },
    async refs(): Promise<Refs> {
      await note('refs');
      const newest = branches.get(head);
      return {
        ...(newest && { head: newest.hash }),
        branches: hashes(branches),
        tags: hashes(tags),
      };
    },
    async stat(rev): Promise<Revision> {
      await note(`stat ${rev}`);
      const found = find(rev);
      if (found === undefined) throw new StoaError('notFound', `unknown revision ${rev}`);
      const { commit, ref } = found;
      const own = [...tags].filter(([, tagged]) => tagged === commit).map(([name]) => name);
      return { hash: commit.hash, time: commit.time, tags: own.sort(compareBytes), ...(ref && { ref }) };
    },
    async readFile(commit, file) {
      const { label, files } = at(commit);
      await note(`read ${label} ${file}`);
      const change = files.get(file);
      if (change === undefined) return undefined;
      if (typeof change === 'string' || change instanceof Uint8Array) return Buffer.from(change as string);
      return 'link' in change ? Buffer.from(change.link) : undefined;
    },
    async files(commit, folder): Promise<RepoFile[]> {
      const { label, files } = at(commit);
      await note(`files ${label} ${folder}`);
      const below = folder === '' ? '' : `${folder}/`;
      return [...files]
        .filter(([name]) => name.startsWith(below))
        .map(([name, change]) => ({ name, kind: kindOf(change) }));
    },
    async archive(): Promise<never> {
      throw new Error('a repository in memory has no archives');
    },
    async recentTag(commit, prefix, allowed) {
      await note(`recentTag ${at(commit).label}`);
      const merged = reached([at(commit)]);
      return [...tags]
        .filter(([tag, tagged]) => tag.startsWith(prefix) && merged.has(tagged) && allowed(tag))
        .map(([tag]) => tag)
        .sort((a, b) => compareSemver(a.slice(prefix.length), b.slice(prefix.length)) || -compareBytes(a, b))
        .at(-1);
    },
    async isAncestor(tag, commit) {
      await note(`isAncestor ${tag} ${at(commit).label}`);
      return reached([at(commit)]).has(tags.get(tag)!);
    },
  };
}

function kindOf(change: Exclude<Change, null>): RepoFile['kind'] {
  if (typeof change === 'string' || change instanceof Uint8Array) return 'file';
  if ('link' in change) return 'link';
  return 'submodule' in change ? 'other' : 'file';
}
