/** Where progress is shown. */
export interface Screen {
  /** A line can be written over. */
  readonly isTerminal: boolean;
  readonly columns: number;
  write(text: string): void;
}

/** Tells how far a long piece of work has come: on a terminal in one line that is written over, else in a line now and then. */
export interface Progress {
  /** Called as often as wanted; the text is made only when it is shown. */
  tell(text: () => string): void;
  /** Makes room for another line on the terminal. */
  clear(): void;
}

export function createProgress(screen: Screen, now: () => number = () => performance.now()): Progress {
  const { isTerminal, columns, write } = screen;
  const everyMs = isTerminal ? 200 : 30_000;
  let shownAt = isTerminal ? Number.NEGATIVE_INFINITY : now();
  let isShown = false;
  return {
    tell(text) {
      if (now() - shownAt < everyMs) return;
      shownAt = now();
      const line = text();
      write(isTerminal ? `\r\x1b[K${line.slice(0, Math.max(1, columns - 1))}` : `${line}\n`);
      isShown = isTerminal;
    },
    clear() {
      if (isShown) write('\r\x1b[K');
      isShown = false;
    },
  };
}
