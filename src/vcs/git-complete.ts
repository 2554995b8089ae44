import { listTree } from './git-archive.ts';
import type { GitSetup } from './git-command.ts';
import { findPath } from './git-commit.ts';
import type { GitCopy } from './git-copy.ts';
import { DamageError } from './git-failure.ts';
import type { TreeEntry } from './git-tree.ts';
import type { Remote } from './remote.ts';

/** Objects that are looked for at a time. */
const chunkLength = 512;

/** With more missing than this, and than are here, a folder is fetched anew as a whole. */
const maxMissing = 500;

/** A folder or a file of a commit. */
export interface Place {
  /** The commit's root folder, and the path from there. */
  readonly root: string;
  readonly path: string;
  /** What is there. */
  readonly entry: TreeEntry;
}

/** Fetches what is missing for an archive of a path: its files, and the attributes that the folders above give them. */
export async function completePath(
  setup: GitSetup,
  copy: GitCopy,
  remote: Remote,
  { root, path, entry }: Place,
  signal: AbortSignal,
): Promise<void> {
  const attributes = await attributesAbove(copy, remote, root, path, signal);
  const isFolder = entry.kind === 'folder';
  const files = isFolder ? await listTree(setup, copy.folder, entry.hash, signal) : [entry];
  const contents = files.filter(({ kind }) => kind !== 'submodule').map(({ hash }) => hash);
  const missing = await findMissing(copy, contents, signal);
  if (missing === 'most') await copy.fetchTree(remote, entry.hash, signal);
  const wanted = [...(missing === 'most' ? [] : missing), ...(await absent(copy, attributes, signal))];
  if (wanted.length > 0) await copy.fetchObjects(remote, wanted, signal);
  // Git makes an archive without attributes that it does not find; of a file it does not find it complains.
  if ((await absent(copy, attributes, signal)).length > 0) throw new DamageError('attributes are missing');
}

async function attributesAbove(
  copy: GitCopy,
  remote: Remote,
  root: string,
  path: string,
  signal: AbortSignal,
): Promise<string[]> {
  const found: string[] = [];
  const names = path === '' ? [] : path.split('/');
  for (let depth = 0; depth < names.length; depth++) {
    const file = [...names.slice(0, depth), '.gitattributes'].join('/');
    const entry = await findPath(copy, remote, root, file, signal);
    if (entry?.kind === 'file' || entry?.kind === 'link') found.push(entry.hash);
  }
  return found;
}

async function findMissing(
  copy: GitCopy,
  hashes: readonly string[],
  signal: AbortSignal,
): Promise<string[] | 'most'> {
  const missing: string[] = [];
  for (let at = 0; at < hashes.length; at += chunkLength) {
    missing.push(...(await absent(copy, hashes.slice(at, at + chunkLength), signal)));
    if (missing.length > maxMissing && missing.length * 2 > at + chunkLength) return 'most';
  }
  return missing;
}

async function absent(
  { objects }: GitCopy,
  hashes: readonly string[],
  signal: AbortSignal,
): Promise<string[]> {
  const found = await Promise.all(hashes.map((hash) => objects.info(hash, signal)));
  return hashes.filter((_, i) => found[i] === undefined);
}
