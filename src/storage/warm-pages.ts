/**
 * Remembers which pages of an open file were read in the last seconds, and so are in the system's page cache still: these are
 * read at once, in a few microseconds, where the way through libuv's threads costs several times as much. A page that
 * was evicted meanwhile nevertheless holds the process for one read of a local disk, as it would nginx.
 */
export interface WarmPages {
  /** Whether each page of the bytes from `start` up to but not including `end` was marked five to ten seconds ago at most. */
  has(start: number, end: number): boolean;
  /** Marks the pages of bytes that were just read. */
  mark(start: number, end: number): void;
}

const pageBytes = 4096;

/** Marks are of the epoch they were made in, and good in the next one. */
const epochMs = 5000;

/** `now` are milliseconds that never go back. */
export function createWarmPages(size: number, now: () => number): WarmPages {
  let marks: Uint8Array | undefined;

  /** 1 to 255, so that 0 is never. One that comes round after 21 minutes costs a read of the disk at most. */
  const epoch = (): number => (Math.floor(now() / epochMs) % 255) + 1;
  const pagesOf = (start: number, end: number) =>
    [Math.floor(start / pageBytes), Math.ceil(end / pageBytes)] as const;

  return {
    has(start, end) {
      if (marks === undefined) return false;
      const current = epoch();
      const previous = current === 1 ? 255 : current - 1;
      const [from, to] = pagesOf(start, end);
      for (let page = from; page < to; page++) {
        const mark = marks[page];
        if (mark !== current && mark !== previous) return false;
      }
      return true;
    },
    mark(start, end) {
      marks ??= new Uint8Array(Math.ceil(size / pageBytes));
      marks.fill(epoch(), ...pagesOf(start, end));
    },
  };
}
