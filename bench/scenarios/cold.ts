import { join } from 'node:path';
import { openDiskStore } from '../../src/storage/disk.ts';
import { type Bench, removeFolder, successes, withServers } from '../bench.ts';
import { filePath, sizedModule, type ZipSize } from '../data.ts';
import { median } from '../load.ts';
import type { Server } from '../servers.ts';

/** A `.mod` that nobody asked for before: how late it is, and how often the upstream is asked for anything of its module. */
export async function runColdMod(bench: Bench): Promise<void> {
  const rounds = bench.quick ? 3 : 15;
  await withServers(bench, bench.lines.loopback, async (servers) => {
    const totals = new Map<string, number[]>();
    const requests = new Map<string, number>();
    for (let round = 0; round < rounds; round++) {
      for (const { name, url } of [...servers, { name: 'line', url: bench.lines.loopback }]) {
        await bench.lines.counts();
        const module = sizedModule('257kb', `mod-${name}-${round}`);
        const [result] = successes(`cold-mod, ${name}`, await bench.get([url + filePath(module, 'mod')]));
        totals.set(name, [...(totals.get(name) ?? []), result!.total]);
        const counts = Object.entries(await bench.lines.counts()).filter(([path]) =>
          path.startsWith(`/${module}/`),
        );
        requests.set(
          name,
          counts.reduce((sum, [, count]) => sum + count, requests.get(name) ?? 0),
        );
      }
    }
    for (const [name, times] of totals) {
      bench.figures.set('cold-mod', name, 'total', median(times));
      bench.figures.set('cold-mod', name, 'fetches', requests.get(name)! / rounds);
    }
  });
  bench.figures.set('cold-mod', 'line', 'put', await durablePut(bench, rounds));
}

/** What the store itself needs to make a small new file durable, in milliseconds. */
async function durablePut(bench: Bench, rounds: number): Promise<number> {
  const root = join(bench.folder, 'put');
  const store = await openDiskStore({ root });
  const times: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const module = sizedModule('257kb', `put-${round}`);
    const start = performance.now();
    await store.put(filePath(module, 'mod').slice(1), bench.data.mod(module), { ifAbsent: true });
    times.push(performance.now() - start);
  }
  removeFolder(root);
  return median(times);
}

/** The cold zips that are measured: on bare loopback and through the relay. */
const coldZips = (['10mb', '36mb'] as const).flatMap((size) =>
  (['relay', 'loopback'] as const).map((line) => ({ row: `cold-zip-${size}-${line}`, size, line })),
);

export const coldZipRows: readonly string[] = coldZips.map(({ row }) => row);

/** A zip that nobody asked for before, beside the same request straight at the line. */
export async function runColdZips(bench: Bench): Promise<void> {
  const rounds = bench.quick ? 1 : 3;
  for (const line of ['loopback', 'relay'] as const) {
    const rows = coldZips.filter((each) => each.line === line && bench.wanted(each.row));
    if (rows.length === 0) continue;
    await withServers(bench, bench.lines[line], async (servers) => {
      for (const { row, size } of rows) {
        for (const server of [...servers, { name: 'line', url: bench.lines[line] }])
          await bench.attempt(row, server.name, () => measureColdZip(bench, row, server, size, rounds));
      }
    });
  }
}

/** The first round is thrown away: in it server, upstream and client still warm up. */
async function measureColdZip(
  bench: Bench,
  row: string,
  { name, url }: Pick<Server, 'url'> & { readonly name: string },
  size: ZipSize,
  rounds: number,
): Promise<void> {
  const urls = Array.from(
    { length: 1 + rounds },
    (_, round) => url + filePath(sizedModule(size, `${row}-${name}-${round}`), 'zip'),
  );
  const [, ...results] = successes(`${row}, ${name}`, await bench.get(urls));
  bench.figures.set(row, name, 'firstByte', median(results.map(({ firstByte }) => firstByte)));
  bench.figures.set(row, name, 'total', median(results.map(({ total }) => total)));
}
