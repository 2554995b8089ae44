import { isStoaError, StoaError } from '../errors.ts';
import type { ModuleVersion } from '../module/version.ts';
import type { Log } from '../observe/log.ts';
import type { BlobStore } from '../storage/store.ts';
import { targetKey } from './keys.ts';
import {
  emptyState,
  formatCheckpoint,
  type LogState,
  readCheckpoint,
  signHead,
} from './ledger-checkpoint.ts';
import { type Commit, formatCommit, parseCommit } from './ledger-commit.ts';
import { edgeTree, growEdge, type TileBytes } from './ledger-edge.ts';
import { checkpointKey, commitKey } from './ledger-keys.ts';
import { createLedgerLookups } from './ledger-lookups.ts';
import { type Logged, recordText } from './ledger-record.ts';
import { parseVerifierKey, type Signer } from './note.ts';
import { readStored } from './read-stored.ts';
import { formatTilePath } from './tile.ts';

/**
 * Our own log in storage. Whoever puts commit number n has appended to it, and nobody else has: a head is signed for every
 * batch that is tried, and only the one that is stored may ever be seen, since two heads of one size would be the end of each
 * client that saw both. Several processes may append; who loses goes on behind the winner.
 *
 * All else in storage follows from the commits: the full tiles, stored before a state is answered from; the look-ups, stored
 * soon after; the checkpoint, from which a start goes on.
 */
export interface LedgerLog {
  /** What may be answered from: every tile of it is stored, or in its edge. */
  readonly state: LogState;
  /** The record of a version, of all commits that are known here. */
  find(version: ModuleVersion, signal: AbortSignal): Promise<Logged | undefined>;
  /** Reads what others have committed meanwhile. */
  catchUp(): Promise<LogState>;
  /** Appends a record for each version that has none, all in one commit. Answers what is logged for them, which may be something else. */
  append(wanted: readonly Wanted[]): Promise<Logged[]>;
  /** Stores what is still to be stored, so that the next start has nothing to do. */
  close(): Promise<void>;
}

/** What is to be logged. */
export type Wanted = Pick<Logged, 'version' | 'sums'>;

export interface LedgerLogOptions {
  readonly signer: Signer;
  readonly store: BlobStore;
  readonly log: Pick<Log, 'warn'>;
  /** Ends what is under way. */
  readonly life: AbortSignal;
}

