import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import { parseKey } from '../../src/module/target.ts';
import type { ModuleFixture } from '../fakes/module-zip.ts';

/** The files of modules in the folder of a disk store, by key. */
export async function keysIn(root: string): Promise<Set<string>> {
  const entries = await readdir(root, { recursive: true, withFileTypes: true });
  const names = entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1));
  return new Set(names.filter((name) => parseKey(name) !== undefined));
}

/** Unfinished files in the folder of a disk store. */
export function unfinished(root: string): Promise<string[]> {
  return readdir(join(root, '.tmp'));
}

/**
 * Holds what is stored against what the source has: each file is whole, and no hash is there whose zip is not. `keys` are
 * those that are looked at.
 */
export async function checkStored(
  root: string,
  keys: Iterable<string>,
  fixtureOf: (path: string, version: string) => ModuleFixture,
): Promise<void> {
  for (const key of keys) {
    const { path, version, extension } = parseKey(key)!;
    const fixture = fixtureOf(path, version);
    const bytes = await readFile(join(root, key));
    const expected = extension === 'ziphash' ? Buffer.from(fixture.h1) : fixture[extension];
    expect(bytes.equals(expected), `${key} is what the source has`).toBe(true);
    if (extension === 'ziphash') await readFile(join(root, key.replace(/hash$/, '')));
  }
}
