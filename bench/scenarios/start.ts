import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Bench, removeFolder, successes } from '../bench.ts';
import { filePath, sizedModule } from '../data.ts';
import { median } from '../load.ts';
import { freePort } from '../processes.ts';
import { launch, type ServerKind, startServer } from '../servers.ts';

const module = sizedModule('20kb', 'start');

/** From the start of a server with data to its first answers: of /healthz, and of a stored module. */
export async function runStart(bench: Bench): Promise<void> {
  for (const kind of bench.kinds.filter(({ fetches }) => fetches)) {
    await bench.attempt('start', kind.name, () => measureStart(bench, kind));
  }
}

async function measureStart(bench: Bench, kind: ServerKind): Promise<void> {
  const place = { folder: join(bench.folder, kind.name), source: bench.lines.loopback };
  try {
    const server = await startServer(bench.processes, kind, place);
    const files = (['info', 'mod', 'zip'] as const).map((file) => server.url + filePath(module, file));
    successes(kind.name, await bench.get(files));
    await server.stop();
    const started: number[] = [];
    const answered: number[] = [];
    for (let round = 0; round < (bench.quick ? 1 : 5); round++) {
      const port = await freePort();
      const begin = performance.now();
      const child = launch(bench.processes, kind, { ...place, port });
      started.push((await firstAnswer(bench, `http://127.0.0.1:${port}/healthz`)) - begin);
      answered.push(
        (await firstAnswer(bench, `http://127.0.0.1:${port}${filePath(module, 'info')}`)) - begin,
      );
      await bench.processes.stop(child);
    }
    bench.figures.set('start', kind.name, 'started', median(started));
    bench.figures.set('start', kind.name, 'answered', median(answered));
  } finally {
    removeFolder(place.folder);
  }
}

/** The time of the first answer that is no failure. */
async function firstAnswer(bench: Bench, url: string): Promise<number> {
  const deadline = performance.now() + 20_000;
  while (performance.now() < deadline) {
    const [result] = await bench.get([url]);
    if (result?.status === 200 || result?.status === 204) return performance.now();
    await sleep(1);
  }
  throw new Error(`${url} did not answer`);
}
