import { major } from '../module/semver.ts';
import { canonicalVersion } from '../module/version.ts';
import type { Revision } from '../vcs/repo.ts';
import { invalidVersion } from './invalid-version.ts';
import type { ModuleDir } from './module-dir.ts';
import { fitsMajor, incompatible, withoutIncompatible } from './module-place.ts';
import { findVersionDir, type RepoView } from './repo-view.ts';

/** A commit as a version of a module. */
export interface Converted extends ModuleDir {
  readonly version: string;
  readonly revision: Revision;
}

/** Which major versions a commit may have. */
export interface MajorRules {
  /** True for a version of the module's own major version, and one that may have `+incompatible`. */
  allows(version: string): Promise<boolean>;
  /** True where versions of other major numbers may have `+incompatible`, each asked for alone. */
  allowsAny(): Promise<boolean>;
}

/**
 * Other major versions are for modules at the root without a go.mod there; nor may the commit have one in `vN`, unless the
 * suffix was asked for: older go commands did not look there, and go.mod files name such versions (go.dev/issue/51324).
 */
export function createMajorRules(view: RepoView, commit: string, asked: string): MajorRules {
  const { place } = view;
  const allowsAny = async (): Promise<boolean> =>
    place.codeDir === '' && place.pathMajor === '' && !(await view.has(commit, 'go.mod'));
  return {
    allowsAny,
    allows: async (version) =>
      fitsMajor(place, version) ||
      ((await allowsAny()) &&
        (asked.endsWith(incompatible) || !(await view.has(commit, `${major(version)}/go.mod`)))),
  };
}

/**
 * The version with the suffix it needs, when the module is at that commit and the version is what was asked for; throws
 * `notFound` otherwise.
 */
export async function checkCanonical(
  view: RepoView,
  revision: Revision,
  asked: string,
  version: string,
  rules: MajorRules,
): Promise<Converted> {
  const { path, pathPrefix, pathMajor } = view.place;
  const dir = await findVersionDir(view, revision.hash, version);
  const askedBase = withoutIncompatible(asked);
  const wanted = version === askedBase ? asked : version;
  const base = withoutIncompatible(wanted);
  let converted = wanted;
  let problem: string | undefined;
  if (fitsMajor(view.place, base)) {
    if (base !== wanted)
      problem = `+incompatible suffix not allowed: major version ${major(base)} is compatible`;
  } else if (await rules.allows(base)) {
    converted = `${base}${incompatible}`;
  } else if (pathMajor !== '') {
    problem = 'module path includes a major version suffix, so major version must match';
  } else {
    problem = `module contains a go.mod file, so module path must match major version ("${pathPrefix}/${major(base)}")`;
  }
  if (asked !== '' && asked === canonicalVersion(asked) && askedBase !== base)
    throw invalidVersion(path, asked, `resolves to version ${converted} (${askedBase} is not a tag)`);
  if (problem !== undefined) throw invalidVersion(path, wanted, problem);
  return { version: converted, revision, ...dir };
}
