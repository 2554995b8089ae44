import { escapeUpper } from '../module/escape.ts';
import { matchesPatterns } from '../module/pattern.ts';
import { formatKey, parseKey, type StoredExtension } from '../module/target.ts';
import type { ModuleVersion } from '../module/version.ts';
import { isKey } from '../storage/key.ts';
import type { BlobStore } from '../storage/store.ts';

/** A version of which something is stored. */
export interface StoredVersion extends ModuleVersion {
  readonly files: ReadonlySet<StoredExtension>;
}

export interface WalkOptions {
  /** Module paths as GOPRIVATE has them, commas between them; empty for all. */
  readonly patterns: string;
  /** A place that a walk came to, as `placeOf` gives it: only what comes behind it. */
  readonly after?: string | undefined;
  readonly signal: AbortSignal;
}

/** Where a version stands in a walk: text that is greater for every later one. */
export function placeOf({ path, version }: ModuleVersion): string {
  return formatKey(path, version, 'ziphash');
}

/** The stored versions in the order of their keys, one after the other: what is held does not grow with their number. */
export async function* walkVersions(
  store: BlobStore,
  { patterns, after = '', signal }: WalkOptions,
): AsyncGenerator<StoredVersion> {
  let version: { path: string; version: string; files: Set<StoredExtension> } | undefined;
  for await (const key of store.list(prefixOf(patterns), { signal })) {
    const file = key > after ? parseKey(key) : undefined;
    if (file === undefined || (patterns !== '' && !matchesPatterns(patterns, file.path))) continue;
    // The files of a version stand together: no other version has the text before their last dot, and a dot behind it.
    if (version?.path !== file.path || version.version !== file.version) {
      if (version !== undefined) yield version;
      version = { path: file.path, version: file.version, files: new Set() };
    }
    version.files.add(file.extension);
  }
  if (version !== undefined) yield version;
}

/** What all keys of modules that match begin with, so that little else is listed. */
function prefixOf(patterns: string): string {
  const heads = patterns.split(',').map((pattern) => escapeUpper(/^[^*?[\\]*/.exec(pattern)![0]));
  const [first = ''] = heads;
  let length = first.length;
  while (!heads.every((head) => head.startsWith(first.slice(0, length)))) length--;
  const prefix = first.slice(0, length).replace(/\/$/, '');
  return isKey(prefix) ? prefix : '';
}
