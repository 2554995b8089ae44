import { type Bench, successes, withServers } from '../bench.ts';
import { filePath, hangingModule, sizedModule } from '../data.ts';
import { startLoad } from '../load.ts';
import type { Server } from '../servers.ts';

export const besideRows: readonly string[] = ['hang', 'storm-memory', 'storm-disk'];

/** Hits while something else goes on: what the slowest of a hundred waits, idle and then. */
export async function runBeside(bench: Bench): Promise<void> {
  await withServers(bench, bench.lines.loopback, async (servers) => {
    for (const server of servers) {
      successes(`${server.name}, filling`, await bench.get([server.url + info, server.url + zip]));
      await besideOf(bench, 'hang', server, { path: info, headers: {} }, hangingLists(server.name));
      await besideOf(
        bench,
        'storm-memory',
        server,
        { path: info, headers: {} },
        storm('memory', server.name),
      );
      await besideOf(bench, 'storm-disk', server, { path: zip, headers: piece }, storm('disk', server.name));
    }
  });
}

const info = filePath(sizedModule('20kb', 'beside'), 'info');
const zip = filePath(sizedModule('10mb', 'beside'), 'zip');

/** As much as a small zip, out of one that is too large to be kept in memory: a hit that the disk answers. */
const piece = { Range: 'bytes=5000000-5020479' };

/** Lists that take three seconds. */
function hangingLists(server: string): readonly string[] {
  return Array.from({ length: 32 }, (_, id) => filePath(hangingModule(`${server}-${id}`), 'list'));
}

/** Sixteen cold zips of 36 MB. */
function storm(row: string, server: string): readonly string[] {
  return Array.from({ length: 16 }, (_, id) =>
    filePath(sizedModule('36mb', `${row}-${server}-${id}`), 'zip'),
  );
}

function besideOf(
  bench: Bench,
  row: string,
  { name, url }: Server,
  hit: { readonly path: string; readonly headers: Readonly<Record<string, string>> },
  disturbance: readonly string[],
): Promise<void> {
  if (!bench.wanted(row)) return Promise.resolve();
  return bench.attempt(row, name, async () => {
    const target = url + hit.path;
    const [first] = await bench.get([target], { headers: hit.headers });
    if (hit.headers === piece && first?.status !== 206) {
      // It would send the whole large zip each time, which says nothing about hits.
      if (name === 'stoa') throw new Error(`a range is answered with ${first?.status}`);
      bench.say(`${row}: ${name} is left out, since it knows no ranges`);
      return;
    }
    await startLoad(bench.processes, target, 1, hit.headers).ended;
    const idle = await startLoad(bench.processes, target, 3, hit.headers).ended;
    const load = startLoad(bench.processes, target, 120, hit.headers);
    const results = await bench.get(
      disturbance.map((path) => url + path),
      { atOnce: true },
    );
    const busy = await load.stop();
    successes(`${row}, ${name}`, results);
    if (busy.failures > 0 && name === 'stoa') throw new Error(`${busy.failures} hits failed`);
    bench.figures.set(row, name, 'idleP99', idle.p99);
    bench.figures.set(row, name, 'p50', busy.p50);
    bench.figures.set(row, name, 'p99', busy.p99);
    bench.figures.set(row, name, 'perSecond', busy.perSecond);
    bench.figures.set(row, name, 'total', Math.max(...results.map(({ total }) => total)));
  });
}
