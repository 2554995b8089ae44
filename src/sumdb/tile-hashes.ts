/**
 * Hashes out of tiles that nobody vouches for: they are believed only as far as they lead up to the hash of a tree that
 * is already believed.
 */
import { StoaError } from '../errors.ts';
import {
  formatTilePath,
  hashFromTile,
  parentTile,
  subtreeHash,
  type Tile,
  tileForIndex,
  tileInTree,
} from './tile.ts';
import { type Hash, hashSize, storedHashIndex, type Tree, treeHash } from './tlog.ts';

/** What must be read for some hashes of a tree, and the hashes that follow from it. */
export interface TileHashes {
  /** Each as wide as it is in the tree. */
  readonly tiles: readonly Tile[];
  /**
   * The hashes, in the order in which they were asked for, from the bytes of the tiles. Throws `integrity` unless every
   * one of the tiles is proved, all its bytes, to be of the tree.
   */
  authenticate(data: readonly Uint8Array[]): Hash[];
}

/** Throws `internal` for an index that is not in the tree. */
export function tileHashes(tree: Tree, height: number, indexes: readonly number[]): TileHashes {
  const count = storedHashIndex(0, tree.size);
  const beyond = indexes.find((index) => index >= count);
  if (beyond !== undefined) throw new StoaError('internal', `no hash ${beyond} in a tree of ${tree.size}`);

  const tiles: Tile[] = [];
  const places = new Map<string, number>();
  const placeOf = (tile: Tile | undefined): number | undefined =>
    tile === undefined ? undefined : places.get(formatTilePath(tile));
  const add = (tile: Tile): number => {
    places.set(formatTilePath(tile), tiles.length);
    return tiles.push(tile) - 1;
  };

  // First the tiles along the right edge of the tree, whose hashes make up the hash of the tree.
  const root = treeHash(tree.size);
  const rootPlaces = root.indexes.map((index) => {
    const tile = tileInTree(tileForIndex(height, index), tree.size)!;
    return placeOf(tile) ?? add(tile);
  });
  const edge = tiles.length;

  // Then what leads from those down to the hashes, each tile behind the one above it.
  const wantedPlaces = indexes.map((index) => {
    const tile = tileInTree(tileForIndex(height, index), tree.size)!;
    const way: Tile[] = [];
    for (let next = tile; placeOf(next) === undefined; next = parentTile(next, tree.size)!) way.push(next);
    for (const step of way.reverse()) add(step);
    return placeOf(tile)!;
  });

  function authenticate(data: readonly Uint8Array[]): Hash[] {
    for (const [i, tile] of tiles.entries()) {
      if (data[i]?.length !== tile.width * hashSize)
        throw new StoaError('integrity', `${formatTilePath(tile)} has not the length that it should have`);
    }
    const hashAt = (at: number, index: number): Hash => hashFromTile(tiles[at]!, data[at]!, index);
    const found = root.compute(root.indexes.map((index, i) => hashAt(rootPlaces[i]!, index)));
    if (!found.equals(tree.hash)) throw inconsistent(tiles.slice(0, edge));
    // From the number of distinct tiles on, which is not that of the hashes: two of these may be in one tile.
    for (let i = edge; i < tiles.length; i++) {
      const tile = tiles[i]!;
      const above = placeOf(parentTile(tile, tree.size))!;
      const own = storedHashIndex((tile.level + 1) * height, tile.number);
      if (!hashAt(above, own).equals(subtreeHash(data[i]!))) throw inconsistent([tile]);
    }
    return indexes.map((index, i) => hashAt(wantedPlaces[i]!, index));
  }

  return { tiles, authenticate };
}

function inconsistent(tiles: readonly Tile[]): StoaError {
  const names = tiles.map(formatTilePath).join(', ');
  return new StoaError('integrity', `tiles that do not lead to the hash of the tree: ${names}`);
}
