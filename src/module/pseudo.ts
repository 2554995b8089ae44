/**
 * Pseudo-versions: names for commits without a tag, such as `v0.0.0-20191109021931-daa7c04131f5`. Their forms, with
 * the base they come after (golang.org/x/mod/module, pseudo.go):
 *
 *     vX.0.0-yyyymmddhhmmss-revision                     no base
 *     vX.Y.(Z+1)-0.yyyymmddhhmmss-revision               vX.Y.Z
 *     vX.Y.Z-pre.0.yyyymmddhhmmss-revision               vX.Y.Z-pre
 *
 * The last two carry the `+incompatible` of their base.
 */
import { StoaError } from '../errors.ts';
import { quote } from './quote.ts';
import { build, canonicalSemver, prerelease, scanSemver } from './semver.ts';

/** What a pseudo-version says. */
export interface PseudoVersionParts {
  /** The tagged version it comes after; `''` where none is. */
  readonly base: string;
  /** When the commit was made, in whole seconds. */
  readonly time: Date;
  /** The short hash of the commit, or the padded revision number. */
  readonly revision: string;
}

/** True for a pseudo-version of any form; its time and base may still be impossible ones. */
export function isPseudoVersion(version: string): boolean {
  return scanPseudo(version) !== undefined;
}

/** The parts of a pseudo-version. Throws `malformed` where it is none, its time is no time or no version can be its base. */
export function pseudoVersionParts(version: string): PseudoVersionParts {
  const at = scanPseudo(version);
  if (at === undefined) throw malformed(version, 'not a pseudo-version');
  const time = parseTime(version.slice(at.stamp, at.stamp + stampLength));
  if (time === undefined) throw malformed(version, 'its time does not exist');
  return {
    base: baseOf(version, at),
    time,
    revision: version.slice(at.stamp + stampLength + 1, at.end),
  };
}

/**
 * The pseudo-version of a commit: after `base`, or where that is `''` (or no semantic version) the lowest of `major`
 * (`v2`; `''` for v0). Throws `malformed` for a time outside the years 0 to 9999.
 */
export function formatPseudoVersion(major: string, base: string, time: Date, revision: string): string {
  const commit = `${formatTime(time)}-${revision}`;
  const canonical = canonicalSemver(base);
  if (canonical === '') return `${major || 'v0'}.0.0-${commit}`;
  if (prerelease(canonical) !== '') return `${canonical}.0.${commit}${build(base)}`;
  const patch = canonical.lastIndexOf('.') + 1;
  const next = BigInt(canonical.slice(patch)) + 1n;
  return `${canonical.slice(0, patch)}${next}-0.${commit}${build(base)}`;
}

const stampLength = 'yyyymmddhhmmss'.length;

interface PseudoPlaces {
  /** Where the patch number ends. */
  readonly patch: number;
  readonly stamp: number;
  /** Where the revision ends and build metadata begins. */
  readonly end: number;
}

function scanPseudo(version: string): PseudoPlaces | undefined {
  const ends = scanSemver(version);
  if (ends === undefined || ends.prerelease === ends.patch) return undefined;
  const { patch, prerelease: end } = ends;
  const dash = version.lastIndexOf('-', end - 1);
  const stamp = dash - stampLength;
  if (stamp <= patch || dash === end - 1 || version.lastIndexOf('.', end - 1) > dash) return undefined;
  for (let i = stamp; i < dash; i++) if (!isDigit(version, i)) return undefined;
  if (stamp === patch + 1)
    return version.slice(ends.major, patch) === '.0.0' ? { patch, stamp, end } : undefined;
  const isAfterBase =
    version[stamp - 1] === '.' &&
    version[stamp - 2] === '0' &&
    (stamp - 2 === patch + 1 || version[stamp - 3] === '.');
  return isAfterBase ? { patch, stamp, end } : undefined;
}

function baseOf(version: string, { patch, stamp, end }: PseudoPlaces): string {
  const build = version.slice(end);
  if (stamp === patch + 1) {
    if (build !== '') throw malformed(version, `has no base version, but build metadata ${quote(build)}`);
    return '';
  }
  const marker = stamp - '0.'.length;
  if (marker > patch + 1) return version.slice(0, marker - 1) + build;
  const last = version.lastIndexOf('.', patch) + 1;
  const number = BigInt(version.slice(last, patch));
  if (number === 0n) throw malformed(version, 'the version before it would have a negative patch number');
  return `${version.slice(0, last)}${number - 1n}${build}`;
}

function parseTime(stamp: string): Date | undefined {
  const iso = stamp.replace(/^(....)(..)(..)(..)(..)(..)$/, '$1-$2-$3T$4:$5:$6.000Z');
  const time = new Date(iso);
  // Date takes 24:00 and the 30th of February for the day after.
  return !Number.isNaN(time.getTime()) && time.toISOString() === iso ? time : undefined;
}

function formatTime(time: Date): string {
  const year = time.getUTCFullYear();
  if (!(year >= 0 && year <= 9999))
    throw new StoaError('malformed', 'malformed pseudo-version: its year is outside 0 to 9999');
  return time.toISOString().slice(0, 19).replace(/[-T:]/g, '');
}

function isDigit(text: string, at: number): boolean {
  const code = text.charCodeAt(at);
  return code >= 0x30 && code <= 0x39;
}

function malformed(version: string, problem: string): StoaError {
  return new StoaError('malformed', `malformed pseudo-version ${quote(version)}: ${problem}`);
}
