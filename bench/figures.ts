/** The figures of a run: what was measured, of which server, in which row. */
export interface Figures {
  set(row: string, server: string, name: string, value: number): void;
  /** Undefined where it was not measured in this run. */
  get(row: string, server: string, name: string): number | undefined;
  all(): readonly Figure[];
}

export interface Figure {
  readonly row: string;
  /** A server, or `line` for the same thing without any. */
  readonly server: string;
  /** What it is, with its unit: a key of `units`. */
  readonly name: string;
  readonly value: number;
}

/** How a figure is shown. */
export interface Unit {
  readonly text: string;
  readonly digits: number;
}

/** Every kind of figure, in the order they stand in the table. */
export const units: Readonly<Record<string, Unit>> = {
  perSecond: { text: 'requests/s', digits: 0 },
  p50: { text: 'p50, ms', digits: 2 },
  p99: { text: 'p99, ms', digits: 2 },
  idleP99: { text: 'p99 idle, ms', digits: 2 },
  cpu: { text: 'CPU, µs/request', digits: 1 },
  rss: { text: 'RSS, MB', digits: 0 },
  firstByte: { text: 'first byte, ms', digits: 1 },
  total: { text: 'total, ms', digits: 1 },
  single: { text: 'a single client, ms', digits: 1 },
  slowest: { text: 'the slowest client, ms', digits: 1 },
  fetches: { text: 'upstream requests', digits: 2 },
  network: { text: 'of it the network, ms', digits: 0 },
  lsRemotes: { text: 'ls-remotes', digits: 0 },
  objects: { text: 'requests for objects', digits: 0 },
  received: { text: 'from upstream, MB', digits: 2 },
  growth: { text: 'RSS growth, MB', digits: 0 },
  unverified: { text: 'the same unverified, ms', digits: 1 },
  lookups: { text: 'requests to the database', digits: 0 },
  put: { text: 'a durable put, ms', digits: 1 },
  cold: { text: 'cold, s', digits: 2 },
  warm: { text: 'warm, s', digits: 2 },
  modules: { text: 'modules', digits: 0 },
  started: { text: 'healthz, ms', digits: 0 },
  answered: { text: 'a stored .info, ms', digits: 0 },
  failed: { text: 'answers that failed', digits: 0 },
};

export function createFigures(): Figures {
  const figures = new Map<string, Figure>();
  return {
    set(row, server, name, value) {
      if (units[name] === undefined) throw new Error(`${name} has no unit`);
      figures.set(`${row} ${server} ${name}`, { row, server, name, value });
    },
    get: (row, server, name) => figures.get(`${row} ${server} ${name}`)?.value,
    all: () => [...figures.values()],
  };
}
