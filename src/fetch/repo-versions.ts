import { isPseudoVersion } from '../module/pseudo.ts';
import { major, sortVersions } from '../module/semver.ts';
import { fitsMajor, incompatible, type ModulePlace, versionOfTag } from './module-place.ts';
import type { RepoView } from './repo-view.ts';

/** The versions that the tags of a repository name, in semver order. */
export interface TaggedVersions {
  /** Those of the module's own major version. */
  readonly compatible: readonly string[];
  /** Those of other major versions that the suffix `+incompatible` may make the module's own, without it. */
  readonly incompatible: readonly string[];
}

/** The versions of a module that tags name (codeRepo.Versions): only canonical tags, none that looks like a pseudo-version. */
export function taggedVersions(place: ModulePlace, tags: Iterable<string>): TaggedVersions {
  const compatible: string[] = [];
  const others: string[] = [];
  // gopkg.in gives the tags to the stable module of the same number.
  const hasTags = !(place.path.startsWith('gopkg.in/') && place.path.endsWith('-unstable'));
  const mayBeIncompatible = place.codeDir === '' && place.pathMajor === '';
  for (const tag of hasTags ? tags : []) {
    const found = versionOfTag(place, tag);
    if (found?.isCanonical !== true || isPseudoVersion(found.version)) continue;
    if (fitsMajor(place, found.version)) compatible.push(found.version);
    else if (mayBeIncompatible) others.push(found.version);
  }
  return { compatible: sortVersions(compatible), incompatible: sortVersions(others) };
}

/**
 * The list of a module, as the go command makes it (codeRepo.appendIncompatibleVersions): versions of other major
 * numbers get `+incompatible`, unless the highest compatible one has a go.mod; a major number whose highest version
 * has one is left out as a whole.
 */
export async function listVersions(view: RepoView): Promise<readonly string[]> {
  const { tags } = await view.refs();
  const found = taggedVersions(view.place, tags.keys());
  const hasGoMod = (version: string): Promise<boolean> => view.has(tags.get(version)!, 'go.mod');

  const highest = found.compatible.at(-1);
  if (found.incompatible.length === 0 || (highest !== undefined && (await hasGoMod(highest))))
    return found.compatible;
  const versions = [...found.compatible];
  const majors = [...Map.groupBy(found.incompatible, major).values()];
  for (let i = 0; i < majors.length; i += readAtOnce) {
    const some = majors.slice(i, i + readAtOnce);
    const areModules = await Promise.all(some.map((sameMajor) => hasGoMod(sameMajor.at(-1)!)));
    for (const [j, sameMajor] of some.entries())
      if (!areModules[j]) versions.push(...sameMajor.map((version) => `${version}${incompatible}`));
  }
  return versions;
}

/** Commits asked about together, so that the repository can fetch what it lacks in one go. */
const readAtOnce = 32;
