/** A map bounded in bytes and entries, which lets go of what was not asked for lately. */
export interface Tier<T> {
  get(key: string): T | undefined;
  /** Keeps a value, unless it is larger than the whole budget. */
  set(key: string, value: T, bytes: number): void;
  delete(key: string): void;
  readonly bytes: number;
  readonly entries: number;
}

/** What an entry costs beside its value: key, map slot, object. An estimate, so that many empty values are bounded too. */
const entryOverhead = 512;

/**
 * A tier of at most `maxBytes`. Eviction is a second chance in order of insertion (the CLOCK algorithm): a hit
 * only sets a flag, where moving an entry to the end of a list would cost more than the rest of the hit.
 */
export function createTier<T>(maxBytes: number): Tier<T> {
  const slots = new Map<string, { value: T; cost: number; used: boolean }>();
  let total = 0;

  function remove(key: string): void {
    const slot = slots.get(key);
    if (slot === undefined) return;
    slots.delete(key);
    total -= slot.cost;
  }

  function makeRoom(): void {
    for (const [key, slot] of slots) {
      if (total <= maxBytes) return;
      if (slot.used) {
        slot.used = false;
        slots.delete(key);
        slots.set(key, slot);
      } else {
        remove(key);
      }
    }
  }

  return {
    get(key) {
      const slot = slots.get(key);
      if (slot === undefined) return undefined;
      slot.used = true;
      return slot.value;
    },
    set(key, value, bytes) {
      remove(key);
      const cost = bytes + entryOverhead;
      if (cost > maxBytes) return;
      slots.set(key, { value, cost, used: false });
      total += cost;
      makeRoom();
    },
    delete: remove,
    get bytes() {
      return total;
    },
    get entries() {
      return slots.size;
    },
  };
}
