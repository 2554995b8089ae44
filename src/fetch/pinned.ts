import { isStoaError, StoaError } from '../errors.ts';
import { isPseudoVersion } from '../module/pseudo.ts';
import type { Revision } from '../vcs/repo.ts';
import { type Converted, checkCanonical, createMajorRules } from './canonical.ts';
import { invalidVersion } from './invalid-version.ts';
import { revisionOf } from './module-place.ts';
import { checkPseudoCommit } from './pseudo-check.ts';
import { type RepoView, reasonOf } from './repo-view.ts';

/** A version at the commit that was wanted. */
export interface Pinned extends Converted {
  /** Where its tag leads now, when that is not this commit; `''` when it is gone. */
  readonly moved?: string;
}

/**
 * The version at the commit it was once found at, wherever its tag leads by now: what was told of it stays true. Throws
 * `integrity` where the tag was moved and the commit is lost. That the remote cannot be asked about the tag is no
 * failure while the commit can be read.
 */
export async function readPinned(view: RepoView, version: string, commit: string): Promise<Pinned> {
  const moved = movedTo(view, version, commit);
  // It is awaited below, but on one way only after something else that can fail.
  moved.catch(() => undefined);
  const revision = await statPinned(view, version, commit, moved);
  // A base tag may have gone since: what it was, and that it was before this commit, was checked when this was told.
  if (isPseudoVersion(version)) checkPseudoCommit(view.place, revision, version);
  const rules = createMajorRules(view, revision.hash, version);
  const converted = await checkCanonical(view, revision, version, version, rules);
  const now = await moved.catch(() => undefined);
  return { ...converted, ...(now !== undefined && { moved: now }) };
}

async function movedTo(view: RepoView, version: string, commit: string): Promise<string | undefined> {
  if (isPseudoVersion(version)) return undefined;
  const { tags } = await view.refs();
  const now = tags.get(revisionOf(view.place, version)) ?? '';
  return now === commit ? undefined : now;
}

async function statPinned(
  { place, repo, signal }: RepoView,
  version: string,
  commit: string,
  moved: Promise<string | undefined>,
): Promise<Revision> {
  try {
    return await repo.stat(commit, signal);
  } catch (error) {
    if (!isStoaError(error, 'notFound')) throw error;
    const now = await moved;
    if (!now) throw invalidVersion(place.path, version, reasonOf(repo, error));
    throw new StoaError(
      'integrity',
      `${place.path}@${version}: its tag was moved to commit ${now}, and ${commit}, which it was before, is no longer in the repository`,
    );
  }
}
