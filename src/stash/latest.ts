import { highestVersion, type IsRetracted, parseRetractions } from '../module/latest.ts';
import { build } from '../module/semver.ts';

/**
 * The version that `latest` means, chosen as the go command chooses from a list (cmd/go/internal/modload/query.go):
 * the highest release, else the highest pre-release, else the highest pseudo-version, retracted ones last; `+incompatible`
 * ones count only when the highest compatible version has no go.mod. `versions` is in semver order; `readMod` gives the
 * go.mod of one of them, and throws where it cannot be had, which is taken as "nothing is retracted". Undefined for an
 * empty list.
 */
export async function chooseLatest(
  path: string,
  versions: readonly string[],
  readMod: (version: string) => Promise<string>,
): Promise<string | undefined> {
  const usable = await withoutNeedlessIncompatible(path, versions, readMod);
  const isRetracted = await readRetractions(usable, readMod);
  return highestVersion(usable.filter((version) => !isRetracted(version))) ?? highestVersion(usable);
}

async function withoutNeedlessIncompatible(
  path: string,
  versions: readonly string[],
  readMod: (version: string) => Promise<string>,
): Promise<readonly string[]> {
  const compatible = versions.filter((version) => build(version) !== '+incompatible');
  const last = highestVersion(compatible);
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
): Promise<IsRetracted> {
  const compatible = versions.filter((version) => build(version) !== '+incompatible');
  const last = highestVersion(compatible) ?? highestVersion(versions);
  try {
    return last === undefined ? () => false : parseRetractions(await readMod(last));
  } catch {
    return () => false;
  }
}
