import { resolve } from 'node:path';
import { parseArgs } from 'node:util';

/** What a run was asked for. */
export interface BenchOptions {
  /** The programs of the peers, by name. */
  readonly peers: ReadonlyMap<string, string>;
  /** Rows, or the words their names begin with; empty: all. */
  readonly only: readonly string[];
  readonly seconds: number;
  readonly quick: boolean;
  readonly real: boolean;
  readonly writeDocs: boolean;
}

export const helpText = `usage: npm run bench -- [options]

  --peer NAME=PATH   a peer to measure beside Stoa: athens or goproxy; may be repeated
  --only ROWS        these rows only, comma-separated, by name or first words: hot-info,cold-zip,go
  --seconds N        how long each hot row is loaded (5)
  --quick            one round of each, smaller crowds: to try the benchmark, not for figures
  --real             go mod download of real modules from the proxy that \`go env GOPROXY\` names
  --write-docs       write the figures of this run into docs/benchmarks.md
`;

/** Reads the command line; throws a readable error for what it does not know. */
export function readOptions(args: readonly string[], rows: readonly string[]): BenchOptions | 'help' {
  const { values } = parseArgs({
    args: [...args],
    options: {
      peer: { type: 'string', multiple: true, default: [] },
      only: { type: 'string', default: '' },
      seconds: { type: 'string', default: '5' },
      quick: { type: 'boolean', default: false },
      real: { type: 'boolean', default: false },
      'write-docs': { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) return 'help';
  const peers = new Map(
    values.peer.map((peer) => {
      const [, name, path] = /^(athens|goproxy)=(.+)$/.exec(peer) ?? [];
      if (name === undefined || path === undefined)
        throw new Error(`--peer ${peer}: expected athens=PATH or goproxy=PATH`);
      return [name, resolve(path)] as const;
    }),
  );
  const only = values.only.split(',').filter(Boolean);
  const unknown = only.find((name) => !rows.some((row) => isNamed(row, name)));
  if (unknown !== undefined) throw new Error(`--only ${unknown}: no such row; there are ${rows.join(', ')}`);
  const seconds = Number(values.seconds);
  if (!Number.isInteger(seconds) || seconds < 1)
    throw new Error('--seconds: expected a whole number above 0');
  const writeDocs = values['write-docs'];
  if (writeDocs && (only.length > 0 || values.quick))
    throw new Error('--write-docs needs a whole run: without --only and --quick');
  return { peers, only, seconds, quick: values.quick, real: values.real, writeDocs };
}

/** True where a row is among those asked for. */
export function wants({ only }: BenchOptions, row: string): boolean {
  return only.length === 0 || only.some((name) => isNamed(row, name));
}

function isNamed(row: string, name: string): boolean {
  return row === name || row.startsWith(`${name}-`);
}
