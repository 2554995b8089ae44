import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Bench, removeFolder, successes } from '../bench.ts';
import { filePath, sizedModule } from '../data.ts';
import { median } from '../load.ts';
import { freePort } from '../processes.ts';
import { launch, startServer } from '../servers.ts';

/** From the start of a server with data to its first answers: of /healthz, and of a stored module. */
export async function runStart(bench: Bench): Promise<void> {
  const path = filePath(sizedModule('20kb', 'start'), 'info');
  for (const kind of bench.kinds.filter(({ fetches }) => fetches)) {
    bench.say(`start: ${kind.name}`);
    const place = { folder: join(bench.folder, kind.name), source: bench.lines.loopback };
    try {
      const server = await startServer(bench.processes, kind, place);
      successes(
        kind.name,
        await bench.get(['info', 'mod', 'zip'].map((file) => server.url + path.replace(/info$/, file))),
      );
      await server.stop();
      const started: number[] = [];
      const answered: number[] = [];
      for (let round = 0; round < (bench.quick ? 1 : 5); round++) {
        const port = await freePort();
        const begin = performance.now();
        const child = launch(bench.processes, kind, { ...place, port });
        // goproxy has no /healthz; that it answers is what counts.
        started.push((await firstAnswer(bench, `http://127.0.0.1:${port}/healthz`, [200, 404])) - begin);
        answered.push((await firstAnswer(bench, `http://127.0.0.1:${port}${path}`, [200])) - begin);
        await bench.processes.stop(child);
      }
      bench.figures.set('start', kind.name, 'started', median(started));
      bench.figures.set('start', kind.name, 'answered', median(answered));
    } finally {
      removeFolder(place.folder);
    }
  }
}

/** The time of the first answer with one of the statuses. */
async function firstAnswer(bench: Bench, url: string, statuses: readonly number[]): Promise<number> {
  const deadline = performance.now() + 20_000;
  while (performance.now() < deadline) {
    const [result] = await bench.get([url]);
    if (result !== undefined && statuses.includes(result.status)) return performance.now();
    await sleep(1);
  }
  throw new Error(`${url} did not answer`);
}
