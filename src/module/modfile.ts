/** go.mod files as a proxy needs them: read leniently, as the go command reads those of dependencies. */
import { unquoteGo } from './modfile-string.ts';
import { type Comments, type Directive, modFileError, parseDirectives } from './modfile-syntax.ts';
import { splitPathVersion } from './path.ts';
import { canonicalVersion, type ModuleVersion, majorProblem } from './version.ts';

/** What a go.mod file says; a directive that is not there is absent or an empty list. */
export interface ModFile {
  readonly module?: string;
  /** Why the module is deprecated, from the comment on its `module` directive. */
  readonly deprecated?: string;
  /** `1.26` or `1.26.1`, without `go`. */
  readonly go?: string;
  /** `go1.26.1` or `default`. */
  readonly toolchain?: string;
  readonly require: readonly Requirement[];
  readonly replace: readonly Replacement[];
  readonly exclude: readonly ModuleVersion[];
  readonly retract: readonly Retraction[];
}

/** The path is not checked beyond its major version; the version is canonical. */
interface Requirement extends ModuleVersion {
  readonly indirect: boolean;
}

/** An empty `old.version` means all versions, an empty `new.version` that `new.path` is a folder. */
interface Replacement {
  readonly old: ModuleVersion;
  readonly new: ModuleVersion;
}

/** A closed interval of versions; both ends are as they are written, canonical or not. */
interface Retraction {
  readonly low: string;
  readonly high: string;
  /** The comment on the directive, `''` where there is none. */
  readonly rationale: string;
}

/**
 * Reads a go.mod file as the go command reads a dependency's (modfile.ParseLax without a version fixer): what it does
 * not know is passed over. It passes over `toolchain`, `replace` and `exclude` altogether; here those lines are read
 * too, and passed over only where they are malformed. Throws `integrity`, naming the line, for what ParseLax refuses.
 * Bytes are to be decoded without dropping a byte order mark, which is an error.
 */
export function parseModFile(text: string): ModFile {
  const file: Draft = { require: [], replace: [], exclude: [], retract: [] };
  for (const directive of parseDirectives(text)) addDirective(file, directive);
  return file;
}

/**
 * The path on the `module` line of a go.mod file, however broken the rest is (modfile.ModulePath); undefined where
 * there is none.
 */
export function modulePath(text: string): string | undefined {
  for (const whole of text.split('\n')) {
    const comment = whole.indexOf('//');
    const line = trimSpace(comment < 0 ? whole : whole.slice(0, comment));
    if (!line.startsWith('module')) continue;
    const rest = line.slice('module'.length);
    const path = trimSpace(rest);
    if (path === rest || path === '') continue;
    return (path[0] === '"' || path[0] === '`' ? unquoteGo(path) : path) || undefined;
  }
  return undefined;
}

type Draft = {
  -readonly [key in keyof ModFile]: ModFile[key] extends readonly (infer T)[] ? T[] : ModFile[key];
};

function addDirective(file: Draft, directive: Directive): void {
  const { verb, args, line, block } = directive;
  switch (verb) {
    case 'module': {
      if (file.module !== undefined) throw modFileError(line, 'a second module directive');
      file.module = required(parseOnly(args, parseString), line, 'module module/path');
      const deprecated = deprecation(commentText(directive));
      if (deprecated !== '') file.deprecated = deprecated;
      return;
    }
    case 'go':
      if (block !== undefined) return;
      if (file.go !== undefined) throw modFileError(line, 'a second go directive');
      file.go = required(parseOnly(args, parseGoVersion), line, 'go 1.26.0');
      return;
    case 'require': {
      const version = required(parseModuleVersion(args), line, 'require module/path v1.2.3');
      file.require.push({ ...version, indirect: isIndirect(directive.comments) });
      return;
    }
    case 'ignore':
      required(parseOnly(args, parseString), line, 'ignore ./folder');
      return;
    case 'toolchain': {
      const toolchain = parseOnly(args, parseToolchain);
      if (block === undefined && toolchain !== undefined) file.toolchain ??= toolchain;
      return;
    }
    case 'exclude': {
      const version = parseModuleVersion(args);
      if (version !== undefined) file.exclude.push(version);
      return;
    }
    case 'replace': {
      const replacement = parseReplacement(args);
      if (replacement !== undefined) file.replace.push(replacement);
      return;
    }
    case 'retract': {
      const interval = parseInterval(args);
      if (interval !== undefined) file.retract.push({ ...interval, rationale: commentText(directive) });
      return;
    }
    default:
  }
}

function required<T>(value: T | undefined, line: number, example: string): T {
  if (value === undefined) throw modFileError(line, `not of the form "${example}"`);
  return value;
}

