import { statfsSync } from 'node:fs';
import { type Bench, withServers } from '../bench.ts';
import { filePath, sizedModule, zipSizes } from '../data.ts';
import { watchResident } from '../processes.ts';

/** A hundred clients, each with a zip of 200 MB of its own, through Stoa alone: how much memory that takes. */
export async function runBig(bench: Bench): Promise<void> {
  const count = bench.quick ? 10 : 100;
  const { bavail, bsize } = statfsSync(bench.folder);
  const needed = count * zipSizes['200mb'] * 1.2;
  if (bavail * bsize < needed) {
    bench.say(`big: left out, ${Math.ceil(needed / 1e9)} GB of disk are needed below ${bench.folder}`);
    return;
  }
  const stoa = bench.kinds.filter(({ name }) => name === 'stoa');
  await withServers(
    bench,
    bench.lines.loopback,
    async ([server]) => {
      if (server === undefined) return;
      bench.say(`big: stoa, ${count} zips of 200 MB`);
      const memory = watchResident(server.pid);
      const urls = Array.from(
        { length: count },
        (_, id) => server.url + filePath(sizedModule('200mb', `big-${id}`), 'zip'),
      );
      const results = await bench.get(urls, { atOnce: true });
      bench.figures.set('big', 'stoa', 'rss', (await memory.stop()) / 1e6);
      bench.figures.set('big', 'stoa', 'slowest', Math.max(...results.map(({ total }) => total)));
      const failed = results.filter(({ status, failure }) => status !== 200 || failure !== undefined);
      bench.figures.set('big', 'stoa', 'failed', failed.length);
      if (failed.length > 0) bench.say(`big: ${failed[0]!.failure ?? `status ${failed[0]!.status}`}`);
    },
    stoa,
  );
}
