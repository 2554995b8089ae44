import { isStoaError } from '../errors.ts';
import { formatModuleVersion } from '../module/version.ts';
import type { BlobStore } from '../storage/store.ts';
import { targetKey } from './keys.ts';
import { readCheckpoint } from './ledger-checkpoint.ts';
import { type Commit, parseCommit } from './ledger-commit.ts';
import { type Edge, edgeTree, emptyEdge, growEdge, type TileBytes } from './ledger-edge.ts';
import { commitKey, commitPrefix, commitSequence, lookupKey, lookupPrefix } from './ledger-keys.ts';
import { formatLogged, type Logged } from './ledger-record.ts';
import { sizeForTile } from './ledger-tiles.ts';
import { parseVerifierKey } from './note.ts';
import { readStored } from './read-stored.ts';
import { parseRecord } from './record.ts';
import { formatTilePath, parseTilePath } from './tile.ts';

/** What a private log in storage is, and what is wrong with it. */
export interface LedgerReport {
  readonly commits: number;
  readonly records: number;
  /** Full tiles. */
  readonly tiles: number;
  readonly lookups: number;
  /** Tiles and look-ups that a server still has to store, as after a crash: the next start does. */
  readonly unstored: number;
  /** The note of the newest head that is right. */
  readonly head?: Buffer;
  /** Sentences, the first hundred. */
  readonly problems: readonly string[];
  readonly problemCount: number;
}

export interface VerifyOptions {
  readonly verifierKey: string;
  readonly store: BlobStore;
  readonly signal: AbortSignal;
  /** Hears now and then how many records were looked at. */
  readonly progress?: (records: number) => void;
}

/**
 * Computes the whole log again from its commits, and holds against it what is stored: that commits are numbered without holes, each
 * signed head is that of the records up to it, hence continues the one before, and tiles and look-ups are those of the commits.
 * Nothing is changed. What is behind a broken commit is not looked at.
 */
export async function verifyLedger({
  verifierKey,
  store,
  signal,
  progress,
}: VerifyOptions): Promise<LedgerReport> {
  const verifier = parseVerifierKey(verifierKey);
  const { name } = verifier;
  const problems: string[] = [];
  let problemCount = 0;
  let commits = 0;
  let edge: Edge = emptyEdge;
  let head: Buffer | undefined;
  const stored = { tiles: 0, lookups: 0 };
  let unstored = 0;

  function complain(problem: string): void {
    if (++problemCount <= maxProblems) problems.push(problem);
  }

  /** Until this commit, all that follows from the commits must be stored. */
  async function checkpointed(): Promise<number> {
    try {
      return (await readCheckpoint(store, verifier, signal))?.commits ?? 0;
    } catch (error) {
      if (!isStoaError(error, 'integrity')) throw error;
      complain(error.message);
      return 0;
    }
  }

  /** What is wrong with the next commit, or undefined after it was added. */
  async function addCommit(
    key: string,
    mustBeStored: (commit: number) => boolean,
  ): Promise<string | undefined> {
    if (commitSequence(name, key) !== commits) return `${commitKey(name, commits)} is missing before ${key}`;
    let commit: Commit;
    try {
      commit = parseCommit((await readStored(store, key, signal))!, verifier);
    } catch (error) {
      if (!isStoaError(error, 'integrity')) throw error;
      return `${key}: ${error.message}`;
    }
    const grown = growEdge(edge, commit.texts);
    const { tree } = commit.head;
    if (tree.size !== grown.edge.size || !tree.hash.equals(edgeTree(grown.edge).hash))
      return `${key}: its head is not that of the records up to it`;
    const isDue = mustBeStored(commits);
    await Promise.all([
      ...grown.full.map((tile) => checkTile(tile, isDue)),
      ...commit.logged.map((logged) => checkLookup(logged, isDue)),
    ]);
    edge = grown.edge;
    head = commit.head.note;
    commits++;
    return undefined;
  }

  async function checkTile({ tile, data }: TileBytes, isDue: boolean): Promise<void> {
    const key = targetKey(name, formatTilePath(tile));
    const found = await readStored(store, key, signal);
    if (found !== undefined) stored.tiles++;
    if (found === undefined && !isDue) unstored++;
    else if (found === undefined) complain(`${key} is missing`);
    else if (!found.equals(data)) complain(`${key} is not what follows from the commits`);
  }

  async function checkLookup(logged: Logged, isDue: boolean): Promise<void> {
    const key = lookupKey(name, logged.version);
    const found = await readStored(store, key, signal);
    if (found !== undefined) stored.lookups++;
    if (found === undefined && !isDue) unstored++;
    else if (found === undefined) complain(`${key} is missing`);
    else if (!found.equals(formatLogged(logged)))
      complain(`${formatModuleVersion(logged.version)}: ${key} is not its record ${logged.id}`);
  }

  /** Whether there is something that no commit leads to, as where some were lost. */
  async function checkStrays(): Promise<void> {
    for await (const key of store.list(targetKey(name, 'tile/'), { signal })) {
      const tile = parseTilePath(key.slice(targetKey(name, '').length));
      if (sizeForTile(tile) <= edge.size) continue;
      if (await hasGrown()) return;
      complain(`${key} is of records that no commit has`);
    }
    let listed = 0;
    for await (const _ of store.list(lookupPrefix(name), { signal })) listed++;
    if (listed <= stored.lookups) return;
    for await (const key of store.list(lookupPrefix(name), { signal })) {
      const { id } = parseRecord((await readStored(store, key, signal))!);
      if (id < edge.size) continue;
      if (await hasGrown()) return;
      complain(`${key} is of record ${id}, which no commit has`);
    }
  }

  /** Whether a server appended meanwhile: then what is stored may well be of later commits. */
  async function hasGrown(): Promise<boolean> {
    return (await store.stat(commitKey(name, commits), { signal })) !== undefined;
  }

  const due = await checkpointed();
  let told = 0;
  for await (const key of store.list(commitPrefix(name), { signal })) {
    const problem = await addCommit(key, (commit) => commit < due);
    if (problem !== undefined) {
      complain(problem);
      break;
    }
    if (edge.size < told + progressEvery) continue;
    told = edge.size;
    progress?.(told);
  }
  if (problemCount === 0) await checkStrays();
  return { commits, records: edge.size, ...stored, unstored, ...(head && { head }), problems, problemCount };
}

const maxProblems = 100;
const progressEvery = 100_000;
