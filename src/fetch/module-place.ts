import { posix } from 'node:path';
import { StoaError } from '../errors.ts';
import { splitPathVersion } from '../module/path.ts';
import { isPseudoVersion, pseudoVersionParts } from '../module/pseudo.ts';
import { build, canonicalSemver, isSemver } from '../module/semver.ts';
import { majorProblem } from '../module/version.ts';
import { hasPathPrefix } from './repo-root.ts';

/**
 * Where a module lies in a repository, as far as its path says (cmd/go/internal/modfetch/coderepo.go, newCodeRepo).
 * Which folder it is at a commit depends on the go.mod files there, see module-dir.ts.
 */
export interface ModulePlace {
  readonly path: string;
  /** The import path of the repository's root. */
  readonly root: string;
  /** The path without its major version, for messages; the whole path where that is the root. */
  readonly pathPrefix: string;
  /** The major version in the path with its separator: `''`, `/v2`, `.v2`, `.v2-unstable`. */
  readonly pathMajor: string;
  /** The major version that pseudo-versions without a base have: `v2`, or `''` for v0. */
  readonly pseudoMajor: string;
  /** The folder of the module without its major version: `''` for the repository's root, else without slashes around it. */
  readonly codeDir: string;
  /** What its tags have before the version: `''`, else `codeDir` and a slash. */
  readonly tagPrefix: string;
}

/**
 * The place of a module path in the repository whose root has the import path `root`; `subdir` is the folder that
 * stands for the root, where a go-import line names one. Throws `notFound` where the repository cannot hold the module.
 */
export function placeModule(path: string, root: string, subdir = ''): ModulePlace {
  if (!hasPathPrefix(path, root)) throw new StoaError('notFound', `${path}: mismatched repo: found ${root}`);
  const split = splitPathVersion(path);
  if (split === undefined) throw new StoaError('notFound', `${path}: invalid module path`);
  const pathPrefix = path === root ? path : split.prefix;
  if (!hasPathPrefix(pathPrefix, root))
    throw new StoaError('notFound', `${path}: repository rooted at ${root} cannot contain it`);
  const codeDir = folderOf(pathPrefix.slice(root.length), subdir);
  if (codeDir === '..' || codeDir.startsWith('../'))
    throw new StoaError('notFound', `${path}: its folder ${subdir} lies outside of its repository`);
  return {
    path,
    root,
    pathPrefix,
    pathMajor: split.major,
    pseudoMajor: split.major.slice(1).replace(/-unstable$/, ''),
    codeDir,
    tagPrefix: codeDir === '' ? '' : `${codeDir}/`,
  };
}

/**
 * What the repository calls a version or query: the tag of a version, the hash of a pseudo-version, all else as it is.
 * Throws `malformed` for a pseudo-version that cannot be.
 */
export function revisionOf(place: ModulePlace, version: string): string {
  if (!isSemver(version)) return version;
  const plain = withoutIncompatible(version);
  return isPseudoVersion(plain) ? pseudoVersionParts(plain).revision : `${place.tagPrefix}${plain}`;
}

/**
 * The canonical version that a tag of the repository stands for, without build metadata; `isCanonical` when the tag is
 * exactly that. Undefined for tags of other modules, for what is no whole version, and for a tag that looks like a
 * pseudo-version. With the folder of its module before it none does: so it is to the go command, but for its lists.
 */
export function versionOfTag(
  place: ModulePlace,
  tag: string,
): { readonly version: string; readonly isCanonical: boolean } | undefined {
  if (!tag.startsWith(place.tagPrefix)) return undefined;
  const name = tag.slice(place.tagPrefix.length);
  const version = canonicalSemver(name);
  if (version === '' || !name.startsWith(version) || isPseudoVersion(tag)) return undefined;
  return { version, isCanonical: name === version };
}

/** True where the version's major number is that of the path, or the version has `+incompatible`. */
export function fitsMajor(place: ModulePlace, version: string): boolean {
  return majorProblem(version, place.pathMajor) === undefined;
}

/** The version without the suffix `+incompatible`, which no tag has. */
export function withoutIncompatible(version: string): string {
  return build(version) === incompatible ? version.slice(0, -incompatible.length) : version;
}

/** The end of a version whose major number its path does not have. */
export const incompatible = '+incompatible';

function folderOf(below: string, subdir: string): string {
  const folder = posix.join(below.replace(/^\//, ''), subdir).replace(/\/$/, '');
  return folder === '.' ? '' : folder;
}
