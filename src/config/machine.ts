/** What settings are read from: handed in, so that nothing below asks the process itself. */
export interface Machine {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The arguments after the command. */
  readonly args: readonly string[];
  readonly platform: NodeJS.Platform;
  /** The numeric user; undefined where the platform has none. */
  readonly uid: number | undefined;
  /** The home folder; empty when the user has none. */
  readonly home: string;
  readonly hostname: string;
  /** Processors this process may use. */
  readonly processors: number;
  readonly readFile: ReadFile;
  /** What an installed go command says about GOPROXY; undefined when there is none, or it does not answer in time. */
  readonly goEnvProxy: (env: Machine['env']) => string | undefined;
}

/** The text of a file. Throws an error with a `code` such as `ENOENT`. Relative names are meant from the working directory. */
export type ReadFile = (file: string) => string;
