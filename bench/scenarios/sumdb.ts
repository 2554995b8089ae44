import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type Bench, successes, withServers } from '../bench.ts';
import { filePath, sizedModule } from '../data.ts';
import { measureLoad, median } from '../load.ts';
import type { Server, ServerKind } from '../servers.ts';

export const sumdbRows: readonly string[] = ['sumdb-mod', 'sumdb-zip-10mb-relay', 'sumdb-tile'];

/** The database: behind a line of 30 ms, and who asks how often it was asked. */
interface Database {
  readonly child: ChildProcess;
  readonly setting: string;
  readonly url: string;
  readonly name: string;
}

/** What verification costs: the first file of a version, a zip over a line, a tile that is passed on. Stoa alone verifies. */
export async function runSumdb(bench: Bench): Promise<void> {
  const [stoa] = bench.kinds.filter(({ name }) => name === 'stoa');
  if (stoa === undefined) return;
  const rounds = bench.quick ? 2 : 9;
  const modules = Array.from({ length: rounds + 1 }, (_, round) => [
    sizedModule('257kb', `sumdb-mod-${round}`),
    sizedModule('10mb', `sumdb-zip-${round}`),
  ]).flat();
  const { child, told } = await bench.processes.fork<{ url: string; key: string }>('sumdb.ts', modules);
  const { told: port } = await bench.processes.fork<number>('relay.ts', [
    new URL(told.url).port,
    '30',
    '1e9',
  ]);
  const database: Database = {
    child,
    setting: `${told.key} http://127.0.0.1:${port}`,
    url: told.url,
    name: told.key.split('+', 1)[0]!,
  };
  const verifying: ServerKind = {
    ...stoa,
    command(place) {
      const command = stoa.command(place);
      return { ...command, env: { ...command.env, STOA_SUMDB: database.setting } };
    },
  };
  if (bench.wanted('sumdb-mod')) await measureMod(bench, verifying, stoa, database, rounds);
  if (bench.wanted('sumdb-zip-10mb-relay')) await measureZip(bench, verifying, stoa, rounds);
  if (bench.wanted('sumdb-tile')) await measureTile(bench, verifying, database);
}

/** The first file of a version with and without the database, and what its other files ask it. */
async function measureMod(
  bench: Bench,
  verifying: ServerKind,
  plain: ServerKind,
  database: Database,
  rounds: number,
): Promise<void> {
  const row = 'sumdb-mod';
  const { loopback } = bench.lines;
  const path = (round: number, file: 'info' | 'mod' | 'zip') =>
    filePath(sizedModule('257kb', `sumdb-mod-${round}`), file);
  await withServers(
    bench,
    loopback,
    async ([server]) => {
      const totals = await getEach(bench, row, server!, rounds, (round) => path(round, 'mod'));
      bench.figures.set(row, 'stoa', 'total', median(totals));
      if ((await asked(database)) < rounds) throw new Error('the database was not asked');
      for (let round = 0; round <= rounds; round++)
        successes(
          row,
          await bench.get([server!.url + path(round, 'info'), server!.url + path(round, 'zip')]),
        );
      bench.figures.set(row, 'stoa', 'lookups', await asked(database));
    },
    [verifying],
  );
  await withServers(
    bench,
    loopback,
    async ([server]) => {
      const totals = await getEach(bench, row, server!, rounds, (round) => path(round, 'mod'));
      bench.figures.set(row, 'stoa', 'unverified', median(totals));
    },
    [plain],
  );
}

/** A cold zip over a line with and without the database. */
async function measureZip(
  bench: Bench,
  verifying: ServerKind,
  plain: ServerKind,
  rounds: number,
): Promise<void> {
  const row = 'sumdb-zip-10mb-relay';
  for (const [kind, figure] of [
    [verifying, 'total'],
    [plain, 'unverified'],
  ] as const)
    await withServers(
      bench,
      bench.lines.relay,
      async ([server]) => {
        const path = (round: number) => filePath(sizedModule('10mb', `sumdb-zip-${round}`), 'zip');
        const totals = await getEach(bench, row, server!, Math.min(rounds, 5), path);
        bench.figures.set(row, 'stoa', figure, median(totals));
      },
      [kind],
    );
}

/** A tile from memory beside nginx with the same file. */
async function measureTile(bench: Bench, verifying: ServerKind, database: Database): Promise<void> {
  const row = 'sumdb-tile';
  const path = `/sumdb/${database.name}/tile/8/0/000`;
  const tile = Buffer.from(await (await fetch(`${database.url}/tile/8/0/000`)).arrayBuffer());
  const file = join(bench.folder, 'static', path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, tile);
  const kinds = [verifying, ...bench.kinds.filter(({ name }) => name === 'nginx')];
  await withServers(
    bench,
    bench.lines.loopback,
    async (servers) => {
      for (const server of servers)
        await bench.attempt(row, server.name, async () => {
          successes(row, await bench.get([server.url + path]));
          const { perSecond, p50, p99, cpu } = await measureLoad(
            bench.processes,
            server,
            path,
            bench.seconds,
          );
          for (const [name, value] of Object.entries({ perSecond, p50, p99, cpu }))
            bench.figures.set(row, server.name, name, value);
        });
    },
    kinds,
  );
}

/** One file after the other; the first is thrown away: with it the server connects and finds the newest head. */
async function getEach(
  bench: Bench,
  row: string,
  server: Server,
  rounds: number,
  path: (round: number) => string,
): Promise<number[]> {
  const totals: number[] = [];
  for (let round = 0; round <= rounds; round++) {
    bench.say(`${row}: round ${round}`);
    const [result] = successes(row, await bench.get([server.url + path(round)]));
    if (round > 0) totals.push(result!.total);
  }
  return totals;
}

async function asked({ child }: Database): Promise<number> {
  const answer = once(child, 'message');
  child.send('asked');
  return (await answer)[0] as number;
}
