import { type Bench, successes, withServers } from '../bench.ts';
import { filePath, sizedModule, type ZipSize } from '../data.ts';
import { median } from '../load.ts';
import type { Server } from '../servers.ts';

const crowds = [
  { row: 'crowd-10mb-relay', size: '10mb', line: 'relay' },
  { row: 'crowd-257kb-loopback', size: '257kb', line: 'loopback' },
] as const;

export const crowdRows: readonly string[] = crowds.map(({ row }) => row);

/** A hundred clients that ask at once for one zip that nobody asked for before, beside a single client with another such zip. */
export async function runCrowds(bench: Bench): Promise<void> {
  for (const { row, size, line } of crowds.filter((each) => bench.wanted(each.row))) {
    await withServers(bench, bench.lines[line], async (servers) => {
      for (const server of servers)
        await bench.attempt(row, server.name, () => measureCrowd(bench, row, server, size));
    });
  }
}

async function measureCrowd(bench: Bench, row: string, { name, url }: Server, size: ZipSize): Promise<void> {
  const target = (id: string) => filePath(sizedModule(size, `${row}-${name}-${id}`), 'zip');
  // A peer that fetches once for each client takes a minute and a half for a round over the relay.
  const rounds = bench.quick || name !== 'stoa' ? 1 : 3;
  successes(`${row}, ${name}`, await bench.get([url + target('first')]));
  const singles: number[] = [];
  const slowest: number[] = [];
  const fetches: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const [single] = successes(`${row}, ${name}`, await bench.get([url + target(`single-${round}`)]));
    singles.push(single!.total);
    const path = target(`crowd-${round}`);
    await bench.lines.counts();
    const urls = Array.from({ length: 100 }, () => url + path);
    const crowd = successes(`${row}, ${name}`, await bench.get(urls, { atOnce: true }));
    slowest.push(Math.max(...crowd.map(({ total }) => total)));
    fetches.push((await bench.lines.counts())[path] ?? 0);
  }
  bench.figures.set(row, name, 'single', median(singles));
  bench.figures.set(row, name, 'slowest', median(slowest));
  bench.figures.set(row, name, 'fetches', Math.max(...fetches));
}
