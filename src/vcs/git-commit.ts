import type { GitCopy } from './git-copy.ts';
import { DamageError, named } from './git-failure.ts';
import { type Commit, findEntry, parseCommit, type TreeEntry } from './git-tree.ts';
import type { Remote } from './remote.ts';

/** Bytes of the largest commit and the largest folder that are looked into. */
const maxObjectBytes = 64 * 1024 * 1024;

/** A commit whose root folder is here too; undefined where one of them is not. Throws `notFound` for what is no commit. */
export async function readCommit(
  { objects }: GitCopy,
  remote: Remote,
  hash: string,
  signal: AbortSignal,
): Promise<Commit | undefined> {
  const info = await objects.info(hash, signal);
  if (info === undefined) return undefined;
  if (info.type !== 'commit') throw named(remote, 'notFound', `${hash} is no commit`);
  const bytes = await objects.read(hash, maxObjectBytes, signal);
  const commit = bytes && parseCommit(bytes);
  if (commit === undefined) throw named(remote, 'integrity', `commit ${hash} is malformed`);
  return (await objects.info(commit.tree, signal)) && commit;
}

/** What a path leads to from a folder; undefined where it leads nowhere. `''` is the folder itself. */
export async function findPath(
  copy: GitCopy,
  remote: Remote,
  tree: string,
  path: string,
  signal: AbortSignal,
): Promise<TreeEntry | undefined> {
  let entry: TreeEntry = { kind: 'folder', hash: tree };
  for (const name of path === '' ? [] : path.split('/')) {
    if (entry.kind !== 'folder') return undefined;
    const bytes = await readObject(copy, remote, entry.hash, maxObjectBytes, signal);
    const found = findEntry(bytes, name, tree.length / 2);
    if (found === 'broken') throw named(remote, 'integrity', `folder ${entry.hash} is malformed`);
    if (found === undefined) return undefined;
    entry = found;
  }
  return entry;
}

/** The content of an object that something here names, fetched where it is not here yet. */
export async function readObject(
  copy: GitCopy,
  remote: Remote,
  hash: string,
  maxBytes: number,
  signal: AbortSignal,
): Promise<Buffer> {
  const known = await copy.objects.read(hash, maxBytes, signal);
  if (known !== undefined) return known;
  await copy.fetchObjects(remote, [hash], signal);
  const fetched = await copy.objects.read(hash, maxBytes, signal);
  if (fetched === undefined) throw new DamageError(`object ${hash} is missing`);
  return fetched;
}
