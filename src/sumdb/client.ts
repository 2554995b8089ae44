import { type ErrorKind, isStoaError, StoaError } from '../errors.ts';
import type { ModuleVersion } from '../module/version.ts';
import type { Log } from '../observe/log.ts';
import type { Metrics } from '../observe/metrics.ts';
import type { BlobStore } from '../storage/store.ts';
import { createShare } from '../work/share.ts';
import { createReportFork } from './forks.ts';
import type { Head } from './head.ts';
import { createHeads } from './heads.ts';
import { createLookups } from './lookups.ts';
import type { Verifier } from './note.ts';
import { neverAbsent, type Remote } from './remote.ts';
import type { Sums } from './sums.ts';
import { formatTilePath, type Tile, tileInTree } from './tile.ts';
import { createTiles, tileHeight } from './tiles.ts';
import { hashSize, storedHashIndex } from './tlog.ts';

/**
 * One checksum database, believed only as far as it proves what it says: notes that its key signed, one history that
 * each of them continues, and records that are in it. `notFound` is thrown only when the database said that it knows no such
 * thing; `integrity` when what it said contradicts itself, its key or what it said before; `upstream`, `timeout` or
 * `overloaded` when it could not say. What was proved once is kept and needs no network any more.
 */
export interface SumdbClient {
  /** Its name, which its key has too. */
  readonly name: string;
  /** The hashes of a version. */
  lookup(version: ModuleVersion, signal: AbortSignal, via?: string): Promise<Sums>;
  /** The record of a version as the database answers it, below a signed head of a tree that holds it. */
  record(version: ModuleVersion, signal: AbortSignal, via?: string): Promise<Buffer>;
  /** A tile of the tree, one with hashes. */
  tile(tile: Tile, signal: AbortSignal, via?: string): Promise<Buffer>;
  /** The same two where they are in memory. */
  peekRecord(version: ModuleVersion): Buffer | undefined;
  peekTile(tile: Tile): Buffer | undefined;
  /** The note of the newest head, after the database was asked for it; where it can't say, of the newest that is known. */
  latest(signal: AbortSignal, via?: string): Promise<Buffer>;
}

export interface SumdbClientOptions {
  readonly verifier: Verifier;
  readonly remote: Remote;
  readonly store: BlobStore;
  readonly log: Log;
  readonly metrics: Pick<Metrics, 'event'>;
  /** Milliseconds that one question may take; a database that does not know a version yet fetches it first. */
  readonly deadlineMs: number;
  /** Bytes of tiles that are held in memory. */
  readonly memoryBytes?: number;
  /** Milliseconds that only go forward. */
  readonly now?: () => number;
}

export function createSumdbClient(options: SumdbClientOptions): SumdbClient {
  const { verifier, remote, store, log, metrics, deadlineMs, now = () => performance.now() } = options;
  const { name } = verifier;
  const memoryBytes = options.memoryBytes ?? 8 * 2 ** 20;
  const tiles = createTiles({ name, remote, store, deadlineMs, memoryBytes });
  const reportFork = createReportFork({ name, store, log, metrics });
  const heads = createHeads({ name, verifier, store, tiles, reportFork });
  const lookups = createLookups({ verifier, remote, store, tiles, heads, log, deadlineMs });
  const share = createShare<Head>({ deadlineMs, late: () => `checksum database ${name}: no answer` });
  let askedAt = Number.NEGATIVE_INFINITY;

  /** The newest head, asked for where the last answer is old. */
  async function refresh(signal: AbortSignal, via: string | undefined): Promise<Head> {
    return share('latest', signal, async (work) => {
      const known = await heads.newest(work, via);
      if (known !== undefined && now() - askedAt < freshMs) return known;
      const subject = `checksum database ${name}`;
      const note = await remote
        .read({ target: 'latest', subject, maxBytes: maxNoteBytes }, work, via)
        .catch((error: unknown) => Promise.reject(neverAbsent(error)));
      const head = await heads.believe(note, work, via);
      askedAt = now();
      return (await heads.newest(work, via)) ?? head;
    });
  }

  /** The newest head, if its tree is large enough for the tile; else a newer one. */
  async function headFor(tile: Tile, signal: AbortSignal, via: string | undefined): Promise<Head> {
    const holds = ({ tree }: Head) => (tileInTree(tile, tree.size)?.width ?? 0) >= tile.width;
    const known = await heads.newest(signal, via);
    if (known !== undefined && holds(known)) return known;
    const newer = await refresh(signal, via);
    if (holds(newer)) return newer;
    const why = `its log of ${newer.tree.size} records has not grown so far`;
    throw new StoaError('notFound', `checksum database ${name}: ${formatTilePath(tile)}: ${why}`);
  }

  return {
    name,
    lookup: async (version, signal, via) => (await lookups.find(version, signal, via)).sums,
    record: async (version, signal, via) => (await lookups.find(version, signal, via)).answer,
    async tile(tile, signal, via) {
      const kept = await tiles.find(tile, signal);
      if (kept !== undefined) return kept;
      const { tree } = await headFor(tile, signal, via);
      const first = storedHashIndex(tileHeight * tile.level, tile.number * 2 ** tileHeight);
      const proved = await tiles.readHashes(tree, [first], signal, via);
      await proved.keep();
      const read = proved.tiles.find(
        ({ tile: { level, number } }) => level === tile.level && number === tile.number,
      );
      return read!.data.subarray(0, tile.width * hashSize);
    },
    peekRecord: (version) => lookups.peek(version)?.answer,
    peekTile: tiles.peek,
    async latest(signal, via) {
      try {
        return (await refresh(signal, via)).note;
      } catch (error) {
        const known = await heads.newest(signal, via);
        if (known === undefined || !isStoaError(error) || !unreachable.includes(error.kind)) throw error;
        return known.note;
      }
    },
  };
}

const maxNoteBytes = 2 ** 20;
/** Milliseconds for which nobody asks again what the newest head is. */
const freshMs = 5_000;
const unreachable: readonly ErrorKind[] = ['upstream', 'timeout', 'overloaded'];
