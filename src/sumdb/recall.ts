import { isStoaError } from '../errors.ts';
import type { ModuleVersion } from '../module/version.ts';
import { isKey } from '../storage/key.ts';
import type { BlobStore } from '../storage/store.ts';
import { lookupTarget, targetKey } from './keys.ts';
import { readStored } from './read-stored.ts';
import { parseRecord } from './record.ts';
import { parseSums, type Sums } from './sums.ts';

/**
 * The hashes of a version as a look-up that was proved before left them in storage; undefined where there was none, or where
 * what is stored of it cannot be read: whoever has to be sure looks it up. No proof is made again, nothing asks the network.
 */
export async function recallSums(
  store: BlobStore,
  name: string,
  version: ModuleVersion,
  signal: AbortSignal,
): Promise<Sums | undefined> {
  const key = targetKey(name, lookupTarget(version));
  const stored = isKey(key) ? await readStored(store, key, signal) : undefined;
  if (stored === undefined) return undefined;
  try {
    return parseSums(parseRecord(stored).text.toString(), version);
  } catch (error) {
    if (isStoaError(error, 'integrity')) return undefined;
    throw error;
  }
}
