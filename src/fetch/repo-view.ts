import type { StoaError } from '../errors.ts';
import { maxGoModBytes } from '../module/zip.ts';
import type { Refs, Repo, Revision } from '../vcs/repo.ts';
import { invalidVersion } from './invalid-version.ts';
import { findModuleDir, type ModuleDir, madeUpGoMod } from './module-dir.ts';
import { type ModulePlace, revisionOf } from './module-place.ts';
import type { Recent } from './recent.ts';

/** A module's repository as one request sees it: its names at one moment. */
export interface RepoView {
  readonly place: ModulePlace;
  readonly repo: Repo;
  /** Of the request. */
  readonly signal: AbortSignal;
  /** The names of the remote: asked for once, the same for the whole request. */
  refs(): Promise<Refs>;
  /** A go.mod or another small file of a commit; undefined where there is none. Throws `integrity` for one over 16 MiB. */
  read(commit: string, file: string): Promise<Uint8Array | undefined>;
  /** Whether the commit has the file; what was once seen is not looked for again. */
  has(commit: string, file: string): Promise<boolean>;
}

/** `facts` are kept over requests: whether a commit has a file never changes. */
export function openRepoView(
  place: ModulePlace,
  repo: Repo,
  facts: Recent<boolean>,
  signal: AbortSignal,
): RepoView {
  let refs: Promise<Refs> | undefined;

  async function read(commit: string, file: string): Promise<Uint8Array | undefined> {
    const bytes = await repo.readFile(commit, file, maxGoModBytes, signal);
    facts.set(`${commit} ${file}`, bytes !== undefined, 0);
    return bytes;
  }

  return {
    place,
    repo,
    signal,
    refs() {
      refs ??= repo.refs(signal);
      return refs;
    },
    read,
    has: async (commit, file) => facts.get(`${commit} ${file}`) ?? (await read(commit, file)) !== undefined,
  };
}

/** The module's folder at the commit of a version; throws `notFound` where that cannot hold the version. */
export async function findVersionDir(view: RepoView, commit: string, version: string): Promise<ModuleDir> {
  const { place } = view;
  const read = (file: string): Promise<Uint8Array | undefined> => view.read(commit, file);
  const found = await findModuleDir(place, read, revisionOf(place, version), version);
  if ('problem' in found) throw invalidVersion(place.path, version, found.problem);
  return found;
}

/** The go.mod of a version in the list of a module. */
export async function readListedGoMod(view: RepoView, version: string): Promise<Uint8Array> {
  const { tags } = await view.refs();
  const { goMod } = await findVersionDir(view, tags.get(revisionOf(view.place, version))!, version);
  return goMod ?? madeUpGoMod(view.place.path);
}

/** What a repository said, without its URL: the module is named in its place. */
export function reasonOf(repo: Repo, { message }: StoaError): string {
  return message.replace(`${repo.url}: `, '');
}

/** The beginning of a commit's hash that pseudo-versions have (codehost.ShortenSHA1). */
export function shortHash({ hash }: Pick<Revision, 'hash'>): string {
  return /^([0-9a-f]{40}|[0-9a-f]{64})$/.test(hash) ? hash.slice(0, 12) : hash;
}
