import { StoaError } from '../errors.ts';
import { modulePath } from '../module/modfile.ts';
import { isPseudoVersion } from '../module/pseudo.ts';
import { isSemver, sortVersions } from '../module/semver.ts';
import { canonicalVersion, isModuleVersion } from '../module/version.ts';

/**
 * What an upstream's 200 must hold before anybody believes it: the checks of the go command (cmd/go modfetch/proxy.go),
 * and those it leaves to its later steps. All throw `integrity`, with a message that
 * goes on where the name of the source stands: `sent an info without a version`.
 */

/**
 * Checks an `.info` and answers the version it names. Asked for a canonical version it must name exactly that one;
 * for `latest`, a branch, a tag or a commit any canonical version that fits the path. Whatever the go command
 * could not decode is refused, since an `.info` is kept for ever.
 */
export function checkInfo(bytes: Uint8Array, path: string, query: string): string {
  const info = parseObject(bytes);
  // The go command takes keys in any case and the last one wins, so two of them could say two things.
  const [version, ...more] = valuesOf(info, /^version$/iu);
  if (typeof version !== 'string' || version === '') throw wrong('sent an info without a version');
  if (more.length > 0) throw wrong('sent an info with more than one version');
  for (const time of valuesOf(info, /^time$/iu)) checkTime(time);
  for (const origin of valuesOf(info, /^origin$/iu)) checkOrigin(origin);
  if (!isModuleVersion(path, version)) {
    throw wrong(`sent an info for ${quote(version)}, which cannot be a version of this module`);
  }
  if (version !== query && isModuleVersion(path, query)) {
    throw wrong(`sent the info of version ${version} instead of ${query}`);
  }
  return version;
}

/** Checks that a `.mod` is text in which a module statement can be found, as every go.mod has one. */
export function checkMod(bytes: Uint8Array): void {
  const text = parseText(bytes, 'a go.mod');
  if (text.includes('\0')) throw wrong('sent a go.mod with a NUL byte in it');
  if (modulePath(text) === undefined) {
    throw wrong(`sent a go.mod without a module line; it begins with ${quote(text)}`);
  }
}

/**
 * The versions of a list that can be versions of this module: canonical, fitting the path, no pseudo-versions; sorted,
 * each once. Other lines are left out, but where no line names any version it is no list.
 */
export function parseList(bytes: Uint8Array, path: string): string[] {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString();
  const lines = new Set<string>();
  for (const line of text.split('\n')) {
    const version = line.trim().split(/\s/, 1)[0]!;
    if (version !== '') lines.add(version);
  }
  const versions = [...lines].filter(isSemver);
  if (versions.length === 0 && lines.size > 0) {
    throw wrong(`sent a list without any version; it begins with ${quote(text)}`);
  }
  return sortVersions(
    versions.filter(
      (version) =>
        version === canonicalVersion(version) && !isPseudoVersion(version) && isModuleVersion(path, version),
    ),
  );
}

/** Bytes that `checkZipHead` wants to see, where there are so many. */
export const zipHeadBytes = 4;

/** Checks that a zip begins like one: with a file, or with the end record of an empty one. */
export function checkZipHead(head: Uint8Array): void {
  if (head.length < zipHeadBytes) throw wrong(`sent a zip of ${head.length} bytes`);
  const [p, k, a, b] = head;
  const isZip = p === 0x50 && k === 0x4b && ((a === 3 && b === 4) || (a === 5 && b === 6));
  if (!isZip) throw wrong(`sent no zip; it begins with ${quote(Buffer.from(head).toString())}`);
}

function parseObject(bytes: Uint8Array): Record<string, unknown> {
  const text = parseText(bytes, 'an info');
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw wrong(`sent an info that is not JSON; it begins with ${quote(text)}`);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw wrong(`sent an info that is no JSON object; it begins with ${quote(text)}`);
  }
  return value as Record<string, unknown>;
}

function parseText(bytes: Uint8Array, what: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw wrong(`sent ${what} that is not UTF-8 text`);
  }
}

function valuesOf(object: Record<string, unknown>, name: RegExp): unknown[] {
  return Object.keys(object)
    .filter((key) => name.test(key))
    .map((key) => object[key]);
}

const rfc3339 =
  /^(\d{4})-(\d\d)-(\d\d)T([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d+)?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)$/;

function checkTime(value: unknown): void {
  if (value === null) return;
  const found = typeof value === 'string' ? rfc3339.exec(value) : null;
  const [, year, month, day] = (found ?? []).map(Number);
  if (found && day! >= 1 && month! >= 1 && month! <= 12 && day! <= daysOf(year!, month!)) return;
  throw wrong(`sent an info whose time is ${quote(JSON.stringify(value))}`);
}

function daysOf(year: number, month: number): number {
  const leap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  return month === 2 ? (leap ? 29 : 28) : [4, 6, 9, 11].includes(month) ? 30 : 31;
}

/** The fields of codehost.Origin are all strings. */
function checkOrigin(value: unknown): void {
  if (value === null) return;
  const fits =
    typeof value === 'object' &&
    !Array.isArray(value) &&
    valuesOf(
      value as Record<string, unknown>,
      /^(vcs|url|subdir|hash|tagprefix|tagsum|ref|reposum)$/iu,
    ).every((field) => field === null || typeof field === 'string');
  if (!fits) throw wrong('sent an info whose origin the go command could not read');
}

/** The beginning of what came, for a person to recognise: an HTML page, an error in JSON, a login form. */
function quote(text: string): string {
  const plain = text
    .slice(0, 200)
    .replace(/[\p{C}\p{Z}\s\uFFFD]+/gu, ' ')
    .trim();
  return `"${plain.length > 40 ? `${plain.slice(0, 40).toWellFormed()}…` : plain}"`;
}

function wrong(message: string): StoaError {
  return new StoaError('integrity', message);
}
