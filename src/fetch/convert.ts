import { posix } from 'node:path';
import { isStoaError } from '../errors.ts';
import type { IsRetracted } from '../module/latest.ts';
import { formatPseudoVersion, isPseudoVersion } from '../module/pseudo.ts';
import { compareSemver, major } from '../module/semver.ts';
import type { Revision } from '../vcs/repo.ts';
import { type Converted, checkCanonical, createMajorRules, type MajorRules } from './canonical.ts';
import { invalidVersion } from './invalid-version.ts';
import { fitsMajor, revisionOf, versionOfTag } from './module-place.ts';
import { checkPseudoVersion } from './pseudo-check.ts';
import { type RepoView, reasonOf, shortHash } from './repo-view.ts';
import { retractionsForPseudo } from './retractions.ts';

/**
 * The version that a commit is to the module system (codeRepo.convert). `asked` is the version or query the commit was
 * found by, `''` for the newest: a canonical version comes out as itself, or with `+incompatible`, and anything else
 * is `notFound`, for a branch must not pass for a tag. Another query comes out as the highest tag of the commit, else as
 * a pseudo-version after the highest tag before it; retracted ones do not count.
 */
export async function convert(view: RepoView, revision: Revision, asked: string): Promise<Converted> {
  const { place } = view;
  const rules = createMajorRules(view, revision.hash, asked);
  const check = (version: string): Promise<Converted> =>
    checkCanonical(view, revision, asked, version, rules);

  if (isPseudoVersion(asked)) {
    const converted = await check(asked);
    await checkPseudoVersion(view, revision, asked);
    return converted;
  }

  let retracted: Promise<IsRetracted> | undefined;
  const retractions = (): Promise<IsRetracted> => {
    retracted ??= retractionsForPseudo(view);
    return retracted;
  };

  const own = revision.tags.flatMap((tag) => versionOfTag(place, tag) ?? []);
  const equal = own.filter(({ version }) => compareSemver(version, asked) === 0);
  const exact = equal.find(({ isCanonical }) => isCanonical);
  if (exact !== undefined) return check(exact.version);

  let highest = '';
  for (const { version, isCanonical } of own) {
    const isHigher = isCanonical && compareSemver(highest, version) < 0;
    if (isHigher && (await rules.allows(version)) && !(await retractions())(version)) highest = version;
  }
  if (isPseudoVersion(highest)) return convertNamed(view, highest);
  if (highest !== '') return check(highest);
  // Several tags may differ in metadata only, on several commits: such a tag is a base, not a name.
  const base = equal[0]?.version ?? (await findBase(view, revision.hash, rules, retractions));
  return check(formatPseudoVersion(place.pseudoMajor, base, revision.time, shortHash(revision)));
}

/** A pseudo-version that is the name of a tag means the commit that it says itself, wherever the tag leads. */
async function convertNamed(view: RepoView, version: string): Promise<Converted> {
  const { place, repo, signal } = view;
  const named = revisionOf(place, version);
  let revision: Revision;
  try {
    revision = await repo.stat(named, signal);
  } catch (error) {
    if (!isStoaError(error, 'notFound')) throw error;
    const file = posix.join(place.root, place.codeDir, 'go.mod');
    const problem = `reading ${file} at revision ${named}: ${reasonOf(repo, error)}`;
    throw invalidVersion(place.path, version, problem);
  }
  return convert(view, revision, version);
}

/** The version a pseudo-version of the commit comes after: of the highest tag on the commit or before it that is allowed; `''` for none. */
async function findBase(
  { place, repo, refs, signal }: RepoView,
  commit: string,
  rules: MajorRules,
  retractions: () => Promise<IsRetracted>,
): Promise<string> {
  const allowsAny = await rules.allowsAny();
  const candidates = new Map<string, string>();
  for (const tag of (await refs()).tags.keys()) {
    const version = versionOfTag(place, tag)?.version;
    if (version !== undefined && (allowsAny || fitsMajor(place, version))) candidates.set(tag, version);
  }
  const isRetracted = await retractions();
  for (const [tag, version] of candidates) if (isRetracted(version)) candidates.delete(tag);
  // The history is needed from here on, and a repository without such tags has no other use for it.
  while (candidates.size > 0) {
    const tag = await repo.recentTag(commit, place.tagPrefix, (name) => candidates.has(name), signal);
    const version = tag === undefined ? undefined : candidates.get(tag);
    if (version === undefined) return '';
    if (await rules.allows(version)) return version;
    for (const [name, candidate] of candidates)
      if (major(candidate) === major(version)) candidates.delete(name);
  }
  return '';
}
