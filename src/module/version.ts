/**
 * Versions of modules: a semantic version in canonical form that fits the path it belongs to. The rules are those of
 * golang.org/x/mod/module.
 */
import { StoaError } from '../errors.ts';
import { elementProblem, filePath } from './element.ts';
import { escapeUpper, unescapeUpper } from './escape.ts';
import { checkPath, isPath, splitPathVersion } from './path.ts';
import { quote } from './quote.ts';
import { canonicalSemver, type SemverEnds, scanSemver } from './semver.ts';

/** A module at a canonical version. */
export interface ModuleVersion {
  readonly path: string;
  readonly version: string;
}

/** `path@version`, for messages and zip entries. */
export function formatModuleVersion(module: ModuleVersion): string {
  return `${module.path}@${module.version}`;
}

/** Throws `malformed` unless the path is a module path and the version canonical and one of the path's major version. */
export function checkModuleVersion(path: string, version: string): void {
  checkPath(path);
  const problem = versionProblem(path, version);
  if (problem !== undefined)
    throw new StoaError('malformed', `${path}: invalid version ${quote(version)}: ${problem}`);
}

/** True where `checkModuleVersion` does not throw. */
export function isModuleVersion(path: string, version: string): boolean {
  return isPath(path) && versionProblem(path, version) === undefined;
}

/** What keeps the version from being a canonical one of this valid module path, or undefined. */
export function versionProblem(path: string, version: string): string | undefined {
  const ends = scanSemver(version);
  if (ends === undefined) return 'not a semantic version';
  const isFull = ends.minor > ends.major && ends.patch > ends.minor;
  if (!isFull || !(ends.prerelease === version.length || version.slice(ends.prerelease) === incompatible))
    return `not canonical, should be ${canonicalVersion(version)}`;
  return majorProblemAt(version, ends, splitPathVersion(path)?.major ?? '');
}

/** The version with three numbers and no build metadata but `+incompatible`; `''` for what is no semantic version. */
export function canonicalVersion(version: string): string {
  const ends = scanSemver(version);
  if (ends === undefined) return '';
  return canonicalSemver(version) + (version.slice(ends.prerelease) === incompatible ? incompatible : '');
}

/** What keeps the version from belonging to this `major` of `splitPathVersion`, or undefined. */
export function majorProblem(version: string, pathMajor: string): string | undefined {
  return majorProblemAt(version, scanSemver(version), pathMajor);
}

/**
 * Throws `malformed` unless the version belongs to this `major` of `splitPathVersion`: v0, v1 or `+incompatible` where
 * it is empty, else the same number.
 */
export function checkPathMajor(version: string, pathMajor: string): void {
  const problem = majorProblem(version, pathMajor);
  if (problem !== undefined)
    throw new StoaError('malformed', `invalid version ${quote(version)}: ${problem}`);
}

/**
 * The version or query as URLs and file names have it: `!u` for `U`. Throws `malformed` for what can't be a file name
 * (a branch with a slash) or has other than ASCII characters.
 */
export function escapeVersion(version: string): string {
  const problem = elementProblem(version, 0, version.length, filePath) ?? escapeProblem(version);
  if (problem !== undefined)
    throw new StoaError('malformed', `malformed version ${quote(version)}: ${problem}`);
  return escapeUpper(version);
}

/** The version or query of an escaped one; throws `malformed` for any text that `escapeVersion` does not write. */
export function unescapeVersion(escaped: string): string {
  const version = unescapeUpper(escaped);
  const problem =
    version === undefined
      ? 'upper case must be written with "!"'
      : elementProblem(version, 0, version.length, filePath);
  if (version === undefined || problem !== undefined)
    throw new StoaError('malformed', `malformed version ${quote(escaped)}: ${problem}`);
  return version;
}

const incompatible = '+incompatible';

function majorProblemAt(
  version: string,
  ends: SemverEnds | undefined,
  pathMajor: string,
): string | undefined {
  const wanted =
    pathMajor.startsWith('.v') && pathMajor.endsWith('-unstable')
      ? pathMajor.slice(0, -'-unstable'.length)
      : pathMajor;
  // Old go commands wrote such pseudo-versions for gopkg.in's .v1, and go.mod files still name them.
  if (wanted === '.v1' && version.startsWith('v0.0.0-')) return undefined;
  const major = ends === undefined ? '' : version.slice(0, ends.major);
  if (wanted === '') {
    if (major === 'v0' || major === 'v1') return undefined;
    const isIncompatible = ends !== undefined && version.slice(ends.prerelease) === incompatible;
    return isIncompatible ? undefined : `should be v0 or v1, not ${major}`;
  }
  const isSeparated = wanted[0] === '/' || wanted[0] === '.';
  if (isSeparated && major === wanted.slice(1)) return undefined;
  return `should be ${isSeparated ? wanted.slice(1) : wanted}, not ${major}`;
}

/** Escaping needs ASCII without its own mark. */
function escapeProblem(version: string): string | undefined {
  for (let i = 0; i < version.length; i++) {
    const code = version.charCodeAt(i);
    if (code === 0x21 || code >= 0x80) return 'only ASCII characters without "!" can be asked for';
  }
  return undefined;
}
