import type { LookupAddress } from 'node:dns';
import { lookup } from 'node:dns/promises';

/** Asks the system for the addresses of a name, as `dns.lookup` with `all` does. */
export type Resolve = (name: string) => Promise<readonly LookupAddress[]>;

export interface LookupOptions {
  readonly resolve?: Resolve;
  readonly now?: () => number;
  /** Milliseconds for which an answer is used again. */
  readonly ttlMs?: number;
  /** Names kept; beyond it the oldest is dropped. */
  readonly maxNames?: number;
}

/**
 * Name look-ups that share their answers: libuv does them in the few threads that also read files, and a slow
 * name server must not hold more than one of them for a name. A failure is not kept.
 */
export function createLookup(options: LookupOptions = {}): Resolve {
  const { resolve = resolveBySystem, now = Date.now, ttlMs = 10_000, maxNames = 1_000 } = options;
  const answers = new Map<string, { readonly addresses: ReturnType<Resolve>; expires: number }>();

  return (name) => {
    const known = answers.get(name);
    if (known && known.expires > now()) return known.addresses;
    const answer = { addresses: resolve(name), expires: Number.POSITIVE_INFINITY };
    answers.delete(name);
    answers.set(name, answer);
    if (answers.size > maxNames) answers.delete(answers.keys().next().value!);
    answer.addresses.then(
      () => {
        answer.expires = now() + ttlMs;
      },
      () => {
        if (answers.get(name) === answer) answers.delete(name);
      },
    );
    return answer.addresses;
  };
}

function resolveBySystem(name: string): Promise<LookupAddress[]> {
  return lookup(name, { all: true });
}
