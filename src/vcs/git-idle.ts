/** Something that may be closed while nobody uses it. */
export interface Idler {
  close(): void;
}

/** What is kept open for the next who needs it: not for long, and not many. */
export interface Idle {
  /** Keeps it until it is taken back, its time is over, or too many came after it: then it is closed. */
  keep(idler: Idler): void;
  /** Takes it back into use, where it is kept. */
  take(idler: Idler): void;
  /** Closes the one that was kept for longest. */
  closeOldest(): void;
}

export interface IdleOptions {
  readonly maxCount: number;
  /** Milliseconds. */
  readonly idleMs: number;
  /** Whether there is no room to keep anything now. */
  readonly isFull: () => boolean;
}

export function createIdle({ maxCount, idleMs, isFull }: IdleOptions): Idle {
  const kept = new Map<Idler, NodeJS.Timeout>();

  function take(idler: Idler): void {
    clearTimeout(kept.get(idler));
    kept.delete(idler);
  }

  function close(idler: Idler): void {
    take(idler);
    idler.close();
  }

  function closeOldest(): void {
    const [oldest] = kept.keys();
    if (oldest !== undefined) close(oldest);
  }

  return {
    keep(idler) {
      take(idler);
      if (isFull()) {
        idler.close();
        return;
      }
      const timer = setTimeout(close, idleMs, idler);
      timer.unref();
      kept.set(idler, timer);
      if (kept.size > maxCount) closeOldest();
    },
    take,
    closeOldest,
  };
}
