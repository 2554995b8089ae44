import { type Bench, successes, withServers } from '../bench.ts';
import { filePath, hangingModule, sizedModule } from '../data.ts';
import { type Load, startLoad } from '../load.ts';
import type { Server } from '../servers.ts';

export const besideRows: readonly string[] = ['hang', 'storm-memory', 'storm-disk'];

/** Hits while something else goes on: what the slowest of a hundred waits, idle and then. */
export async function runBeside(bench: Bench): Promise<void> {
  const info = filePath(sizedModule('20kb', 'beside'), 'info');
  const zip = filePath(sizedModule('10mb', 'beside'), 'zip');
  await withServers(bench, bench.lines.loopback, async (servers) => {
    for (const server of servers) {
      successes(`${server.name}, filling`, await bench.get([server.url + info, server.url + zip]));
      const storm = (row: string) => () =>
        bench.get(
          Array.from(
            { length: 16 },
            (_, id) => server.url + filePath(sizedModule('36mb', `${row}-${server.name}-${id}`), 'zip'),
          ),
          { atOnce: true },
        );
      if (bench.wanted('hang')) {
        const lists = Array.from(
          { length: 32 },
          (_, id) => server.url + filePath(hangingModule(`${server.name}-${id}`), 'list'),
        );
        await compare(bench, 'hang', server, info, {}, () => bench.get(lists, { atOnce: true }));
      }
      if (bench.wanted('storm-memory'))
        await compare(bench, 'storm-memory', server, info, {}, storm('memory'));
      // A piece as large as a small zip out of one that is too large to be kept in memory: a hit that the disk answers.
      const piece = { Range: 'bytes=5000000-5020479' };
      const [ranged] = await bench.get([server.url + zip], { headers: piece });
      if (bench.wanted('storm-disk') && ranged?.status === 206)
        await compare(bench, 'storm-disk', server, zip, piece, storm('disk'));
    }
  });
}

async function compare(
  bench: Bench,
  row: string,
  { name, url }: Server,
  path: string,
  headers: Readonly<Record<string, string>>,
  disturb: () => ReturnType<Bench['get']>,
): Promise<void> {
  bench.say(`${row}: ${name}`);
  await startLoad(bench.processes, url + path, 1, headers).ended;
  const idle = await startLoad(bench.processes, url + path, 3, headers).ended;
  const load = startLoad(bench.processes, url + path, 120, headers);
  successes(`${row}, ${name}`, await disturb());
  const busy: Load = await load.stop();
  bench.figures.set(row, name, 'idleP99', idle.p99);
  bench.figures.set(row, name, 'p50', busy.p50);
  bench.figures.set(row, name, 'p99', busy.p99);
  bench.figures.set(row, name, 'perSecond', busy.perSecond);
}
