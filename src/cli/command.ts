/** What a command is given. */
export interface Invocation {
  /** The arguments after its name. */
  readonly args: readonly string[];
  /** Writes a line to stdout. */
  out(line: string): void;
  /** Writes a line to stderr. */
  err(line: string): void;
}

/** One row of the table of commands. */
export interface Command {
  /** As it is typed, without `stoa`; may be two words. */
  readonly name: string;
  /** Flags of its own, for the help; empty for none. */
  readonly usage: string;
  /** One line. */
  readonly summary: string;
  /** It takes every setting as a flag. */
  readonly takesSettings: boolean;
  /** Answers the exit code. Its code is loaded when it runs. */
  run(invocation: Invocation): Promise<number>;
}

/** What a command's end says to a script; `docs` is for the help. */
export const exitCodes = {
  ok: { code: 0, doc: 'done' },
  failed: { code: 1, doc: 'failed while running; the last line says why' },
  usage: { code: 2, doc: 'wrong arguments or settings; nothing was started' },
} as const;
