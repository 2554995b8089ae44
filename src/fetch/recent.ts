/** What is remembered for a while, within a bound; the least recently used goes first. */
export interface Recent<T> {
  get(key: string): T | undefined;
  /** `size` is what the value takes beside its key, in characters; what is larger than the bound is not kept. */
  set(key: string, value: T, size: number): void;
}

export interface RecentOptions {
  /** Of keys and values together, in characters. */
  readonly maxSize: number;
  /** From when it was set, however often it is used. */
  readonly lifetimeMs: number;
  readonly now: () => number;
}

export function createRecent<T>({ maxSize, lifetimeMs, now }: RecentOptions): Recent<T> {
  const entries = new Map<string, { readonly value: T; readonly size: number; readonly expires: number }>();
  let total = 0;

  function remove(key: string): void {
    total -= entries.get(key)?.size ?? 0;
    entries.delete(key);
  }

  return {
    get(key) {
      const entry = entries.get(key);
      if (entry === undefined) return undefined;
      entries.delete(key);
      entries.set(key, entry);
      if (entry.expires > now()) return entry.value;
      remove(key);
      return undefined;
    },
    set(key, value, size) {
      remove(key);
      const entry = { value, size: size + key.length + overhead, expires: now() + lifetimeMs };
      entries.set(key, entry);
      total += entry.size;
      while (total > maxSize) remove(entries.keys().next().value!);
    },
  };
}

/** Of an entry, in characters. */
const overhead = 100;
