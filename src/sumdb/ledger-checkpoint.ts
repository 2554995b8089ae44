/**
 * A state of our own log, and where it is kept for the next start. What is kept is believed only as far as a commit
 * says the same.
 */
import { isStoaError, StoaError } from '../errors.ts';
import type { BlobStore } from '../storage/store.ts';
import type { Head } from './head.ts';
import { parseCommit } from './ledger-commit.ts';
import { type Edge, edgeTree, emptyEdge } from './ledger-edge.ts';
import { checkpointKey, commitKey } from './ledger-keys.ts';
import { type Signer, signNote, type Verifier } from './note.ts';
import { readStored } from './read-stored.ts';
import { formatRecords, splitRecords } from './record.ts';
import { tileHeight } from './tiles.ts';
import { formatTree, hashSize, recordHash } from './tlog.ts';

/** The log after some of its commits. */
export interface LogState {
  /** How many. */
  readonly commits: number;
  readonly edge: Edge;
  /** What is signed for it. */
  readonly head: Head;
}

/** The log without commits. Its head is the same however often it is signed. */
export function emptyState(signer: Signer): LogState {
  return { commits: 0, edge: emptyEdge, head: signHead(emptyEdge, signer) };
}

/** The head of the tree that ends in an edge. */
export function signHead(edge: Edge, signer: Signer): Head {
  const tree = edgeTree(edge);
  return { tree, note: signNote(formatTree(tree), [signer]) };
}

/** What is kept of a state. */
export function formatCheckpoint({ commits, edge }: LogState): Buffer {
  const levels = edge.levels.map((hashes) => hashes.toString('base64'));
  return Buffer.from(JSON.stringify({ commits, levels, records: formatRecords(edge.records).toString() }));
}

/**
 * The state that is kept; undefined where there is none. Throws `integrity` for one that is not what the commits lead to: then
 * only they are left.
 */
export async function readCheckpoint(
  store: BlobStore,
  verifier: Verifier,
  signal: AbortSignal,
): Promise<LogState | undefined> {
  const { name } = verifier;
  const kept = await readStored(store, checkpointKey(name), signal);
  if (kept === undefined) return undefined;
  const { commits, levels, records } = parseCheckpoint(kept);
  const key = commitKey(name, commits - 1);
  const bytes = await readStored(store, key, signal);
  if (bytes === undefined) throw wrong(`there is no ${key}`);
  const { head } = parseCommit(bytes, verifier);
  const edge = { size: head.tree.size, levels, records };
  if (!isEdge(edge) || !edgeTree(edge).hash.equals(head.tree.hash))
    throw wrong(`${key} leads to another tree`);
  return { commits, edge, head };
}

function parseCheckpoint(bytes: Buffer): { commits: number } & Pick<Edge, 'levels' | 'records'> {
  try {
    const { commits, levels, records } = JSON.parse(bytes.toString()) as Record<string, unknown>;
    if (!Number.isSafeInteger(commits) || (commits as number) < 1) throw wrong('it counts no commits');
    return {
      commits: commits as number,
      levels: (levels as string[]).map((level) => Buffer.from(level, 'base64')),
      records: splitRecords(Buffer.from(records as string)),
    };
  } catch (error) {
    throw isStoaError(error) ? error : wrong('it is malformed');
  }
}

/** Whether it has as much as there is of each tile, and the records whose hashes it has. */
function isEdge({ size, levels, records }: Edge): boolean {
  const full = 2 ** tileHeight;
  const isWhole = levels.every(
    ({ length }, level) => length === (Math.floor(size / full ** level) % full) * hashSize,
  );
  const hashes = Buffer.concat(records.map(recordHash));
  return isWhole && full ** levels.length > size && hashes.equals(levels[0]!);
}

function wrong(why: string): StoaError {
  return new StoaError('integrity', `the checkpoint is not that of the log: ${why}`);
}
