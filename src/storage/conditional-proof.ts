import { randomUUID } from 'node:crypto';
import { StoaError } from '../errors.ts';
import { allSettled } from './settled.ts';

/** A way in which a store puts a blob only where it is absent. */
type PutIfAbsent = (key: string, body: Uint8Array) => Promise<boolean>;

const writers = 16;
const rounds = 3;

/**
 * Proves that of many who put one key if it is absent exactly one wins, on which everything above relies: there are stores that
 * take the condition and ignore it. `ways` are those in which the store puts, each with a name for the message. Throws `storage`
 * where the proof fails. Nothing of it stays.
 */
export async function proveConditionalWrites(
  name: string,
  ways: Readonly<Record<string, PutIfAbsent>>,
  remove: (key: string) => Promise<void>,
): Promise<void> {
  // One way that fails must not leave another in the middle of it.
  await allSettled(
    Object.entries(ways).map(async ([way, put]) => {
      for (let round = 0; round < rounds; round++) {
        const won = await race(put, remove);
        if (won === 1) continue;
        throw new StoaError(
          'storage',
          `${name}: cannot keep modules: of ${writers} writers who ${way} one key only where it is absent ${won} won, not one; the store ignores If-None-Match`,
        );
      }
    }),
  );
}

/** How many win. */
async function race(put: PutIfAbsent, remove: (key: string) => Promise<void>): Promise<number> {
  const key = `proof/${randomUUID()}`;
  const puts = Array.from({ length: writers }, (_, writer) => put(key, Buffer.from(`writer ${writer}`)));
  const results = await Promise.allSettled(puts);
  await remove(key);
  const failed = results.find((result) => result.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
  return results.filter((result) => result.status === 'fulfilled' && result.value).length;
}
