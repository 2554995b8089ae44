import { parseModFile, type Retraction } from '../module/modfile.ts';
import { isPseudoVersion } from '../module/pseudo.ts';
import { build, compareSemver, prerelease } from '../module/semver.ts';

/**
 * The version that `latest` means, chosen as the go command chooses from a list (cmd/go/internal/modload/query.go):
 * the highest release, else the highest pre-release, retracted ones last; `+incompatible` ones count only when the
 * highest compatible version has no go.mod. `versions` is in semver order; `readMod` gives the go.mod of one of them, and
 * throws where it cannot be had, which is taken as "nothing is retracted". Undefined for an empty list.
 */
export async function chooseLatest(
  path: string,
  versions: readonly string[],
  readMod: (version: string) => Promise<string>,
): Promise<string | undefined> {
  const usable = await withoutNeedlessIncompatible(path, versions, readMod);
  const retractions = await readRetractions(usable, readMod);
  const standing = usable.filter((version) => !retractions.some((interval) => isWithin(version, interval)));
  return highest(standing) ?? highest(usable);
}

async function withoutNeedlessIncompatible(
  path: string,
  versions: readonly string[],
  readMod: (version: string) => Promise<string>,
): Promise<readonly string[]> {
  const compatible = versions.filter((version) => build(version) !== '+incompatible');
  const last = highest(compatible);
  if (last === undefined || compatible.length === versions.length) return versions;
  try {
    // A go.mod of exactly this line is what the go command makes up where a repository has none.
    return (await readMod(last)) === `module ${path}\n` ? versions : compatible;
  } catch {
    return versions;
  }
}

async function readRetractions(
  versions: readonly string[],
  readMod: (version: string) => Promise<string>,
): Promise<readonly Retraction[]> {
  const last = highest(versions.filter((version) => build(version) !== '+incompatible')) ?? highest(versions);
  if (last === undefined) return [];
  try {
    return parseModFile(await readMod(last)).retract;
  } catch {
    return [];
  }
}

function isWithin(version: string, interval: Retraction): boolean {
  return compareSemver(interval.low, version) <= 0 && compareSemver(version, interval.high) <= 0;
}

/** The highest release, else the highest pre-release, else the highest pseudo-version. */
function highest(versions: readonly string[]): string | undefined {
  return (
    versions.findLast((version) => prerelease(version) === '') ??
    versions.findLast((version) => !isPseudoVersion(version)) ??
    versions.at(-1)
  );
}
