import { isStoaError } from '../errors.ts';
import type { BlobStore } from '../storage/store.ts';
import { createShare } from '../work/share.ts';
import { partPrefix, targetKey } from './keys.ts';
import { readStored } from './read-stored.ts';
import { neverAbsent, type Remote } from './remote.ts';
import { formatTilePath, fullTile, type Tile } from './tile.ts';
import { tileHashes } from './tile-hashes.ts';
import { type Hash, hashSize, type Tree } from './tlog.ts';

/** The tiles of one database: out of memory, storage and the network. */
export interface Tiles {
  /**
   * Hashes of a tree by their storage indexes, proved to be of that tree. Throws `integrity` where what the database
   * sends does not lead to the hash of the tree.
   */
  readHashes(
    tree: Tree,
    indexes: readonly number[],
    signal: AbortSignal,
    via?: string,
  ): Promise<ProvedHashes>;
  /** A tile that is kept, or that a kept one begins with. */
  find(tile: Tile, signal: AbortSignal): Promise<Buffer | undefined>;
  /** The same from memory alone. */
  peek(tile: Tile): Buffer | undefined;
}

interface ProvedHashes {
  readonly hashes: readonly Hash[];
  /** The tiles that were read for them, each as wide as it is in the tree. */
  readonly tiles: readonly { readonly tile: Tile; readonly data: Buffer }[];
  /** Keeps the tiles. Only for a tree that is believed: those of another are proved to be of that alone. */
  keep(): Promise<void>;
}

export interface TilesOptions {
  readonly name: string;
  readonly remote: Remote;
  readonly store: BlobStore;
  /** Bytes of tiles that are held in memory. */
  readonly memoryBytes: number;
  /** Milliseconds that one tile may take. */
  readonly deadlineMs: number;
}

/** The height of all tiles: that of the go command, which every database and every cache has. */
export const tileHeight = 8;

interface Loaded {
  readonly data: Buffer;
  readonly isKept: boolean;
}

