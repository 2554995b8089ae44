import type { Figures } from './figures.ts';

/** What Stoa must reach, against what stood beside it in the same run. */
export interface Measure {
  readonly row: string;
  /** What is compared. */
  readonly text: string;
  readonly bound: number;
  /** Whether the bound is a ceiling or a floor. */
  readonly at: 'most' | 'least';
  /** Undefined where this run did not measure it. */
  value(figures: Figures): number | undefined;
}

/** The outcome of a measure in a run. */
export interface Verdict extends Omit<Measure, 'value'> {
  readonly value: number | undefined;
  readonly met: boolean | undefined;
}

/** All measures, in the order of the table. */
export const measures: readonly Measure[] = [
  ...['hot-info', 'hot-mod'].flatMap((row) => [
    ratio(row, 'cpu', 'nginx', 1.8),
    ratio(row, 'cpu', 'athens', 0.3),
    ratio(row, 'cpu', 'goproxy', 0.6),
  ]),
  ratio('hot-list', 'cpu', 'nginx', 1.8),
  { ...ratio('hot-list', 'perSecond', 'athens', 20), at: 'least' },
  ratio('hot-zip-257kb', 'cpu', 'athens', 0.4),
  ratio('hot-zip-257kb', 'cpu', 'goproxy', 1),
  ratio('hot-zip-10mb', 'cpu', 'athens', 1.1),
  absolute('cold-mod', 'fetches', 'upstream requests for a .mod', 1),
  {
    row: 'cold-mod',
    text: 'ms above the upstream and a durable put',
    bound: 3,
    at: 'most',
    value: (figures) =>
      combine(
        [
          figures.get('cold-mod', 'stoa', 'total'),
          figures.get('cold-mod', 'line', 'total'),
          figures.get('cold-mod', 'line', 'put'),
        ],
        ([stoa, line, put]) => stoa - line - put,
      ),
  },
  ...['10mb', '36mb'].flatMap((size) => [
    laterFirstByte(`cold-zip-${size}-relay`),
    {
      ...ratio(`cold-zip-${size}-relay`, 'total', 'line', 1.1),
      text: 'total ÷ the line’s',
    },
    laterFirstByte(`cold-zip-${size}-loopback`),
  ]),
  ...['crowd-10mb-relay', 'crowd-257kb-loopback'].flatMap((row): Measure[] => [
    absolute(row, 'fetches', 'upstream requests for the zip', 1),
    {
      row,
      text: 'the slowest client ÷ a single one',
      bound: 1.5,
      at: 'most',
      value: (figures) => quotient(figures.get(row, 'stoa', 'slowest'), figures.get(row, 'stoa', 'single')),
    },
  ]),
  {
    row: 'hang',
    text: 'p99 of hits while lists hang ÷ idle',
    bound: 3,
    at: 'most',
    value: (figures) => quotient(figures.get('hang', 'stoa', 'p99'), figures.get('hang', 'stoa', 'idleP99')),
  },
  absolute('storm-memory', 'p99', 'p99 in ms of hits from memory while cold zips arrive', 10),
  absolute('storm-disk', 'p99', 'p99 in ms of hits from disk while cold zips arrive', 10),
  absolute('big', 'rss', 'RSS in MB while 100 zips of 200 MB pass', 300),
  absolute('big', 'failed', 'failed downloads', 0),
  above('direct-mod-first', 'the network’s round trips', ['stoa', 'network'], 500),
  absolute('direct-mod-first', 'received', 'MB from the repository for a go.mod', 1),
  above('direct-mod-second', 'the network’s round trips', ['stoa', 'network'], 150),
  ...['athens', 'goproxy'].map((peer) => speed('direct-mod-second', peer, 15)),
  above('direct-list', 'git ls-remote', ['line', 'total'], 15),
  absolute('direct-list', 'lsRemotes', 'ls-remotes', 1),
  absolute('direct-list', 'objects', 'requests for objects', 0),
  absolute('direct-probe', 'lsRemotes', 'ls-remotes for four paths below one root', 1),
  absolute('direct-probe', 'objects', 'requests for objects for them', 1),
  absolute('direct-probe', 'received', 'MB from the repository for them', 1),
  speed('direct-zip', 'line', 1),
  speed('direct-tree', 'line', 1),
  absolute('direct-tree', 'growth', 'MB that RSS grows by', 100),
  {
    row: 'sumdb-mod',
    text: 'round trips of 30 ms that verifying the first file adds',
    bound: 2,
    at: 'most',
    value: (figures) =>
      combine(
        [figures.get('sumdb-mod', 'stoa', 'total'), figures.get('sumdb-mod', 'stoa', 'unverified')],
        ([verified, unverified]) => (verified - unverified) / 30,
      ),
  },
  absolute('sumdb-mod', 'lookups', 'requests to the database for the other files', 0),
  {
    row: 'sumdb-zip-10mb-relay',
    text: 'total ÷ that of the same unverified',
    bound: 1.05,
    at: 'most',
    value: (figures) =>
      quotient(
        figures.get('sumdb-zip-10mb-relay', 'stoa', 'total'),
        figures.get('sumdb-zip-10mb-relay', 'stoa', 'unverified'),
      ),
  },
  ratio('sumdb-tile', 'cpu', 'nginx', 1.8),
  {
    row: 'go',
    text: 'the fastest peer’s warm go mod download ÷ ours',
    bound: 1,
    at: 'least',
    value: (figures) => {
      const peers = ['athens', 'goproxy']
        .map((peer) => figures.get('go', peer, 'warm'))
        .filter((time) => time !== undefined);
      return quotient(peers.length === 0 ? undefined : Math.min(...peers), figures.get('go', 'stoa', 'warm'));
    },
  },
  { ...absolute('ledger-append', 'perSecond', 'versions logged a second', 1000), at: 'least' },
  absolute('ledger-proof', 'p99', 'p99 in ms of a proof in a log of 1,000,000 records', 5),
  absolute('start', 'answered', 'ms from start to the first answer', 300),
];

