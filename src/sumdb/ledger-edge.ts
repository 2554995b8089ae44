/** The right edge of a log, in tiles: all of it that who appends needs, however large it is. */
import { formatRecords } from './record.ts';
import { dataLevel, hashFromTile, subtreeHash, type Tile, tileForIndex, tileInTree } from './tile.ts';
import { tileHeight } from './tiles.ts';
import { type Hash, hashSize, recordHash, type Tree, treeHash } from './tlog.ts';

/** The last tile of each level, as long as it is not full. */
export interface Edge {
  /** The number of records. */
  readonly size: number;
  /** Their bytes, from level 0 on. */
  readonly levels: readonly Buffer[];
  /** The texts of the records in the last data tile. */
  readonly records: readonly Uint8Array[];
}

/** A tile and what is in it. */
export interface TileBytes {
  readonly tile: Tile;
  readonly data: Buffer;
}

/** Of the log without records. */
export const emptyEdge: Edge = { size: 0, levels: [], records: [] };

/** The edge after some more records, and the tiles that became full with them. */
export function growEdge(
  edge: Edge,
  texts: readonly Uint8Array[],
): { readonly edge: Edge; readonly full: readonly TileBytes[] } {
  const levels = edge.levels.map(beginTile);
  const full: TileBytes[] = [];
  let records = [...edge.records];
  let { size } = edge;

  function fill(level: number, data: Buffer): void {
    const number = size / tileWidth ** (Math.max(level, 0) + 1) - 1;
    full.push({ tile: { height: tileHeight, level, number, width: tileWidth }, data });
  }

  function push(level: number, hash: Hash): void {
    levels[level] ??= beginTile();
    const { data, width } = levels[level];
    hash.copy(data, width * hashSize);
    levels[level].width++;
    if (width + 1 < tileWidth) return;
    fill(level, data);
    levels[level] = beginTile();
    push(level + 1, subtreeHash(data));
  }

  for (const text of texts) {
    size++;
    records.push(text);
    if (records.length === tileWidth) {
      fill(dataLevel, formatRecords(records));
      records = [];
    }
    push(0, recordHash(text));
  }
  const parts = levels.map(({ data, width }) => data.subarray(0, width * hashSize));
  return { edge: { size, levels: parts, records }, full };
}

/** The tree that ends in an edge. */
export function edgeTree(edge: Edge): Tree {
  const { indexes, compute } = treeHash(edge.size);
  const hashes = indexes.map((index) => {
    // Each of these subtrees ends where the tree does not: it is in the last tile of its level.
    const tile = tileInTree(tileForIndex(tileHeight, index), edge.size)!;
    return hashFromTile(tile, edge.levels[tile.level]!, index);
  });
  return { size: edge.size, hash: compute(hashes) };
}

/** The beginning of the last tile of a level, where that is not full. */
export function edgeTile({ levels, records }: Edge, { level, width }: Tile): Buffer {
  if (level === dataLevel) return formatRecords(records.slice(0, width));
  return levels[level]!.subarray(0, width * hashSize);
}

const tileWidth = 2 ** tileHeight;

/** A tile to be filled, which begins with these bytes. */
function beginTile(bytes: Uint8Array = new Uint8Array()): { data: Buffer; width: number } {
  const data = Buffer.alloc(tileWidth * hashSize);
  data.set(bytes);
  return { data, width: bytes.length / hashSize };
}
