// `npm run bench`: Stoa beside nginx, the raw upstream and the peers it is given, on the same data, in one run.
// Everything runs on loopback in a temporary folder, and ends with this process.
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Bench, type Lines, removeFolder } from './bench.ts';
import { createData } from './data.ts';
import { createFigures } from './figures.ts';
import { startClient } from './load.ts';
import { judge } from './measures.ts';
import { type BenchOptions, helpText, readOptions, wants } from './options.ts';
import { createProcesses, type Processes } from './processes.ts';
import { describeMachine, page, type Run } from './report.ts';
import { scenarios } from './scenarios/all.ts';
import { findProgram, findServers } from './servers.ts';
import { figuresTable, verdictsTable } from './table.ts';

const root = join(import.meta.dirname, '..');

async function main(options: BenchOptions): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'stoa-bench-'));
  const processes = createProcesses();
  process.once('exit', () => {
    processes.killAll();
    removeFolder(folder);
  });
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(name, () => process.exit(130));

  const { kinds, absent } = findServers(options.peers);
  for (const [name, why] of absent) say(`${name} is absent: ${why}`);
  const failures: string[] = [];
  const fail = (what: string, error: unknown) => {
    failures.push(`${what}: ${error instanceof Error ? error.message : error}`);
    say(`failed: ${failures.at(-1)}`);
  };
  const bench: Bench = {
    ...options,
    processes,
    folder,
    kinds,
    figures: createFigures(),
    data: createData(),
    lines: await startLines(processes),
    get: await startClient(processes),
    async attempt(row, server, work) {
      say(`${row}: ${server}`);
      try {
        await work();
      } catch (error) {
        fail(`${row}, ${server}`, error);
      }
    },
    wanted: (row) => wants(options, row),
    say,
  };
  for (const { rows, run } of scenarios) {
    if (!rows.some(bench.wanted)) continue;
    try {
      await run(bench);
    } catch (error) {
      fail(rows.join(', '), error);
    }
  }
  await processes.stopAll();
  report(options, {
    time: new Date(),
    machine: await describeMachine(processes),
    absent,
    figures: bench.figures.all(),
    verdicts: judge(bench.figures),
    failures,
  });
  process.exitCode = failures.length > 0 ? 1 : 0;
}

async function startLines(processes: Processes): Promise<Lines> {
  const { told: ports } = await processes.fork<readonly [slow: number, fast: number]>('upstream.ts', [
    '30',
    '0',
  ]);
  const { told: relayPort } = await processes.fork<number>('relay.ts', [String(ports[1]), '30', '100e6']);
  const [loopback, relay] = [ports[0], relayPort].map((port) => `http://127.0.0.1:${port}`) as [
    string,
    string,
  ];
  return {
    loopback,
    relay,
    counts: async () => (await (await fetch(`${loopback}/__counts`)).json()) as Record<string, number>,
  };
}

function report(options: BenchOptions, run: Run): void {
  process.stdout.write(`\n${figuresTable(run.figures)}\n\n${verdictsTable(run.verdicts)}\n\n`);
  for (const [name, why] of run.absent) process.stdout.write(`${name} was absent: ${why}\n`);
  if (options.quick)
    process.stdout.write('a quick run: its figures and verdicts only show that the benchmark works\n');
  for (const failure of run.failures) process.stdout.write(`failed: ${failure}\n`);
  const results = join(root, 'bench', 'results');
  mkdirSync(results, { recursive: true });
  const file = join(results, `${run.time.toISOString().replaceAll(':', '')}.json`);
  writeFileSync(file, `${JSON.stringify({ ...run, absent: Object.fromEntries(run.absent) }, null, 2)}\n`);
  process.stdout.write(`all figures: ${file}\n`);
  if (options.writeDocs) writeFileSync(join(root, 'docs', 'benchmarks.md'), page(run));
}

function say(text: string): void {
  process.stderr.write(`${text}\n`);
}

try {
  const options = readOptions(
    process.argv.slice(2),
    scenarios.flatMap(({ rows }) => rows),
  );
  const missing = ['wrk', 'go'].filter((name) => findProgram(name) === undefined);
  if (options === 'help') process.stdout.write(helpText);
  else if (missing.length > 0)
    throw new Error(
      `${missing.join(' and ')} must be installed (Debian: apt-get install wrk; go: https://go.dev/dl)`,
    );
  else await main(options);
} catch (error) {
  say(`bench: ${error instanceof Error ? error.message : error}`);
  process.exitCode = 1;
}
