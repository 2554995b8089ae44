/** Private logs over one store, as those of several processes. */
import { onTestFinished } from 'vitest';
import { checked } from '../../src/storage/checked.ts';
import { createMemoryStore } from '../../src/storage/memory.ts';
import type { BlobStore } from '../../src/storage/store.ts';
import { createLedger, type Ledger, type ProveLines } from '../../src/sumdb/ledger.ts';
import type { Signer } from '../../src/sumdb/note.ts';
import { ledgerName, numbered, signerOf, sumsFor } from './ledger-versions.ts';

export const signal = new AbortController().signal;

/** Made-up hashes: the same for the same version. */
export const madeUp: ProveLines = async (version) => sumsFor(version);

export interface LedgerBed {
  readonly store: BlobStore;
  /** What operators were told. */
  readonly events: readonly string[];
  readonly lines: readonly string[];
  /** A private log of another process over the same store, or over a wrapped one. */
  open(more?: { proveLines?: ProveLines; store?: BlobStore; signer?: Signer }): Ledger;
  /** Everything that is stored, or what begins so, below the name. */
  keys(prefix?: string): Promise<string[]>;
}

export function createLedgerBed(store = checked(createMemoryStore())): LedgerBed {
  const events: string[] = [];
  const lines: string[] = [];
  const life = new AbortController();
  onTestFinished(() => life.abort());
  return {
    store,
    events,
    lines,
    open: (more) =>
      createLedger({
        signer: signerOf(),
        store,
        proveLines: madeUp,
        log: { warn: (message) => lines.push(message) },
        recorder: { event: (kind) => events.push(kind) },
        deadlineMs: 10_000,
        life: life.signal,
        ...more,
      }),
    async keys(prefix = '') {
      const root = `sumdb/${ledgerName}/`;
      const keys: string[] = [];
      for await (const key of store.list(root + prefix)) keys.push(key.slice(root.length));
      return keys;
    },
  };
}

/** Logs so many numbered versions, all at once. */
export async function addAll(ledger: Ledger, count: number, first = 0): Promise<void> {
  const versions = Array.from({ length: count }, (_, i) => numbered(first + i));
  await Promise.all(versions.map((version) => ledger.add(version, sumsFor(version), signal)));
}
