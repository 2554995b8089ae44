import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { checked } from '../../src/storage/checked.ts';
import { openDiskStore } from '../../src/storage/disk.ts';
import type { BlobStore } from '../../src/storage/store.ts';
import { openHead } from '../../src/sumdb/head.ts';
import { targetKey } from '../../src/sumdb/keys.ts';
import { createLedger, type Ledger } from '../../src/sumdb/ledger.ts';
import { formatCheckpoint, signHead } from '../../src/sumdb/ledger-checkpoint.ts';
import { formatCommit } from '../../src/sumdb/ledger-commit.ts';
import { emptyEdge, growEdge } from '../../src/sumdb/ledger-edge.ts';
import { checkpointKey, commitKey, lookupKey } from '../../src/sumdb/ledger-keys.ts';
import { formatLogged, type Logged, recordText } from '../../src/sumdb/ledger-record.ts';
import { makeLedgerKey, parseLedgerKey } from '../../src/sumdb/ledger-signer.ts';
import { parseVerifierKey } from '../../src/sumdb/note.ts';
import { parseRecord } from '../../src/sumdb/record.ts';
import { formatTilePath } from '../../src/sumdb/tile.ts';
import { tileHashes } from '../../src/sumdb/tile-hashes.ts';
import { checkRecordProof, proveRecord, recordHash } from '../../src/sumdb/tlog.ts';
import { type Bench, removeFolder } from '../bench.ts';
import { quantile } from '../load.ts';

export const ledgerRows = ['ledger-append', 'ledger-proof'];

/** The private log on disk: how many versions a second are logged by their look-ups, and how long a proof takes in a large log. */
export async function runLedger(bench: Bench): Promise<void> {
  for (const [row, measure] of [
    ['ledger-append', measureAppends],
    ['ledger-proof', measureProofs],
  ] as const) {
    if (!bench.wanted(row)) continue;
    const root = join(bench.folder, row);
    const life = new AbortController();
    await bench.attempt(row, 'stoa', async () =>
      measure(bench, checked(await openDiskStore({ root })), life.signal),
    );
    life.abort();
    removeFolder(root);
  }
}

const signer = parseLedgerKey(makeLedgerKey('sum.bench.example', Buffer.alloc(32, 1)).signerKey);
const verifier = parseVerifierKey(signer.verifierKey);

/** Clients that look versions up, each one behind the other, all of them new. */
const clients = 256;

async function measureAppends(bench: Bench, store: BlobStore, signal: AbortSignal): Promise<void> {
  const ledger = open(store, signal);
  await ledger.ready();
  const times: number[] = [];
  const start = performance.now();
  const end = start + 1000 * bench.seconds;
  let asked = 0;
  await Promise.all(
    Array.from({ length: clients }, async () => {
      while (performance.now() < end) {
        const begun = performance.now();
        await ledger.record(loggedAs(asked++).version, signal);
        times.push(performance.now() - begun);
      }
    }),
  );
  bench.figures.set(
    'ledger-append',
    'stoa',
    'perSecond',
    (1000 * times.length) / (performance.now() - start),
  );
  bench.figures.set('ledger-append', 'stoa', 'p50', quantile(times, 0.5));
  bench.figures.set('ledger-append', 'stoa', 'p99', quantile(times, 0.99));
  await ledger.close();
}

/** From the look-up to the proof that was checked, with every tile that it needs. */
async function measureProofs(bench: Bench, store: BlobStore, signal: AbortSignal): Promise<void> {
  const size = bench.quick ? 70_000 : 1_000_000;
  const rounds = bench.quick ? 200 : 1000;
  const known = await buildLog(store, size, rounds);
  const ledger = open(store, signal);
  // The first time files are read from the disk, and what proves warms up.
  for (const logged of known) await prove(ledger, logged, signal);
  const times: number[] = [];
  for (const logged of known) {
    const start = performance.now();
    await prove(ledger, logged, signal);
    times.push(performance.now() - start);
  }
  bench.figures.set('ledger-proof', 'stoa', 'p50', quantile(times, 0.5));
  bench.figures.set('ledger-proof', 'stoa', 'p99', quantile(times, 0.99));
}

async function prove(ledger: Ledger, { version }: Logged, signal: AbortSignal): Promise<void> {
  const { id, text, rest } = parseRecord(await ledger.record(version, signal));
  const { tree } = openHead(rest, verifier);
  const proof = proveRecord(tree.size, id);
  const { tiles, authenticate } = tileHashes(tree, 8, proof.indexes);
  const data = await Promise.all(tiles.map((tile) => ledger.tile(tile, signal)));
  checkRecordProof(proof.compute(authenticate(data)), tree, id, recordHash(text));
}

/**
 * Writes a log as many appends would have left it, but for the look-ups: only of those versions that are asked for, which it
 * answers, in no order.
 */
async function buildLog(store: BlobStore, size: number, wanted: number): Promise<Logged[]> {
  const perCommit = 4096;
  let edge = emptyEdge;
  for (let commits = 0; edge.size < size; commits++) {
    const count = Math.min(perCommit, size - edge.size);
    const texts = Array.from({ length: count }, (_, i) => recordText(loggedAs(edge.size + i)));
    const grown = growEdge(edge, texts);
    edge = grown.edge;
    for (const { tile, data } of grown.full)
      await store.put(targetKey(signer.name, formatTilePath(tile)), data);
    const head = signHead(edge, signer);
    await store.put(commitKey(signer.name, commits), formatCommit({ texts, head }));
    if (edge.size === size)
      await store.put(checkpointKey(signer.name), formatCheckpoint({ commits: commits + 1, edge, head }));
  }
  // A step that has no factor in common with the size leads everywhere.
  const known = Array.from({ length: wanted }, (_, i) => loggedAs((i * 611_953) % size));
  for (const logged of known) await store.put(lookupKey(signer.name, logged.version), formatLogged(logged));
  return known;
}

function open(store: BlobStore, life: AbortSignal): Ledger {
  return createLedger({
    signer,
    store,
    proveLines: async ({ version }) => loggedAs(Number(version.split('.')[2])).sums,
    log: { warn() {} },
    recorder: { event() {} },
    deadlineMs: 60_000,
    life,
  });
}

/** The version of a number, with made-up hashes. */
function loggedAs(id: number): Logged {
  const version = { path: `git.corp.example/team/module${id % 1000}`, version: `v1.0.${id}` };
  const hash = `h1:${createHash('sha256').update(String(id)).digest('base64')}`;
  return { version, sums: { zip: hash, mod: hash }, id };
}