function parseOnly<T>(args: readonly string[], parse: (arg: string) => T | undefined): T | undefined {
  return args.length === 1 ? parse(args[0]!) : undefined;
}

/** A word or a string in double quotes; other quotes are kept for the future. */
function parseString(arg: string | undefined): string | undefined {
  if (arg === undefined) return undefined;
  if (arg.startsWith('"')) return unquoteGo(arg);
  return /["'`]/.test(arg) ? undefined : arg;
}

function parseGoVersion(arg: string): string | undefined {
  if (/^[1-9][0-9]*\.(0|[1-9][0-9]*)(\.(0|[1-9][0-9]*))?([a-z]+[0-9]+)?$/.test(arg)) return arg;
  return /^v?([1-9][0-9]*\.(0|[1-9][0-9]*))[^0-9][^\n]*$/.exec(arg)?.[1];
}

function parseToolchain(arg: string): string | undefined {
  return /^default$|^go1($|\.)/.test(arg) ? arg : undefined;
}

function parseModuleVersion(args: readonly string[]): ModuleVersion | undefined {
  const path = parseString(args[0]);
  const version = parseVersion(args[1]);
  if (args.length !== 2 || path === undefined || version === undefined) return undefined;
  return fitsPath(path, version) ? { path, version } : undefined;
}

function parseVersion(arg: string | undefined): string | undefined {
  return canonicalVersion(parseString(arg) ?? '') || undefined;
}

function fitsPath(path: string, version: string): boolean {
  const split = splitPathVersion(path);
  return split !== undefined && majorProblem(version, split.major) === undefined;
}

/** `old [version] => new version` or `old [version] => ./folder`. */
function parseReplacement(args: readonly string[]): Replacement | undefined {
  const arrow = args[1] === '=>' ? 1 : 2;
  if (args[arrow] !== '=>') return undefined;
  const old = arrow === 1 ? parseAnyVersion(args[0]) : parseModuleVersion(args.slice(0, 2));
  const target = args.slice(arrow + 1);
  const path = parseString(target[0]);
  if (old === undefined || path === undefined || target.length > 2) return undefined;
  if (target.length === 1)
    return isFolder(path) && !path.includes('\\') ? { old, new: { path, version: '' } } : undefined;
  const version = parseVersion(target[1]);
  return version === undefined || isFolder(path) ? undefined : { old, new: { path, version } };
}

function parseAnyVersion(arg: string | undefined): ModuleVersion | undefined {
  const path = parseString(arg);
  return path === undefined || splitPathVersion(path) === undefined ? undefined : { path, version: '' };
}

/** True for what the go command takes for a folder on any system: `.`, `./x`, `/x`, `C:\x`. */
function isFolder(path: string): boolean {
  return /^(\.{1,2}$|\.{0,2}[/\\]|[A-Za-z]:)/.test(path);
}

/** A version or `[low, high]`; what follows is for later go commands. */
function parseInterval(args: readonly string[]): { low: string; high: string } | undefined {
  if (args[0] === '(') return undefined;
  if (args[0] !== '[') {
    const only = parseString(args[0]);
    return only === undefined ? undefined : { low: only, high: only };
  }
  const low = parseString(args[1]);
  const high = parseString(args[3]);
  if (args[2] !== ',' || args[4] !== ']' || low === undefined || high === undefined) return undefined;
  return { low, high };
}

/** True for the comment `// indirect`, also with `; …` behind it. */
function isIndirect({ suffix }: Comments): boolean {
  const [first, ...more] = trimSpace((suffix ?? '').slice('//'.length)).split(/\p{White_Space}+/u);
  return more.length === 0 ? first === 'indirect' : first === 'indirect;';
}

/** The comments of a directive without slashes, a line each; where it has none, those before its block. */
function commentText({ comments, block }: Directive): string {
  const { before, suffix } = comments;
  const own = suffix === undefined ? before : [...before, suffix];
  return (own.length === 0 && block !== undefined ? block : own)
    .filter((comment) => comment !== '')
    .map((comment) => trimSpace(comment.slice('//'.length)))
    .join('\n');
}

/** The paragraph that begins with `Deprecated:`, without that. */
function deprecation(text: string): string {
  return /(?:^|\n\n)Deprecated: *(.*?)(?:$|\n\n)/s.exec(text)?.[1] ?? '';
}

/** Without Unicode white space at both ends; a byte order mark, which `trim` takes too, is none. */
function trimSpace(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && isSpace(text[start]!)) start++;
  while (end > start && isSpace(text[end - 1]!)) end--;
  return text.slice(start, end);
}

function isSpace(character: string): boolean {
  return /\p{White_Space}/u.test(character);
}
