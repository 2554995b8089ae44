/**
 * Tiles: pieces of the tree as a checksum database serves them, golang.org/x/mod/sumdb/tlog's. A tile of height h and level l
 * lists up to 2^h neighbours of the tree's level h·l; what stands above them within the tile follows from them.
 */
import { StoaError } from '../errors.ts';
import { quote } from '../module/quote.ts';
import {
  type FromHashes,
  type Hash,
  hashSize,
  nodeHash,
  splitStoredHashIndex,
  storedHashIndex,
} from './tlog.ts';

/** Which tile. */
export interface Tile {
  /** From 1 to 30; the go command asks for 8. */
  readonly height: number;
  /** From 0; `dataLevel` for the records themselves. */
  readonly level: number;
  /** The number of the tile on its level. */
  readonly number: number;
  /** How many hashes it lists: 2^height in a full tile, fewer in the last one of a level. */
  readonly width: number;
}

/** The level of tiles that hold the records in place of hashes. */
export const dataLevel = -1;

/** The path of a tile, such as `tile/8/0/x001/x234/067.p/3`. */
export function formatTilePath({ height, level, number, width }: Tile): string {
  let digits = String(number % pathBase).padStart(3, '0');
  for (let n = Math.floor(number / pathBase); n > 0; n = Math.floor(n / pathBase))
    digits = `x${String(n % pathBase).padStart(3, '0')}/${digits}`;
  const part = width === 2 ** height ? '' : `.p/${width}`;
  return `tile/${height}/${level === dataLevel ? 'data' : level}/${digits}${part}`;
}

/** The tile of a path. Throws `malformed` for any text that `formatTilePath` does not write. */
export function parseTilePath(path: string): Tile {
  const [, height = '', level = '', digits = '', part] = tilePattern.exec(path) ?? [];
  const full = 2 ** Number(height);
  const tile = {
    height: Number(height),
    level: level === 'data' ? dataLevel : Number(level),
    number: Number(digits.replace(/[x/]/g, '')),
    width: part === undefined ? full : Number(part),
  };
  const isTile =
    tile.height >= 1 &&
    tile.height <= 30 &&
    tile.width >= 1 &&
    tile.width <= full &&
    Number.isSafeInteger(tile.level) &&
    Number.isSafeInteger(tile.number);
  if (!isTile || formatTilePath(tile) !== path)
    throw new StoaError('malformed', `malformed tile path ${quote(path)}`);
  return tile;
}

/** The tile with as many hashes as it has when it is full. */
export function fullTile(tile: Tile): Tile {
  return { ...tile, width: 2 ** tile.height };
}

/** The tile of this height, no wider than needed, that holds or implies the hash with a storage index. */
export function tileForIndex(height: number, index: number): Tile {
  return place(height, index).tile;
}

/**
 * The hash with a storage index, out of the bytes of a tile that is at least as wide as `tileForIndex` says. Throws
 * `internal` for any other tile.
 */
export function hashFromTile(tile: Tile, data: Uint8Array, index: number): Hash {
  const { tile: least, start, end } = place(tile.height, index);
  const fits = least.level === tile.level && least.number === tile.number && least.width <= tile.width;
  if (!fits || data.length < tile.width * hashSize)
    throw new StoaError('internal', `hash ${index} is not in ${formatTilePath(tile)}`);
  return subtreeHash(data.subarray(start * hashSize, end * hashSize));
}

/** The tiles that a log must publish, the lower levels first, when it grows from one size to another. */
export function newTiles(height: number, oldSize: number, newSize: number): Tile[] {
  const full = 2 ** height;
  const tiles: Tile[] = [];
  for (let level = 0; ; level++) {
    const unit = full ** level;
    const oldCount = Math.floor(oldSize / unit);
    const newCount = Math.floor(newSize / unit);
    if (newCount === 0) return tiles;
    if (oldCount === newCount) continue;
    for (let number = Math.floor(oldCount / full); number * full < newCount; number++)
      tiles.push({ height, level, number, width: Math.min(full, newCount - number * full) });
  }
}

/** The bytes of a tile. */
export function tileData({ height, level, number, width }: Tile): FromHashes<Buffer> {
  const first = number * 2 ** height;
  const places = Array.from({ length: width }, (_, i) => first + i);
  return {
    indexes: places.map((n) => storedHashIndex(height * level, n)),
    compute: (hashes) => Buffer.concat(hashes),
  };
}

/** The tile as it is in a tree of this size: wider than, or as wide as given; undefined where the tree has none of it. */
export function tileInTree(tile: Tile, size: number): Tile | undefined {
  const full = 2 ** tile.height;
  const count = Math.floor(size / full ** Math.max(tile.level, 0));
  const width = Math.min(full, count - tile.number * full);
  return width > 0 ? { ...tile, width } : undefined;
}

/** The tile above this one, in which its own hash is. */
export function parentTile(tile: Tile, size: number): Tile | undefined {
  const number = Math.floor(tile.number / 2 ** tile.height);
  return tileInTree({ ...tile, level: tile.level + 1, number }, size);
}

/** The hash of a subtree of which these are the 2^k lowest hashes. */
export function subtreeHash(hashes: Uint8Array): Hash {
  if (hashes.length === hashSize) return Buffer.from(hashes);
  const half = hashes.length / 2;
  return nodeHash(subtreeHash(hashes.subarray(0, half)), subtreeHash(hashes.subarray(half)));
}

const pathBase = 1000;
const tilePattern = /^tile\/(\d{1,2})\/(data|\d{1,16})\/((?:x\d{3}\/)*\d{3})(?:\.p\/(\d{1,10}))?$/;

/** The least tile that holds a hash, and where in it the hashes stand from which it follows. */
function place(height: number, index: number): { tile: Tile; start: number; end: number } {
  const { level: treeLevel, n } = splitStoredHashIndex(index);
  const level = Math.floor(treeLevel / height);
  const below = 2 ** (treeLevel - level * height);
  const number = Math.floor((n * below) / 2 ** height);
  const start = n * below - number * 2 ** height;
  const end = start + below;
  return { tile: { height, level, number, width: end }, start, end };
}
