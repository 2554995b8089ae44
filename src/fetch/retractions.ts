import { isStoaError } from '../errors.ts';
import { highestVersion, type IsRetracted, parseRetractions } from '../module/latest.ts';
import { listVersions, taggedVersions } from './repo-versions.ts';
import { type RepoView, readListedGoMod } from './repo-view.ts';

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
  try {
    return parseRetractions(Buffer.from(await readListedGoMod(view, version)).toString());
  } catch (error) {
    if (isStoaError(error, 'notFound') || isStoaError(error, 'integrity')) return () => false;
    throw error;
  }
}
