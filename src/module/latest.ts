/** What `latest` is made of: the highest of the versions that a module did not take back. */
import { parseModFile } from './modfile.ts';
import { isPseudoVersion } from './pseudo.ts';
import { compareSemver, prerelease } from './semver.ts';

/** True for a version that the module took back. */
export type IsRetracted = (version: string) => boolean;

/** The highest release, else the highest pre-release, else the highest pseudo-version, of versions in semver order. */
export function highestVersion(versions: readonly string[]): string | undefined {
  return (
    versions.findLast((version) => prerelease(version) === '') ??
    versions.findLast((version) => !isPseudoVersion(version)) ??
    versions.at(-1)
  );
}

/** What the `retract` directives of a go.mod take back. Throws `integrity` for what is no go.mod. */
export function parseRetractions(goMod: string): IsRetracted {
  const { retract } = parseModFile(goMod);
  return (version) =>
    retract.some(({ low, high }) => compareSemver(low, version) <= 0 && compareSemver(version, high) <= 0);
}
