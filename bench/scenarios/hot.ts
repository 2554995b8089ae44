import { join } from 'node:path';
import { type Bench, successes, withServers } from '../bench.ts';
import { filePath, sizedModule } from '../data.ts';
import { measureLoad } from '../load.ts';

const hotModules = (['20kb', '257kb', '10mb'] as const).map((size) => sizedModule(size, 'hot'));

/** Rows and what is asked for in them. */
const hotRows: Readonly<Record<string, string>> = {
  'hot-info': filePath(sizedModule('20kb', 'hot'), 'info'),
  'hot-mod': filePath(sizedModule('20kb', 'hot'), 'mod'),
  'hot-list': filePath(sizedModule('20kb', 'hot'), 'list'),
  'hot-zip-20kb': filePath(sizedModule('20kb', 'hot'), 'zip'),
  'hot-zip-257kb': filePath(sizedModule('257kb', 'hot'), 'zip'),
  'hot-zip-10mb': filePath(sizedModule('10mb', 'hot'), 'zip'),
};

export const hotRowNames: readonly string[] = Object.keys(hotRows);

/** Stored files, asked for as fast as they come, one server after the other. */
export async function runHot(bench: Bench): Promise<void> {
  bench.data.write(join(bench.folder, 'static'), hotModules);
  await withServers(
    bench,
    bench.lines.loopback,
    async (servers) => {
      for (const { name, url } of servers) {
        const files = hotModules.flatMap((module) =>
          (['list', 'info', 'mod', 'zip'] as const).map((file) => url + filePath(module, file)),
        );
        successes(`${name}, filling`, await bench.get(files));
      }
      for (const [row, path] of Object.entries(hotRows).filter(([name]) => bench.wanted(name))) {
        for (const server of servers)
          await bench.attempt(row, server.name, async () => {
            const cost = await measureLoad(bench.processes, server, path, bench.seconds);
            const { perSecond, p50, p99, cpu, rss, failures } = cost;
            for (const [name, value] of Object.entries({ perSecond, p50, p99, cpu, rss: rss / 1e6 }))
              bench.figures.set(row, server.name, name, value);
            if (failures > 0) bench.figures.set(row, server.name, 'failed', failures);
            if (failures > 0 && server.name === 'stoa') throw new Error(`${failures} answers failed`);
          });
      }
    },
    bench.kinds,
  );
}
