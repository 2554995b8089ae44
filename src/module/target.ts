/** What a GOPROXY URL asks for, and the storage keys, which are the same text. */
import { StoaError } from '../errors.ts';
import { unescapeUpper } from './escape.ts';
import { escapePath, unescapePath } from './path.ts';
import { quote } from './quote.ts';
import { escapeVersion, isModuleVersion, unescapeVersion, versionProblem } from './version.ts';

/** The files of a version that go over the wire. */
export type FileKind = 'info' | 'mod' | 'zip';

/** The files of a version that are stored. */
export type StoredExtension = FileKind | 'ziphash';

/** What is asked for. `key` is the storage key of a file; the version of a file is canonical and fits the path. */
export type Target =
  | { readonly kind: 'list' | 'latest'; readonly path: string }
  | { readonly kind: 'query'; readonly path: string; readonly query: string }
  | { readonly kind: FileKind; readonly path: string; readonly version: string; readonly key: string };

/**
 * The target of a URL path without its leading slash, percent-decoded, still `!`-escaped. Undefined when it is no
 * protocol path: without `/@v/` and not ending in `/@latest`. Throws `malformed` for a protocol path that breaks a
 * rule. `.info` of anything but a canonical version of the path is a query (`v2.0.0` may turn out to be
 * `v2.0.0+incompatible`), `.mod` and `.zip` of it break a rule, as do `latest.info`, `upgrade.info` and `patch.info`,
 * which are words of the go command and never versions.
 */
export function parseTarget(decodedPath: string): Target | undefined {
  const end = decodedPath.indexOf(versionsMark);
  if (end < 0) {
    if (!decodedPath.endsWith(latestMark)) return undefined;
    return { kind: 'latest', path: parsePath(decodedPath.slice(0, -latestMark.length)) };
  }
  const path = parsePath(decodedPath.slice(0, end));
  const file = decodedPath.slice(end + versionsMark.length);
  if (file === 'list') return { kind: 'list', path };
  const dot = file.lastIndexOf('.');
  const kind = file.slice(dot + 1);
  if (dot < 0 || !isFileKind(kind))
    throw malformed(path, `no file is named ${quote(file)}, only list and a version's .info, .mod and .zip`);
  const version = parseVersion(path, file.slice(0, dot));
  const problem = versionProblem(path, version);
  if (problem === undefined) return { kind, path, version, key: decodedPath };
  if (kind !== 'info') throw malformed(path, `invalid version ${quote(version)}: ${problem}`);
  if (version === 'latest' || version === 'upgrade' || version === 'patch')
    throw malformed(
      path,
      `invalid version "${version}": a query of the go command, ask for /@latest or /@v/list`,
    );
  return { kind: 'query', path, query: version };
}

/** The URL path of a target, without a leading slash, not percent-encoded: `parseTarget` of it is the same target. */
export function formatTarget(target: Target): string {
  switch (target.kind) {
    case 'list':
      return `${escapeBounded(target.path)}${versionsMark}list`;
    case 'latest':
      return `${escapeBounded(target.path)}${latestMark}`;
    case 'query':
      return `${escapeBounded(target.path)}${versionsMark}${escapeBoundedVersion(target.path, target.query)}.info`;
    default:
      return formatKey(target.path, target.version, target.kind);
  }
}

/** The storage key of a file of a version: `<escaped path>/@v/<escaped version>.<extension>`. Throws `malformed` for what cannot be stored. */
export function formatKey(path: string, version: string, extension: StoredExtension): string {
  return `${escapeBounded(path)}${versionsMark}${escapeBoundedVersion(path, version)}.${extension}`;
}

/** The file of a storage key; undefined for every text that `formatKey` does not write for a canonical version. */
export function parseKey(
  key: string,
): { path: string; version: string; extension: StoredExtension } | undefined {
  const end = key.indexOf(versionsMark);
  const dot = key.lastIndexOf('.');
  const start = end + versionsMark.length;
  const extension = key.slice(dot + 1);
  if (end < 0 || dot < start || !isStoredExtension(extension)) return undefined;
  const path = unescapeUpper(key.slice(0, end));
  const version = unescapeUpper(key.slice(start, dot));
  if (path === undefined || version === undefined || !isModuleVersion(path, version)) return undefined;
  return isPathBounded(key.slice(0, end)) && dot - start <= maxVersion
    ? { path, version, extension }
    : undefined;
}

const versionsMark = '/@v/';
const latestMark = '/@latest';

/** The longest name of a file or folder, in bytes, on every file system in use (NAME_MAX). */
const maxName = 255;

/** The longest escaped version: with `.ziphash` behind it, it is still the name of a file. */
const maxVersion = maxName - '.ziphash'.length;

/**
 * The longest escaped path. Object stores take keys of 1,024 bytes; this leaves room for `/@v/`, the longest file name
 * and 253 bytes of prefixes.
 */
const maxPath = 512;

function parsePath(escaped: string): string {
  checkPathBounds(escaped);
  return unescapePath(escaped);
}

function parseVersion(path: string, escaped: string): string {
  checkVersionBounds(path, escaped);
  return unescapeVersion(escaped);
}

function escapeBounded(path: string): string {
  const escaped = escapePath(path);
  checkPathBounds(escaped);
  return escaped;
}

function escapeBoundedVersion(path: string, version: string): string {
  const escaped = escapeVersion(version);
  checkVersionBounds(path, escaped);
  return escaped;
}

function checkPathBounds(escaped: string): void {
  if (!isPathBounded(escaped))
    throw new StoaError(
      'malformed',
      `malformed module path ${quote(escaped)}: more than ${maxPath} characters, or ${maxName} between slashes`,
    );
}

function checkVersionBounds(path: string, escaped: string): void {
  if (escaped.length > maxVersion)
    throw malformed(path, `invalid version ${quote(escaped)}: more than ${maxVersion} characters`);
}

function isPathBounded(escaped: string): boolean {
  if (escaped.length <= maxName) return true;
  if (escaped.length > maxPath) return false;
  return escaped.split('/').every((element) => element.length <= maxName);
}

function isFileKind(text: string): text is FileKind {
  return text === 'info' || text === 'mod' || text === 'zip';
}

function isStoredExtension(text: string): text is StoredExtension {
  return isFileKind(text) || text === 'ziphash';
}

function malformed(path: string, problem: string): StoaError {
  return new StoaError('malformed', `${path}: ${problem}`);
}
