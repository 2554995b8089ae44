import { cpus, totalmem } from 'node:os';
import type { Figure } from './figures.ts';
import type { Verdict } from './measures.ts';
import type { Processes } from './processes.ts';
import type { ServerName } from './servers.ts';
import { figuresTable, verdictsTable } from './table.ts';

/** A finished run. */
export interface Run {
  readonly time: Date;
  /** What it ran on, in a sentence. */
  readonly machine: string;
  readonly absent: ReadonlyMap<ServerName, string>;
  readonly figures: readonly Figure[];
  readonly verdicts: readonly Verdict[];
  /** Rows that could not be measured, with the reason. */
  readonly failures: readonly string[];
}

/** Processor, memory, kernel and the versions of what took part. */
export async function describeMachine(processes: Processes): Promise<string> {
  const model = cpus()[0]?.model ?? 'unknown processor';
  const go = (await processes.run('go', ['env', 'GOVERSION'])).trim();
  const memory = Math.round(totalmem() / 2 ** 30);
  return `${cpus().length} cores (${model}), ${memory} GiB, Linux, Node ${process.versions.node}, ${go}`;
}

/** The text of docs/benchmarks.md. */
export function page(run: Run): string {
  const notes = [
    ...[...run.absent].map(([name, why]) => `${name} was absent: ${why}.`),
    ...run.failures.map((failure) => `Not measured: ${failure}.`),
  ];
  return `# Benchmarks

The figures of the last whole run of \`npm run bench\`, on ${run.time.toISOString().slice(0, 10)}: ${run.machine}. All servers
ran on that machine, one after the other, with their logs and metrics on, beside the load and the upstream; so the figures are
worth something beside each other only. In parentheses stands what Stoa's figure is of that server's. \`line\` is the same request
without any server between.

- hot: \`wrk -t1 -c32\`, stored files. CPU is that of the server and what it started.
- cold: files nobody asked for before, from an upstream with 30 ms a request on bare loopback, or through a relay of 30 ms and
  100 Mbit/s.
- crowd: 100 clients at once, one cold zip.
- hang, storm: hits while 32 lists hang for 3 s upstream; while 16 cold zips of 36 MB arrive.
- big: 100 clients, each with a zip of 200 MB of its own.
- direct: modules read from their repositories, over smart HTTP with 30 ms a request: the first \`.mod\` of an unknown repository of
  64 MB, a second version's, an unchanged list, four paths below an unknown root, a zip of 17 MB; tree: a zip of 100 MB of files
  from the disk. \`line\` is \`git ls-remote\` for the list and \`go mod download\` for the zips.
- sumdb: versions held against a checksum database with 30 ms a request; a tile of its log, passed on from memory.
- go: \`go mod download\` of a project into an empty module cache.
- ledger: 256 clients that look up versions which the private log does not have, all through a disk store; a look-up in a log of
  1,000,000 records with all tiles that prove it, read and checked, in one process.
- start: from the start of a server with data to its first answers.

${figuresTable(run.figures)}

## What was to be reached

${verdictsTable(run.verdicts)}
${notes.map((note) => `\n${note}\n`).join('')}`;
}
