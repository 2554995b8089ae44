import type { ModuleVersion } from '../module/version.ts';
import type { BlobStore } from '../storage/store.ts';
import { lookupKey } from './ledger-keys.ts';
import { formatLogged, type Logged, parseLogged } from './ledger-record.ts';
import { readStored } from './read-stored.ts';

/**
 * Which record is that of a version: a small blob under the version's own key, so that no log is too large for it. They follow from
 * the commits and are stored behind them, many at a time; until then they are in memory.
 */
export interface LedgerLookups {
  /** Throws `integrity` where what is stored for a version is not a record of it. */
  find(version: ModuleVersion, signal: AbortSignal): Promise<Logged | undefined>;
  /** From now on these are found. */
  add(logged: readonly Logged[]): void;
  /** How many are only in memory. */
  readonly unstored: number;
  /** Stores all that were added before; those of a failure stay in memory. */
  store(signal: AbortSignal): Promise<void>;
}

export function createLedgerLookups(name: string, store: BlobStore): LedgerLookups {
  const unstored = new Map<string, Logged>();

  async function put(key: string, logged: Logged, signal: AbortSignal): Promise<void> {
    const bytes = formatLogged(logged);
    const stored = await readStored(store, key, signal);
    // Another process may have been faster; after a crash it is the process before.
    if (!stored?.equals(bytes)) await store.put(key, bytes, { signal });
    unstored.delete(key);
  }

  return {
    async find(version, signal) {
      const key = lookupKey(name, version);
      const known = unstored.get(key);
      if (known !== undefined) return known;
      const stored = await readStored(store, key, signal);
      return stored && parseLogged(stored, version);
    },
    add(logged) {
      for (const one of logged) unstored.set(lookupKey(name, one.version), one);
    },
    get unstored() {
      return unstored.size;
    },
    async store(signal) {
      const entries = [...unstored];
      for (let at = 0; at < entries.length; at += atOnce)
        await Promise.all(entries.slice(at, at + atOnce).map(([key, logged]) => put(key, logged, signal)));
    },
  };
}

/** Look-ups that are stored at the same time. */
const atOnce = 32;
