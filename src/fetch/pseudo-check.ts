import { compareBytes } from '../module/order.ts';
import { type PseudoVersionParts, pseudoVersionParts } from '../module/pseudo.ts';
import { compareSemver, major } from '../module/semver.ts';
import type { Revision } from '../vcs/repo.ts';
import { invalidPseudoVersion } from './invalid-version.ts';
import { type ModulePlace, withoutIncompatible } from './module-place.ts';
import { type RepoView, shortHash } from './repo-view.ts';

/**
 * Throws `notFound` unless a pseudo-version says the truth about its commit (codeRepo.validatePseudoVersion): the short
 * hash, the time, and as its base a version whose tag is on an ancestor but is not the name of the commit itself. Else
 * an author could name a commit as high as he likes, and everyone could make up endless names for one. Whether the
 * module is at that commit, and of that major version, is checked before.
 */
export async function checkPseudoVersion(view: RepoView, revision: Revision, version: string): Promise<void> {
  const { place } = view;
  checkPseudoCommit(place, revision, version);
  const { base } = pseudoVersionParts(withoutIncompatible(version));
  const problem =
    base === ''
      ? majorWithoutBaseProblem(version, place.pseudoMajor)
      : await baseProblem(view, revision, base);
  if (problem !== undefined) throw invalidPseudoVersion(place.path, version, problem);
}

/** The part of that which the commit alone can say, and which therefore never changes: its hash and its time. */
export function checkPseudoCommit(place: ModulePlace, revision: Revision, version: string): void {
  const problem = commitProblem(revision, pseudoVersionParts(withoutIncompatible(version)));
  if (problem !== undefined) throw invalidPseudoVersion(place.path, version, problem);
}

function commitProblem(
  revision: Revision,
  { revision: named, time }: PseudoVersionParts,
): string | undefined {
  const short = shortHash(revision);
  if (named !== short) {
    if (named.startsWith(short)) return `revision is longer than canonical (expected ${short})`;
    if (short.startsWith(named)) return `revision is shorter than canonical (expected ${short})`;
    return `does not match short name of revision (expected ${short})`;
  }
  if (time.getTime() === revision.time.getTime()) return undefined;
  const stamp = revision.time.toISOString().slice(0, 19).replace(/[-T:]/g, '');
  return `does not match version-control timestamp (expected ${stamp})`;
}

function majorWithoutBaseProblem(version: string, pseudoMajor: string): string | undefined {
  if (pseudoMajor !== '' || major(version) !== 'v1') return undefined;
  return 'major version without preceding tag must be v0, not v1';
}

async function baseProblem(
  { place, repo, refs, signal }: RepoView,
  revision: Revision,
  base: string,
): Promise<string | undefined> {
  const short = shortHash(revision);
  // A tag with build metadata is no name of the commit, which therefore may have one that comes after that tag.
  const own = revision.tags.find((tag) => tag === `${place.tagPrefix}${base}` || tag === base);
  if (own !== undefined)
    return `tag (${own}) found on revision ${short} is already canonical, so should not be replaced with a pseudo-version derived from that tag`;
  const wanted = `${place.tagPrefix}${base}`;
  const tags = [...(await refs()).tags.keys()]
    .filter((tag) => tag.startsWith(wanted) && compareSemver(tag.slice(place.tagPrefix.length), base) === 0)
    .sort(compareBytes);
  for (const tag of tags) if (await repo.isAncestor(tag, revision.hash, signal)) return undefined;
  const last = tags.at(-1);
  if (last === undefined) return `preceding tag (${base}) not found`;
  return `revision ${short} is not a descendent of preceding tag (${last})`;
}
