import { StoaError } from '../errors.ts';
import type { BlobStore } from '../storage/store.ts';
import { targetKey } from './keys.ts';
import { type Edge, edgeTile } from './ledger-edge.ts';
import { checkpointKey } from './ledger-keys.ts';
import { readStored } from './read-stored.ts';
import { formatRecords, splitRecords } from './record.ts';
import { dataLevel, formatTilePath, fullTile, type Tile, tileInTree } from './tile.ts';
import { tileHeight } from './tiles.ts';
import { hashSize } from './tlog.ts';

/** The records that a log must have for a tile to be as wide as this one. */
export function sizeForTile({ height, level, number, width }: Tile): number {
  return (number * 2 ** height + width) * 2 ** (height * Math.max(level, 0));
}

/**
 * Reads a tile of our own log out of storage where it is full by now, else out of its edge. Throws `notFound` for one that is not
 * there, `storage` or `integrity` for one that should be.
 */
export function createReadTile(
  name: string,
  store: BlobStore,
): (tile: Tile, edge: Edge, signal: AbortSignal) => Promise<Buffer> {
  async function readFull(tile: Tile, signal: AbortSignal): Promise<Buffer> {
    const key = targetKey(name, formatTilePath(fullTile(tile)));
    const data = await readStored(store, key, signal);
    if (data === undefined)
      throw new StoaError(
        'storage',
        `${key} is missing; after the removal of ${checkpointKey(name)} the next start writes it again`,
      );
    if (tile.level === dataLevel) return formatRecords(splitRecords(data).slice(0, tile.width));
    if (data.length !== 2 ** tileHeight * hashSize)
      throw new StoaError('integrity', `${key} has not the length that it should have`);
    return data.subarray(0, tile.width * hashSize);
  }

  return async (tile, edge, signal) => {
    const widest = tile.height === tileHeight ? tileInTree(tile, edge.size) : undefined;
    if (widest === undefined || widest.width < tile.width)
      throw new StoaError(
        'notFound',
        `private log ${name}: ${formatTilePath(tile)}: the log has ${edge.size} records, in tiles of height ${tileHeight}`,
      );
    return widest.width === 2 ** tileHeight ? readFull(tile, signal) : edgeTile(edge, tile);
  };
}
