import type { Blob, BlobInfo, GetOptions } from '../storage/store.ts';

/**
 * Zips that are kept open between requests, as nginx's open_file_cache does, in stores where that costs a descriptor: a hit
 * neither looks for its file nor opens it. What is in a file is read as it was opened; that it is still the one under its key is looked at
 * once in `recheckMs`.
 */
export interface OpenZips<T> {
  /** What is kept of the key, if it was looked at lately or is being looked at; else undefined, and the caller looks. */
  recent(key: string): Lease<T> | undefined;
  /** Tells what a look found, so that what is kept is taken up again, or given up where it is another file. */
  seen(key: string, info: BlobInfo | undefined): Lease<T> | undefined;
  /** Takes over a blob that was opened for one request, and keeps it where it can be read again and none is kept yet. */
  keep(key: string, blob: Blob, about: T): Lease<T>;
}

/** The use of an open zip by one request, until it is closed. */
export interface Lease<T> {
  readonly info: BlobInfo;
  /** What the caller wanted to be kept with it. */
  readonly about: T;
  read(range: GetOptions): AsyncIterable<Uint8Array>;
  /** May be called twice. */
  close(): Promise<void>;
}

/** Descriptors at most. */
const maxOpen = 128;

/** For so long the name of a file is not looked up again. */
const recheckMs = 1000;

/** Who was not asked for in this time is closed: an open file that was deleted still takes its room on the disk. */
const idleMs = 10_000;

interface Kept<T> {
  readonly blob: Blob;
  readonly about: T;
  seenAt: number;
  usedAt: number;
  leases: number;
  dropped: boolean;
}

export function createOpenZips<T>({
  life,
  now,
}: {
  readonly life: AbortSignal;
  readonly now: () => number;
}): OpenZips<T> {
  /** By key, the least recently used first. */
  const kept = new Map<string, Kept<T>>();
  let sweeping = false;

  async function closeUnused({ blob, dropped, leases }: Kept<T>): Promise<void> {
    if (dropped && leases === 0) await blob.close();
  }

  function drop(key: string, entry: Kept<T>): void {
    if (kept.get(key) === entry) kept.delete(key);
    entry.dropped = true;
    // Nobody waits for it, and nothing was written to it.
    closeUnused(entry).catch(() => undefined);
  }

  function sweep(): void {
    sweeping = false;
    for (const [key, entry] of kept)
      if (Math.abs(now() - entry.usedAt) >= idleMs || life.aborted) drop(key, entry);
    sweepLater();
  }

  function sweepLater(): void {
    if (sweeping || kept.size === 0) return;
    sweeping = true;
    setTimeout(sweep, idleMs).unref();
  }

  function lease(entry: Kept<T>): Lease<T> {
    let closed = false;
    entry.leases++;
    return {
      info: entry.blob,
      about: entry.about,
      read: (range) => entry.blob.readRange!(range),
      async close() {
        if (closed) return;
        closed = true;
        entry.leases--;
        await closeUnused(entry);
      },
    };
  }

  function use(key: string, entry: Kept<T>): Lease<T> {
    entry.usedAt = now();
    kept.delete(key);
    kept.set(key, entry);
    return lease(entry);
  }

  return {
    recent(key) {
      const entry = kept.get(key);
      if (entry === undefined) return undefined;
      // A clock that was set back must not keep it unlooked at.
      if (Math.abs(now() - entry.seenAt) < recheckMs) return use(key, entry);
      // One looks, the others go on meanwhile.
      entry.seenAt = now();
      return undefined;
    },
    seen(key, info) {
      const entry = kept.get(key);
      if (entry === undefined) return undefined;
      if (entry.blob.identity === info?.identity) return use(key, entry);
      drop(key, entry);
      return undefined;
    },
    keep(key, blob, about) {
      const entry: Kept<T> = { blob, about, seenAt: now(), usedAt: now(), leases: 0, dropped: true };
      const mine = lease(entry);
      if (blob.readRange === undefined || kept.get(key)?.blob.identity === blob.identity || life.aborted)
        return mine;
      const other = kept.get(key);
      if (other !== undefined) drop(key, other);
      entry.dropped = false;
      kept.set(key, entry);
      const [oldest] = kept;
      if (kept.size > maxOpen && oldest !== undefined) drop(...oldest);
      sweepLater();
      return mine;
    },
  };
}
