import { isStoaError } from '../errors.ts';
import { parseModFile, type Retraction } from '../module/modfile.ts';
import { compareSemver } from '../module/semver.ts';
import { highestVersion, listVersions, taggedVersions } from './repo-versions.ts';
import { type RepoView, readListedGoMod } from './repo-view.ts';

/** True for a version that the module took back. */
export type IsRetracted = (version: string) => boolean;

/**
 * What the highest compatible version of a module retracts (codeRepo.retractedVersions); a go.mod that cannot be read
 * as one retracts nothing.
 */
export async function retractionsForPseudo(view: RepoView): Promise<IsRetracted> {
  const { tags } = await view.refs();
  return retractionsIn(view, highestVersion(taggedVersions(view.place, tags.keys()).compatible));
}

/**
 * The version of the list that `latest` means to the go command (cmd/go/internal/modload/query.go): the highest release,
 * else the highest pre-release, without those that are retracted by the version that would be it otherwise. Undefined
 * where the list has none, and the commit of `HEAD` is the answer. A list with `+incompatible` versions has no higher
 * compatible one with a go.mod, so that they count here like all others.
 */
export async function latestListed(view: RepoView): Promise<string | undefined> {
  const versions = await listVersions(view);
  const isRetracted = await retractionsIn(view, highestVersion(versions));
  return highestVersion(versions.filter((version) => !isRetracted(version)));
}

async function retractionsIn(view: RepoView, version: string | undefined): Promise<IsRetracted> {
  if (version === undefined) return () => false;
  let retracted: readonly Retraction[];
  try {
    retracted = parseModFile(Buffer.from(await readListedGoMod(view, version)).toString()).retract;
  } catch (error) {
    if (isStoaError(error, 'notFound') || isStoaError(error, 'integrity')) return () => false;
    throw error;
  }
  return (candidate) =>
    retracted.some(
      ({ low, high }) => compareSemver(low, candidate) <= 0 && compareSemver(candidate, high) <= 0,
    );
}
