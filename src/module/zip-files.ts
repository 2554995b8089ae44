/**
 * Which files of a tree make a module's zip: the rules of zip.Create (golang.org/x/mod/zip, checkFiles) over the list
 * that the go command hands to it (cmd/go modfetch/coderepo.go, Zip). Problems are told in the words of x/mod.
 */
import { posix } from 'node:path';
import { parseModFile } from './modfile.ts';
import { filePathProblem } from './path.ts';
import { quote } from './quote.ts';
import { maxGoModBytes, maxZipBytes } from './zip.ts';
import { findCollision } from './zip-names.ts';

/** An entry of a tree that is no folder. `other` is a place where another repository belongs. */
export interface TreeFile {
  /** Separated by slashes. */
  readonly name: string;
  readonly kind: 'file' | 'link' | 'other';
}

/** What the rules say to a tree. */
export interface FileSelection {
  /** The names of the files that go in, in the order of the tree. */
  readonly included: readonly string[];
  /** Why the tree can't be a module, a line for each file that was found to be in the way; empty where none is. */
  readonly problems: readonly string[];
}

/** The files below a folder of a repository (`''` for its root), named from there, without the places of other repositories. */
export function filesBelow(files: readonly TreeFile[], folder: string): TreeFile[] {
  const prefix = folder === '' ? '' : `${folder}/`;
  return files
    .filter(({ name, kind }) => kind !== 'other' && name.startsWith(prefix))
    .map(({ name, kind }) => ({ name: name.slice(prefix.length), kind }));
}

/**
 * True where the zip gets the LICENSE of the repository's root as its last file: the module is in a folder below the
 * root, and among its files is nothing of that name, a link included.
 */
export function lacksLicence(files: readonly TreeFile[], folder: string): boolean {
  return folder !== '' && !files.some(({ name }) => name === licenceName);
}

/**
 * Selects the files of a module among all that are below its folder. `goMod` is the content of its go.mod as it will be in
 * the zip, where it has one: the rules about vendored packages are those of the go version it names.
 */
export function selectFiles(files: readonly TreeFile[], goMod: Uint8Array | undefined): FileSelection {
  const included: string[] = [];
  const problems: string[] = [];
  // Of several files of one name, x/mod judges the first that does not go in, and passes over the others.
  const judged = new Set<string>();
  const roots = submoduleRoots(files);
  const seen = new Map<string, string>();
  const isModule = files.some(({ name, kind }) => name === goModName && kind === 'file');
  const byGo124 = isModule && vendorsAsGo124(goMod);
  for (const { name, kind } of files) {
    const verdict = judge(name, kind);
    if (verdict === 'include') included.push(name);
    else {
      if (verdict !== 'omit' && !judged.has(name)) problems.push(`${quote(name)}: ${verdict.problem}`);
      judged.add(name);
    }
  }
  return { included, problems };

  function judge(name: string, kind: TreeFile['kind']): 'include' | 'omit' | { problem: string } {
    if (!isClean(name)) return { problem: 'file path is not clean' };
    if (name.startsWith('/')) return { problem: 'file path is not relative' };
    if (isVendored(name, byGo124) || isInSubmodule(name, roots) || name === '.hg_archival.txt') return 'omit';
    const problem = nameProblem(name) ?? collisionProblem(seen, name);
    if (problem !== undefined) return { problem };
    return kind === 'file' ? 'include' : 'omit';
  }
}

/** True where the go version in its go.mod decides which of the files of a module go in. */
export function dependOnGoVersion(files: readonly TreeFile[]): boolean {
  return files.some(({ name }) => isVendored(name, true) !== isVendored(name, false));
}

/**
 * Gives a function that takes the name and size in bytes of one included file after the other, and answers what is
 * wrong with it or with the sum; more than `maxBytes` together are too many, and more than `maxZipBytes` in any case.
 */
export function createSizeCheck(maxBytes: number): (name: string, size: number) => string | undefined {
  const most = Math.min(maxBytes, maxZipBytes);
  let total = 0;
  return (name, size) => {
    total += size;
    if (total > most) return `module source tree too large (max size is ${most} bytes)`;
    const isLimited = name === goModName || name === licenceName;
    if (isLimited && size > maxGoModBytes)
      return `${quote(name)}: ${name} file too large (max size is ${maxGoModBytes} bytes)`;
    return undefined;
  };
}

const goModName = 'go.mod';
const licenceName = 'LICENSE';

/** As path.Clean leaves it. */
function isClean(name: string): boolean {
  return posix.normalize(name) === name && (name === '/' || !name.endsWith('/'));
}

/** The folders, with a slash behind them, that a go.mod makes another module; on some systems one of any case does. */
function submoduleRoots(files: readonly TreeFile[]): Set<string> {
  const roots = new Set<string>();
  for (const { name, kind } of files) {
    const base = name.lastIndexOf('/') + 1;
    if (base > 0 && kind === 'file' && name.slice(base).toLowerCase() === goModName)
      roots.add(name.slice(0, base));
  }
  return roots;
}

function isInSubmodule(name: string, roots: ReadonlySet<string>): boolean {
  if (roots.size === 0) return false;
  for (let slash = name.lastIndexOf('/'); slash > 0; slash = name.lastIndexOf('/', slash - 1))
    if (roots.has(name.slice(0, slash + 1))) return true;
  return false;
}

/** True for a file of a vendored package. Hashes of old modules depend on what go commands before 1.24 did. */
function isVendored(name: string, byGo124: boolean): boolean {
  if (name.startsWith('vendor/'))
    return name.includes('/', 'vendor/'.length) || (byGo124 && name === 'vendor/modules.txt');
  const at = name.indexOf('/vendor/');
  // They meant to ask the same, but took any file below for one of a package (golang.org/issue/37397).
  return at >= 0 && (!byGo124 || name.includes('/', at + '/vendor/'.length));
}

/** Whether the `go` line of a go.mod names 1.24 or a later language version (go/version.Lang). */
function vendorsAsGo124(goMod: Uint8Array | undefined): boolean {
  if (goMod === undefined) return false;
  const [, major, minor] = goVersion.exec(goLine(goMod) ?? '') ?? [];
  return Number(major) > 1 || (major === '1' && Number(minor) >= 24);
}

/** A Go version that internal/gover can parse: a release of a patch, or a candidate of none. */
const goVersion = /^([1-9]\d*)\.(0|[1-9]\d*)(\.(0|[1-9]\d*)|[a-z]+(0|[1-9]\d*))?$/;

function goLine(goMod: Uint8Array): string | undefined {
  try {
    return parseModFile(Buffer.from(goMod.buffer, goMod.byteOffset, goMod.byteLength).toString()).go;
  } catch {
    // The zip of a module with a broken go.mod is made all the same.
    return undefined;
  }
}

function nameProblem(name: string): string | undefined {
  const problem = filePathProblem(name);
  if (problem !== undefined) return `malformed file path ${quote(name)}: ${problem}`;
  const isMisspelled = name !== goModName && name.toLowerCase() === goModName;
  return isMisspelled ? 'go.mod files must have lowercase names' : undefined;
}

function collisionProblem(seen: Map<string, string>, file: string): string | undefined {
  const collision = findCollision(seen, file);
  if (collision === undefined) return undefined;
  const [name, other] = [collision.name, collision.other].map((path) => path.replace(/\/$/, ''));
  if (name !== other) return `case-insensitive file name collision: ${quote(other!)} and ${quote(name!)}`;
  if (collision.name !== collision.other) return `entry ${quote(name!)} is both a file and a directory`;
  return `multiple entries for file ${quote(name!)}`;
}
