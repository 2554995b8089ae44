/**
 * Module, import and file paths: what is allowed, where the major version stands, and how a path is escaped. The
 * rules are those of golang.org/x/mod/module.
 */
import { StoaError } from '../errors.ts';
import { elementProblem, filePath, importPath, modulePath, type PathKind } from './element.ts';
import { escapeUpper, unescapeUpper } from './escape.ts';
import { quote } from './quote.ts';

/** Throws `malformed` unless this is a module path: a domain name first, no element that some file system refuses, a fitting `/vN` or `.vN`. */
export function checkPath(path: string): void {
  throwProblem('module', path, modulePathProblem(path));
}

/** True for a module path. */
export function isPath(path: string): boolean {
  return modulePathProblem(path) === undefined;
}

/** Throws `malformed` unless this is a package's import path. */
export function checkImportPath(path: string): void {
  throwProblem('import', path, pathProblem(path, importPath));
}

/** Throws `malformed` unless a file of this slash-separated path may be in a module zip. */
export function checkFilePath(path: string): void {
  throwProblem('file', path, filePathProblem(path));
}

/** What is wrong with the path of a file in a module zip, or undefined. */
export function filePathProblem(path: string): string | undefined {
  return pathProblem(path, filePath);
}

/**
 * The path without its major version, and that with its separator: `''`, `/v2` and above, or on gopkg.in `.v0` and
 * above, also with `-unstable`. Undefined when the last element breaks the rule. The rest of the path is not checked.
 */
export function splitPathVersion(path: string): { prefix: string; major: string } | undefined {
  if (path.startsWith('gopkg.in/')) return splitGopkgIn(path);
  let i = path.length;
  let dotted = false;
  while (i > 0 && (isDigit(path.charCodeAt(i - 1)) || path[i - 1] === '.')) {
    if (path[i - 1] === '.') dotted = true;
    i--;
  }
  if (i <= 1 || i === path.length || path[i - 1] !== 'v' || path[i - 2] !== '/')
    return { prefix: path, major: '' };
  const major = path.slice(i - 2);
  if (dotted || path[i] === '0' || major === '/v1') return undefined;
  return { prefix: path.slice(0, i - 2), major };
}

/** The path as URLs and file names have it: `!u` for `U`. Throws `malformed` for what is no module path. */
export function escapePath(path: string): string {
  checkPath(path);
  return escapeUpper(path);
}

/** The module path of an escaped one; throws `malformed` for any text that `escapePath` does not write. */
export function unescapePath(escaped: string): string {
  const path = unescapeUpper(escaped);
  if (path === undefined)
    throw new StoaError(
      'malformed',
      `malformed module path ${quote(escaped)}: upper case must be written with "!"`,
    );
  checkPath(path);
  return path;
}

function throwProblem(kind: string, path: string, problem: string | undefined): void {
  if (problem !== undefined)
    throw new StoaError('malformed', `malformed ${kind} path ${quote(path)}: ${problem}`);
}

function modulePathProblem(path: string): string | undefined {
  const problem = pathProblem(path, modulePath);
  if (problem !== undefined) return problem;
  let dotted = false;
  for (let i = 0; i < path.length && path[i] !== '/'; i++) {
    const code = path.charCodeAt(i);
    if (code === 0x2e) dotted = true;
    else if (code !== 0x2d && !isDigit(code) && !(code >= 0x61 && code <= 0x7a))
      return `invalid char '${path[i]}' in first path element`;
  }
  if (!dotted) return 'missing dot in first path element';
  if (splitPathVersion(path) === undefined) return 'invalid major version at the end';
  return undefined;
}

function pathProblem(path: string, kind: PathKind): string | undefined {
  if (path === '') return 'empty';
  if (path[0] === '-' && kind !== filePath) return 'leading dash';
  let start = 0;
  while (true) {
    const slash = path.indexOf('/', start);
    const problem = elementProblem(path, start, slash < 0 ? path.length : slash, kind);
    if (problem !== undefined || slash < 0) return problem;
    start = slash + 1;
  }
}

function splitGopkgIn(path: string): { prefix: string; major: string } | undefined {
  const end = path.endsWith('-unstable') ? path.length - '-unstable'.length : path.length;
  let i = end;
  while (i > 0 && isDigit(path.charCodeAt(i - 1))) i--;
  if (i <= 1 || path[i - 1] !== 'v' || path[i - 2] !== '.') return undefined;
  const major = path.slice(i - 2);
  if (major.length <= 2 || (path[i] === '0' && major !== '.v0')) return undefined;
  return { prefix: path.slice(0, i - 2), major };
}

function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39;
}
