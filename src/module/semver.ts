/**
 * Semantic versions as Go writes them: `vMAJOR[.MINOR[.PATCH[-PRERELEASE][+BUILD]]]`, the rules of
 * golang.org/x/mod/semver. Numbers are compared as decimal text, so that none is too large.
 */
import { compareBytes } from './order.ts';

/**
 * Where the parts of a semantic version end. A minor or patch number that is not written ends where the one before
 * it does; so does a prerelease.
 */
export interface SemverEnds {
  readonly major: number;
  readonly minor: number;
  readonly patch: number;
  readonly prerelease: number;
}

/** Finds the parts of a semantic version; undefined for any other text. */
export function scanSemver(version: string): SemverEnds | undefined {
  if (version.charCodeAt(0) !== 0x76) return undefined;
  const major = numberEnd(version, 1);
  if (major < 0) return undefined;
  if (major === version.length) return { major, minor: major, patch: major, prerelease: major };
  if (version.charCodeAt(major) !== dot) return undefined;
  const minor = numberEnd(version, major + 1);
  if (minor < 0) return undefined;
  if (minor === version.length) return { major, minor, patch: minor, prerelease: minor };
  if (version.charCodeAt(minor) !== dot) return undefined;
  const patch = numberEnd(version, minor + 1);
  if (patch < 0) return undefined;
  const prerelease = version.charCodeAt(patch) === hyphen ? identifiersEnd(version, patch + 1, true) : patch;
  if (prerelease < 0) return undefined;
  const end =
    version.charCodeAt(prerelease) === plus ? identifiersEnd(version, prerelease + 1, false) : prerelease;
  return end === version.length ? { major, minor, patch, prerelease } : undefined;
}

/** True for a semantic version, `v1` and `v1.2` included. */
export function isSemver(version: string): boolean {
  return scanSemver(version) !== undefined;
}

/** The version with all three numbers and without build metadata; `''` for what is no semantic version. */
export function canonicalSemver(version: string): string {
  const ends = scanSemver(version);
  if (ends === undefined) return '';
  if (ends.minor === ends.major) return `${version}.0.0`;
  if (ends.patch === ends.minor) return `${version}.0`;
  return version.slice(0, ends.prerelease);
}

/** `v2` of `v2.1.0`; `''` for what is no semantic version. */
export function major(version: string): string {
  const ends = scanSemver(version);
  return ends === undefined ? '' : version.slice(0, ends.major);
}

/** `v2.1` of `v2.1.0`; `''` for what is no semantic version. */
export function majorMinor(version: string): string {
  const ends = scanSemver(version);
  if (ends === undefined) return '';
  return ends.minor === ends.major ? `${version}.0` : version.slice(0, ends.minor);
}

/** `-pre` of `v2.1.0-pre+meta`; `''` where there is none. */
export function prerelease(version: string): string {
  const ends = scanSemver(version);
  return ends === undefined ? '' : version.slice(ends.patch, ends.prerelease);
}

/** `+meta` of `v2.1.0-pre+meta`; `''` where there is none. */
export function build(version: string): string {
  const ends = scanSemver(version);
  return ends === undefined ? '' : version.slice(ends.prerelease);
}

/**
 * Negative, zero or positive, by the precedence of semantic versions: build metadata does not count, and what is no
 * semantic version comes before all that are.
 */
export function compareSemver(a: string, b: string): number {
  return compareNumbered(numbered(a), numbered(b));
}

/** A new array in the order of `compareSemver`, equal ones by their bytes. */
export function sortVersions(versions: readonly string[]): string[] {
  return versions
    .map(numbered)
    .sort((a, b) => compareNumbered(a, b) || compareBytes(a.version, b.version))
    .map(({ version }) => version);
}

const dot = 0x2e;
const hyphen = 0x2d;
const plus = 0x2b;

/** A version taken apart for comparing; `numbers` is absent for what is no semantic version. */
interface Numbered {
  readonly version: string;
  readonly numbers?: readonly [major: string, minor: string, patch: string];
  readonly prerelease: string;
}

function numbered(version: string): Numbered {
  const ends = scanSemver(version);
  if (ends === undefined) return { version, prerelease: '' };
  return {
    version,
    numbers: [
      version.slice(1, ends.major),
      version.slice(ends.major + 1, ends.minor) || '0',
      version.slice(ends.minor + 1, ends.patch) || '0',
    ],
    prerelease: version.slice(ends.patch, ends.prerelease),
  };
}

function compareNumbered(a: Numbered, b: Numbered): number {
  if (a.numbers === undefined || b.numbers === undefined)
    return Number(a.numbers !== undefined) - Number(b.numbers !== undefined);
  return (
    compareNumber(a.numbers[0], b.numbers[0]) ||
    compareNumber(a.numbers[1], b.numbers[1]) ||
    compareNumber(a.numbers[2], b.numbers[2]) ||
    comparePrerelease(a.prerelease, b.prerelease)
  );
}

/** Compares decimal text without leading zeros. */
function compareNumber(a: string, b: string): number {
  return a.length - b.length || compareText(a, b);
}

/** A version without a prerelease comes after all with one; numbers come before names; fewer identifiers before more. */
function comparePrerelease(a: string, b: string): number {
  if (a === b) return 0;
  if (a === '') return 1;
  if (b === '') return -1;
  const left = a.slice(1).split('.');
  const right = b.slice(1).split('.');
  for (let i = 0; i < left.length && i < right.length; i++) {
    const order = compareIdentifier(left[i]!, right[i]!);
    if (order !== 0) return order;
  }
  return left.length - right.length;
}

function compareIdentifier(a: string, b: string): number {
  const aIsNumber = digitsEnd(a, 0) === a.length;
  const bIsNumber = digitsEnd(b, 0) === b.length;
  if (aIsNumber !== bIsNumber) return aIsNumber ? -1 : 1;
  return aIsNumber ? compareNumber(a, b) : compareText(a, b);
}

function compareText(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

/** The end of the number that begins at `start`, or -1 where there is none or it has a leading zero. */
function numberEnd(text: string, start: number): number {
  const end = digitsEnd(text, start);
  if (end === start || (text.charCodeAt(start) === 0x30 && end > start + 1)) return -1;
  return end;
}

function digitsEnd(text: string, start: number): number {
  let i = start;
  while (i < text.length && text.charCodeAt(i) >= 0x30 && text.charCodeAt(i) <= 0x39) i++;
  return i;
}

/**
 * The end of the dot-separated identifiers that begin at `start`, or -1 where one is empty or, in a prerelease, a
 * number with a leading zero.
 */
function identifiersEnd(text: string, start: number, isPrerelease: boolean): number {
  let first = start;
  for (let i = start; ; i++) {
    const code = text.charCodeAt(i);
    if (isIdentifierCode(code)) continue;
    if (i === first) return -1;
    if (isPrerelease && i > first + 1 && text.charCodeAt(first) === 0x30 && digitsEnd(text, first) === i)
      return -1;
    if (code !== dot) return i;
    first = i + 1;
  }
}

function isIdentifierCode(code: number): boolean {
  if (code >= 0x61) return code <= 0x7a;
  if (code <= 0x39) return code >= 0x30 || code === hyphen;
  return code >= 0x41 && code <= 0x5a;
}
