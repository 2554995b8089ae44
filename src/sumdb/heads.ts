import { isStoaError, StoaError } from '../errors.ts';
import type { BlobStore } from '../storage/store.ts';
import type { ReportFork } from './forks.ts';
import { type Head, openHead } from './head.ts';
import { headKey, headPrefix, headSize } from './keys.ts';
import type { Verifier } from './note.ts';
import { readStored } from './read-stored.ts';
import type { Tiles } from './tiles.ts';
import { proveTree, treeHash } from './tlog.ts';

/** The one history of a database that is believed: what it signs must continue it. */
export interface Heads {
  /** The newest head that is believed; undefined before the first one. */
  newest(signal: AbortSignal, via?: string): Promise<Head | undefined>;
  /**
   * Believes what a note signs, and keeps it where it is the newest. Throws `integrity` for a note that the database did
   * not sign, and for a tree that contradicts what it signed before: the proof of that is kept.
   */
  believe(note: Buffer, signal: AbortSignal, via?: string): Promise<Head>;
}

export interface HeadsOptions {
  readonly name: string;
  readonly verifier: Verifier;
  readonly store: BlobStore;
  readonly tiles: Tiles;
  readonly reportFork: ReportFork;
}

/**
 * Heads are stored under their sizes, each put only where there is none: two processes that see one size must see one
 * tree. Before it adds one, a process goes on from the newest that is stored, whoever stored it; what that one continues
 * is then no longer needed.
 */
export function createHeads({ name, verifier, store, tiles, reportFork }: HeadsOptions): Heads {
  let current: Head | undefined;
  let last: Promise<unknown> = Promise.resolve();

  /** One after the other, each held against what the one before it left. */
  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = last.then(work);
    last = turn.catch(() => undefined);
    return turn;
  }

  async function newest(signal: AbortSignal, via?: string): Promise<Head | undefined> {
    if (current === undefined) await inTurn(async () => catchUp(await storedSizes(signal), signal, via));
    return current;
  }

  async function believe(note: Buffer, signal: AbortSignal, via?: string): Promise<Head> {
    const head = openHead(note, verifier);
    const known = await newest(signal, via);
    if (known !== undefined && head.tree.size <= known.tree.size) await checkBehind(head, known, signal, via);
    else await inTurn(() => advance(head, signal, via));
    return head;
  }

  async function advance(head: Head, signal: AbortSignal, via: string | undefined): Promise<void> {
    if (signal.aborted) throw new StoaError('canceled', 'canceled', { cause: signal.reason });
    const sizes = await storedSizes(signal);
    await catchUp(sizes, signal, via);
    if (current !== undefined && head.tree.size <= current.tree.size) {
      await checkBehind(head, current, signal, via);
      return;
    }
    const keepTiles = await checkContinues(current, head, signal, via);
    const isNew = await store.put(headKey(name, head.tree.size), head.note, { ifAbsent: true, signal });
    if (!isNew) await checkSame(head, await readHead(head.tree.size, signal));
    current = head;
    await keepTiles();
    for (const size of sizes) if (size < head.tree.size) await store.delete(headKey(name, size), { signal });
  }

  /** Goes on from the newest stored head, where that is newer than the own one. */
  async function catchUp(
    sizes: readonly number[],
    signal: AbortSignal,
    via: string | undefined,
  ): Promise<void> {
    const size = sizes.at(-1);
    if (size === undefined || (current !== undefined && size <= current.tree.size)) return;
    const stored = await readHead(size, signal);
    // It was replaced meanwhile by a newer one, which the next who asks will see.
    if (stored === undefined) return;
    const keepTiles = await checkContinues(current, stored, signal, via);
    current = stored;
    await keepTiles();
  }

  async function checkBehind(
    head: Head,
    known: Head,
    signal: AbortSignal,
    via: string | undefined,
  ): Promise<void> {
    const keepTiles = await checkContinues(head, known, signal, via);
    await keepTiles();
  }

  async function checkSame(head: Head, stored: Head | undefined): Promise<void> {
    if (stored !== undefined && !stored.tree.hash.equals(head.tree.hash))
      throw await reportFork({ older: stored, newer: head });
  }

  /** Throws unless the newer tree begins with the older one. What it returns keeps the tiles that were read for that. */
  async function checkContinues(
    older: Head | undefined,
    newer: Head,
    signal: AbortSignal,
    via: string | undefined,
  ): Promise<() => Promise<void>> {
    if (older === undefined || older.tree.size === newer.tree.size) {
      if (older !== undefined) await checkSame(newer, older);
      return async () => {};
    }
    if (older.tree.size === 0) return async () => {};
    const root = treeHash(older.tree.size);
    const proof = proveTree(newer.tree.size, older.tree.size);
    const indexes = [...root.indexes, ...proof.indexes];
    const { hashes, keep } = await tiles.readHashes(newer.tree, indexes, signal, via);
    const hash = root.compute(hashes.slice(0, root.indexes.length));
    if (hash.equals(older.tree.hash)) return keep;
    const proofHashes = proof.compute(hashes.slice(root.indexes.length));
    throw await reportFork({ older, newer, proof: { hash, hashes: proofHashes } });
  }

  /** The smallest first. */
  async function storedSizes(signal: AbortSignal): Promise<number[]> {
    const sizes: number[] = [];
    for await (const key of store.list(headPrefix(name), { signal })) {
      const size = headSize(name, key);
      if (size !== undefined) sizes.push(size);
    }
    return sizes;
  }

  async function readHead(size: number, signal: AbortSignal): Promise<Head | undefined> {
    const key = headKey(name, size);
    const note = await readStored(store, key, signal);
    if (note === undefined) return undefined;
    try {
      return openHead(note, verifier);
    } catch (error) {
      if (!isStoaError(error)) throw error;
      throw new StoaError(
        'integrity',
        `${key}, the newest head of the checksum database ${name}: ${error.message}`,
        {
          cause: error,
        },
      );
    }
  }

  return { newest, believe };
}
