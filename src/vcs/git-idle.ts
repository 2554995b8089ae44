/** Something that may be closed while nobody uses it. */
export interface Idler {
  close(): void;
}

/** What is kept open for the next who needs it: not for long, and not many. */
export interface Idle {
  /** Keeps it until it is taken back, its time is over, or too many came after it: then it is closed. */
  keep(idler: Idler): void;
  /** Takes it back into use; false when it was closed meanwhile, or never kept. */
  take(idler: Idler): boolean;
  /** Closes all. */
  close(): void;
}

export function createIdle({
  maxCount,
  idleMs,
}: {
  readonly maxCount: number;
  readonly idleMs: number;
}): Idle {
  const kept = new Map<Idler, NodeJS.Timeout>();

  function take(idler: Idler): boolean {
    clearTimeout(kept.get(idler));
    return kept.delete(idler);
  }
  function drop(idler: Idler): void {
    if (take(idler)) idler.close();
  }

  return {
    keep(idler) {
      const timer = setTimeout(drop, idleMs, idler);
      timer.unref();
      kept.set(idler, timer);
      const [oldest] = kept.keys();
      if (kept.size > maxCount && oldest !== undefined) drop(oldest);
    },
    take,
    close() {
      for (const idler of kept.keys()) drop(idler);
    },
  };
}