export function createTiles({ name, remote, store, memoryBytes, deadlineMs }: TilesOptions): Tiles {
  const share = createShare<Loaded>({ deadlineMs, late: (path) => `${name}: ${path}: no answer` });
  const memory = createTileMemory(memoryBytes);

  /**
   * The bytes of a tile, from what is kept where that is trusted, else from the network: the part that was asked for, or
   * where that is gone the full tile, which begins with it.
   */
  function load(tile: Tile, trusts: boolean, signal: AbortSignal, via: string | undefined): Promise<Loaded> {
    const path = formatTilePath(tile);
    return share(`${path}${trusts ? '' : ' anew'}`, signal, async (work) => {
      const kept = trusts ? await find(tile, work) : undefined;
      if (kept !== undefined) return { data: kept, isKept: true };
      return { data: await fetch(tile, work, via), isKept: false };
    });
  }

  async function fetch(tile: Tile, signal: AbortSignal, via: string | undefined): Promise<Buffer> {
    const full = fullTile(tile);
    const ask = (asked: Tile): Promise<Buffer> => {
      const target = formatTilePath(asked);
      return remote.read(
        { target, subject: `${name}: ${target}`, maxBytes: asked.width * hashSize },
        signal,
        via,
      );
    };
    try {
      return await ask(tile);
    } catch (error) {
      const mayBeFull = isStoaError(error, 'notFound') || isStoaError(error, 'upstream');
      if (tile.width === full.width || !mayBeFull) throw neverAbsent(error);
      // What was said about the tile that was wanted says more than what is said about the other.
      const data = await ask(full).catch(() => Promise.reject(neverAbsent(error)));
      return data.subarray(0, tile.width * hashSize);
    }
  }

  async function readHashes(
    tree: Tree,
    indexes: readonly number[],
    signal: AbortSignal,
    via?: string,
  ): Promise<ProvedHashes> {
    const { tiles, authenticate } = tileHashes(tree, tileHeight, indexes);
    const read = async (trusts: boolean) => {
      const loaded = await Promise.all(tiles.map((tile) => load(tile, trusts, signal, via)));
      return { loaded, prove: () => authenticate(loaded.map(({ data }) => data)) };
    };
    let { loaded, prove } = await read(true);
    let hashes: Hash[];
    try {
      hashes = prove();
    } catch (error) {
      // Storage may have rotted. And in a log that was rewritten tiles differ from ours: its own are needed to prove that.
      if (!isStoaError(error, 'integrity') || !loaded.some(({ isKept }) => isKept)) throw error;
      ({ loaded, prove } = await read(false));
      hashes = prove();
    }
    return {
      hashes,
      tiles: tiles.map((tile, i) => ({ tile, data: loaded[i]!.data })),
      keep: async () => void (await Promise.all(tiles.map((tile, i) => keep(tile, loaded[i]!)))),
    };
  }

  async function find(tile: Tile, signal: AbortSignal): Promise<Buffer | undefined> {
    return memory.get(tile) ?? (await findStored(tile, signal));
  }

  async function findStored(tile: Tile, signal: AbortSignal): Promise<Buffer | undefined> {
    const full = fullTile(tile);
    for (const wide of tile.width === full.width ? [tile] : [tile, full]) {
      const found = await readTile(wide, signal);
      if (found !== undefined) return found.subarray(0, tile.width * hashSize);
    }
    if (tile.width === full.width) return undefined;
    const [wider] = (await storedWidths(tile, signal)).filter((width) => width > tile.width);
    const found = wider === undefined ? undefined : await readTile({ ...tile, width: wider }, signal);
    return found?.subarray(0, tile.width * hashSize);
  }

  /** Undefined too where what is stored cannot be that tile. */
  async function readTile(tile: Tile, signal: AbortSignal): Promise<Buffer | undefined> {
    const data = await readStored(store, targetKey(name, formatTilePath(tile)), signal);
    return data?.length === tile.width * hashSize ? data : undefined;
  }

  /** The widths of the stored parts of a tile, the smallest first. */
  async function storedWidths(tile: Tile, signal?: AbortSignal): Promise<number[]> {
    const prefix = partPrefix(name, tile);
    const widths: number[] = [];
    for await (const key of store.list(prefix, signal && { signal }))
      widths.push(Number(key.slice(prefix.length)));
    return widths.filter(Number.isInteger).sort((a, b) => a - b);
  }

  async function keep(tile: Tile, { data, isKept }: Loaded): Promise<void> {
    // A piece of a larger one would hold all of its memory.
    const isNew = memory.set(tile, Buffer.from(data));
    if (isKept || !isNew) return;
    try {
      await store.put(targetKey(name, formatTilePath(tile)), data);
    } catch (error) {
      memory.delete(tile);
      throw error;
    }
    // A wider tile begins with every narrower one.
    const narrower = (await storedWidths(tile)).filter((width) => width < tile.width);
    for (const width of narrower) await store.delete(targetKey(name, formatTilePath({ ...tile, width })));
  }

  return { readHashes, find, peek: memory.get };
}

/** The widest known part of each tile, within a bound; the least recently used goes first. */
function createTileMemory(maxBytes: number) {
  const held = new Map<string, Buffer>();
  let bytes = 0;
  const placeOf = (tile: Tile): string => formatTilePath(fullTile(tile));

  function remove(place: string): void {
    bytes -= held.get(place)?.length ?? 0;
    held.delete(place);
  }

  return {
    get(tile: Tile): Buffer | undefined {
      const place = placeOf(tile);
      const data = held.get(place);
      if (data === undefined || data.length < tile.width * hashSize) return undefined;
      held.delete(place);
      held.set(place, data);
      return data.subarray(0, tile.width * hashSize);
    },
    /** True where it was not known so far. */
    set(tile: Tile, data: Buffer): boolean {
      const place = placeOf(tile);
      if ((held.get(place)?.length ?? 0) >= data.length) return false;
      remove(place);
      held.set(place, data);
      bytes += data.length;
      while (bytes > maxBytes) remove(held.keys().next().value!);
      return true;
    },
    delete: (tile: Tile) => remove(placeOf(tile)),
  };
}