/** Opens the log, or begins it. Throws `integrity` where the commits are not those of this key. */
export async function openLedgerLog({ signer, store, log, life }: LedgerLogOptions): Promise<LedgerLog> {
  const verifier = parseVerifierKey(signer.verifierKey);
  const { name } = verifier;
  const lookups = createLedgerLookups(name, store);
  let state = await startingState();
  let checkpointed = state.commits;
  let last: Promise<unknown> = Promise.resolve();
  let nextCatchUp: Promise<LogState> | undefined;
  let storing: Promise<void> | undefined;
  let isTroubled = false;

  async function startingState(): Promise<LogState> {
    try {
      return (await readCheckpoint(store, verifier, life)) ?? emptyState(signer);
    } catch (error) {
      if (!isStoaError(error, 'integrity')) throw error;
      log.warn('the private log is read from its first commit on', { database: name, reason: error.message });
      return emptyState(signer);
    }
  }

  /** One after the other: each goes on from the state that the one before it left. */
  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = last.then(work);
    last = turn.catch(() => undefined);
    return turn;
  }

  function catchUp(): Promise<LogState> {
    nextCatchUp ??= inTurn(async () => {
      nextCatchUp = undefined;
      await readNewer();
      return state;
    });
    return nextCatchUp;
  }

  /** True where there was something newer. */
  async function readNewer(): Promise<boolean> {
    const { commits } = state;
    let bytes = await readStored(store, commitKey(name, commits), life);
    while (bytes !== undefined) {
      const next = await readStored(store, commitKey(name, state.commits + 1), life);
      // A commit can be seen before it is durable. Who made the next one knew that it was; of the last one nobody may know.
      if (next === undefined)
        await store.put(commitKey(name, state.commits), bytes, { ifAbsent: true, signal: life });
      await follow(bytes);
      bytes = next;
    }
    return state.commits > commits;
  }

  async function follow(bytes: Buffer): Promise<void> {
    const key = commitKey(name, state.commits);
    let commit: Commit;
    try {
      commit = parseCommit(bytes, verifier);
    } catch (error) {
      if (!isStoaError(error, 'integrity')) throw error;
      throw broken(key, error.message);
    }
    const { edge, full } = growEdge(state.edge, commit.texts);
    const { tree } = commit.head;
    if (tree.size !== edge.size || !tree.hash.equals(edgeTree(edge).hash))
      throw broken(key, 'it does not continue the commits before it');
    await advance({ commits: state.commits + 1, edge, head: commit.head }, full, commit.logged);
  }

  /** Makes a committed state the one that is answered from. */
  async function advance(
    next: LogState,
    full: readonly TileBytes[],
    logged: readonly Logged[],
  ): Promise<void> {
    await Promise.all(full.map(storeTile));
    if (lookups.unstored >= maxUnstored) await storeLookups();
    lookups.add(logged);
    state = next;
    void storeLookups().catch((error: unknown) => {
      if (!isTroubled && !life.aborted)
        log.warn('look-ups of the private log cannot be stored', { database: name, reason: String(error) });
      isTroubled = true;
    });
  }

  async function storeTile({ tile, data }: TileBytes): Promise<void> {
    const key = targetKey(name, formatTilePath(tile));
    const stored = await readStored(store, key, life);
    if (!stored?.equals(data)) await store.put(key, data, { signal: life });
  }

  /** Stores those that there are now and those that come meanwhile. */
  function storeLookups(): Promise<void> {
    storing ??= (async () => {
      // Before the first await nothing may end this: it would be taken for under way for ever.
      await null;
      try {
        while (lookups.unstored > 0) {
          const reached = state;
          await lookups.store(life);
          isTroubled = false;
          if (reached.commits >= checkpointed + checkpointEvery) await storeCheckpoint(reached);
        }
      } finally {
        storing = undefined;
      }
    })();
    return storing;
  }

  async function storeCheckpoint(reached: LogState): Promise<void> {
    await store.put(checkpointKey(name), formatCheckpoint(reached), { signal: life });
    checkpointed = reached.commits;
  }

  async function append(wanted: readonly Wanted[]): Promise<Logged[]> {
    for (let tries = 1; tries <= maxTries; tries++) {
      const found = await Promise.all(wanted.map(({ version }) => lookups.find(version, life)));
      const missing = wanted.filter((_, i) => found[i] === undefined);
      if (missing.length === 0) return found.map((logged) => logged!);
      await commit(missing);
    }
    throw new StoaError('overloaded', `private log ${name}: other processes append to it without end`);
  }

  /** Commits the records, or reads what others have committed in their place. */
  async function commit(wanted: readonly Wanted[]): Promise<void> {
    const key = commitKey(name, state.commits);
    const texts = wanted.map(recordText);
    const { edge, full } = growEdge(state.edge, texts);
    const head = signHead(edge, signer);
    let isWon: boolean;
    try {
      isWon = await store.put(key, formatCommit({ texts, head }), { ifAbsent: true, signal: life });
    } catch (error) {
      // It may have been stored for all that.
      if (!(await readNewer())) throw error;
      return;
    }
    if (isWon) {
      const first = state.edge.size;
      const logged = wanted.map(({ version, sums }, i) => ({ version, sums, id: first + i }));
      await advance({ commits: state.commits + 1, edge, head }, full, logged);
    } else if (!(await readNewer())) {
      throw new StoaError('storage', `${key}: it is there, and cannot be found`);
    }
  }

  await inTurn(readNewer);
  return {
    get state() {
      return state;
    },
    find: lookups.find,
    catchUp,
    append: (wanted) => inTurn(() => append(wanted)),
    async close() {
      await last;
      await storeLookups();
      if (state.commits > checkpointed) await storeCheckpoint(state);
    },
  };
}

/** Look-ups that may be in memory alone; past them, appending waits. */
const maxUnstored = 1024;
/** Commits that a start may have to read. */
const checkpointEvery = 64;
const maxTries = 100;

function broken(key: string, why: string): StoaError {
  return new StoaError('integrity', `${key} is no commit of this log: ${why}`);
}