/** What the figures of a run say to each measure. */
export function judge(figures: Figures): readonly Verdict[] {
  return measures.map(({ value, ...measure }) => {
    const found = value(figures);
    const met =
      found === undefined
        ? undefined
        : measure.at === 'most'
          ? found <= measure.bound
          : found >= measure.bound;
    return { ...measure, value: found, met };
  });
}

function ratio(row: string, name: string, other: string, bound: number): Measure {
  const names: Readonly<Record<string, string>> = { cpu: 'CPU per request', perSecond: 'requests/s' };
  return {
    row,
    text: `${names[name] ?? name} ÷ ${other}’s`,
    bound,
    at: 'most',
    value: (figures) => quotient(figures.get(row, 'stoa', name), figures.get(row, other, name)),
  };
}

function absolute(row: string, name: string, text: string, bound: number): Measure {
  return { row, text, bound, at: 'most', value: (figures) => figures.get(row, 'stoa', name) };
}

/** How much longer an answer takes than another figure of its row. */
function above(
  row: string,
  text: string,
  [server, name]: readonly [server: string, name: string],
  bound: number,
): Measure {
  return {
    row,
    text: `ms above ${text}`,
    bound,
    at: 'most',
    value: (figures) =>
      combine(
        [figures.get(row, 'stoa', 'total'), figures.get(row, server, name)],
        ([total, other]) => total - other,
      ),
  };
}

function speed(row: string, other: string, bound: number): Measure {
  return {
    row,
    text: `${other === 'line' ? 'go mod download' : other}’s time ÷ ours`,
    bound,
    at: 'least',
    value: (figures) => quotient(figures.get(row, other, 'total'), figures.get(row, 'stoa', 'total')),
  };
}

function laterFirstByte(row: string): Measure {
  return {
    row,
    text: 'ms to the first byte above the line’s',
    bound: 10,
    at: 'most',
    value: (figures) =>
      combine(
        [figures.get(row, 'stoa', 'firstByte'), figures.get(row, 'line', 'firstByte')],
        ([stoa, line]) => stoa - line,
      ),
  };
}

function quotient(one: number | undefined, other: number | undefined): number | undefined {
  return combine([one, other], ([dividend, divisor]) => dividend / divisor);
}

/** Undefined where one of the numbers is. */
function combine<const T extends readonly (number | undefined)[]>(
  numbers: T,
  compute: (known: { readonly [Key in keyof T]: number }) => number,
): number | undefined {
  return numbers.includes(undefined) ? undefined : compute(numbers as { readonly [Key in keyof T]: number });
}
