/** Where the state of a checksum database is in storage. */
import { escapePath } from '../module/path.ts';
import { escapeVersion, type ModuleVersion } from '../module/version.ts';
import { formatTilePath, fullTile, type Tile } from './tile.ts';

/** What a version is asked for with, below the database and in storage alike. */
export function lookupTarget({ path, version }: ModuleVersion): string {
  return `lookup/${escapePath(path)}@${escapeVersion(version)}`;
}

/** The key of what is asked for with a target. */
export function targetKey(name: string, target: string): string {
  return `sumdb/${name}/${target}`;
}

/** What the keys of all signed tree heads begin with. */
export function headPrefix(name: string): string {
  return `sumdb/${name}/head/`;
}

/** The key of a head: their order is that of the sizes. */
export function headKey(name: string, size: number): string {
  return headPrefix(name) + formatSize(size);
}

/** The size in the key of a head; undefined for any other key. */
export function headSize(name: string, key: string): number | undefined {
  const digits = key.slice(headPrefix(name).length);
  return /^[\da-f]{16}$/.test(digits) ? Number.parseInt(digits, 16) : undefined;
}

/** The key of the proof that two signed trees contradict each other. */
export function forkKey(name: string, older: number, newer: number, digest: string): string {
  return `sumdb/${name}/fork/${formatSize(older)}-${formatSize(newer)}-${digest}`;
}

/** What the keys of a tile's parts begin with: its own key is this and the width. */
export function partPrefix(name: string, tile: Tile): string {
  return `${targetKey(name, formatTilePath(fullTile(tile)))}.p/`;
}

function formatSize(size: number): string {
  return size.toString(16).padStart(16, '0');
}
