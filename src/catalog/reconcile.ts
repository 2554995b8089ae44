import { parseKey } from '../module/target.ts';
import type { ModuleVersion } from '../module/version.ts';
import type { Catalog } from './catalog.ts';
import type { Entry, Published } from './entry.ts';

/** Storage, as far as the catalog follows it. */
export interface Shelf {
  /** Every key. */
  keys(signal: AbortSignal): AsyncIterable<string>;
  /** What a stored version is; undefined where its hash is gone. */
  describe(version: ModuleVersion, signal: AbortSignal): Promise<Published | undefined>;
}

/** Versions that are looked up at once. */
const pieceSize = 500;

/**
 * Adds the rows of stored versions that have none, and answers how many. A version is one whose hash is stored. Reads names,
 * and what a missing row is made of, one after the other.
 */
export async function reconcile(
  shelf: Shelf,
  catalog: Catalog,
  signal: AbortSignal,
  now: () => number = Date.now,
): Promise<number> {
  let added = 0;

  async function add(versions: readonly ModuleVersion[]): Promise<void> {
    const entries: Entry[] = [];
    for (const version of await catalog.missing(versions, signal)) {
      const published = await shelf.describe(version, signal);
      if (published !== undefined) entries.push({ type: 'version', at: now(), ...published });
    }
    if (entries.length > 0) await catalog.apply(entries, undefined, signal);
    added += entries.length;
  }

  let piece: ModuleVersion[] = [];
  for await (const key of shelf.keys(signal)) {
    const file = parseKey(key);
    if (file?.extension !== 'ziphash') continue;
    piece.push({ path: file.path, version: file.version });
    if (piece.length < pieceSize) continue;
    await add(piece);
    piece = [];
  }
  await add(piece);
  return added;
}
