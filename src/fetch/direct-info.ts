import { isPseudoVersion } from '../module/pseudo.ts';
import type { Repo } from '../vcs/repo.ts';
import type { Converted } from './canonical.ts';
import { type ModulePlace, revisionOf } from './module-place.ts';

/**
 * The `.info` of a version, byte for byte what the go command writes into its cache (modfetch.RevInfo with codehost.Origin
 * as writeDiskStat leaves it). It depends on the version and its commit alone, not on how they were found: a tag is
 * named, a branch never is.
 */
export function formatInfo(repo: Repo, place: ModulePlace, { version, revision }: Converted): Buffer {
  const info = {
    Version: version,
    Time: formatTime(revision.time),
    Origin: {
      VCS: repo.vcs,
      URL: repo.url,
      ...(place.codeDir !== '' && { Subdir: place.codeDir }),
      Hash: revision.hash,
      ...(!isPseudoVersion(version) && { Ref: `refs/tags/${revisionOf(place, version)}` }),
    },
  };
  return Buffer.from(JSON.stringify(info).replace(/[<>&\u2028\u2029]/g, escapeCharacter));
}

/** As Go writes a time without a fraction of a second. */
function formatTime(time: Date): string {
  return time.toISOString().replace('.000Z', 'Z');
}

/** Go writes JSON that is safe inside of HTML. */
function escapeCharacter(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
