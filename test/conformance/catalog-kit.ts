import type { Catalog } from '../../src/catalog/catalog.ts';
import type { Entry, Published } from '../../src/catalog/entry.ts';
import type { ModuleVersion } from '../../src/module/version.ts';

/** A fresh and empty catalog. */
export interface CatalogUnderTest {
  readonly catalog: Catalog;
  /** The same catalog over a connection of its own, as another process has it. */
  another(): Promise<Catalog>;
  /** The clock of all of them, in milliseconds. */
  readonly clock: { now: number };
  close(): Promise<void>;
}

export const start = Date.parse('2026-11-22T18:00:00Z');

/** An entry of a stored version. */
export function stored(version: Partial<Published> = {}, at = start): Entry {
  return {
    type: 'version',
    at,
    path: 'example.com/m',
    version: 'v1.0.0',
    size: 100,
    h1: 'h1:one=',
    ...version,
  };
}

/** So many entries of different modules. */
export function storedMany(count: number, prefix = 'example.com/m'): Entry[] {
  return Array.from({ length: count }, (_, i) => stored({ path: `${prefix}${i}` }));
}

export function event(id: string, more: Partial<Extract<Entry, { type: 'event' }>> = {}): Entry {
  return { type: 'event', at: start, id, kind: 'mismatch', text: 'something differs', ...more };
}

export function job(key: string, more: Partial<Extract<Entry, { type: 'job' }>> = {}): Entry {
  return { type: 'job', at: start, kind: 'verify', key, ...more };
}

/** The names of all versions, in the order of the index. */
export async function namesIn(catalog: Catalog): Promise<string[]> {
  return (await catalog.versions({ limit: 100_000 })).map(nameOf);
}

export function nameOf({ path, version }: ModuleVersion): string {
  return `${path}@${version}`;
}
