import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Bench, removeFolder, withServers } from '../bench.ts';
import { projectGoMod, projectModules } from '../data.ts';
import { median } from '../load.ts';

/** A project of real modules, whose graph has about as many as the made-up one. */
const realGoMod = `module example.com/project

go 1.24

require (
\tgithub.com/gin-gonic/gin v1.12.0
\tgithub.com/gorilla/mux v1.8.0
\tgithub.com/sirupsen/logrus v1.8.1
\tk8s.io/kubectl v0.31.0
)
`;

/** The real go command downloads a project's modules: first nobody has them, then the server has. */
export async function runGo(bench: Bench): Promise<void> {
  const source = bench.real ? await environmentProxy(bench) : bench.lines.loopback;
  const goMod = bench.real ? realGoMod : projectGoMod();
  const kinds = bench.kinds.filter(({ fetches }) => fetches || !bench.real);
  if (!bench.real) bench.data.write(join(bench.folder, 'static'), projectModules);
  await withServers(
    bench,
    source,
    async (servers) => {
      const places = [...servers, { name: 'line', url: source }];
      // Once for nobody: the first run of the go command also reads it from the disk.
      await download(bench, source, goMod);
      for (const { name, url } of places)
        await bench.attempt('go', name, async () => {
          const { seconds, modules } = await download(bench, url, goMod);
          bench.figures.set('go', name, 'modules', modules);
          if (name !== 'nginx') bench.figures.set('go', name, 'cold', seconds);
        });
      const warm = new Map(servers.map(({ name }) => [name, [] as number[]]));
      for (let round = 0; round < (bench.quick ? 1 : 12); round++) {
        bench.say(`go: warm, round ${round + 1}`);
        // Each comes first and last as often as the others.
        for (const { name, url } of [
          ...servers.slice(round % servers.length),
          ...servers.slice(0, round % servers.length),
        ])
          warm.get(name)!.push((await download(bench, url, goMod)).seconds);
      }
      for (const [name, times] of warm) bench.figures.set('go', name, 'warm', median(times));
    },
    kinds,
  );
}

/** One `go mod download` into an empty module cache. */
async function download(
  bench: Bench,
  url: string,
  goMod: string,
): Promise<{ readonly seconds: number; readonly modules: number }> {
  const folder = join(bench.folder, 'project');
  mkdirSync(folder);
  try {
    writeFileSync(join(folder, 'go.mod'), goMod);
    const env = {
      PATH: process.env.PATH ?? '',
      HOME: folder,
      GOPROXY: url,
      GOSUMDB: 'off',
      GONOSUMDB: '*',
      GOTOOLCHAIN: 'local',
      GOFLAGS: '-mod=mod -modcacherw',
      GOMODCACHE: join(folder, 'cache'),
    };
    const start = performance.now();
    const output = await bench.processes.run('go', ['mod', 'download', '-json', 'all'], { env, cwd: folder });
    const seconds = (performance.now() - start) / 1000;
    return { seconds, modules: output.match(/^\t"Zip": /gm)?.length ?? 0 };
  } finally {
    removeFolder(folder);
  }
}

/** The first proxy that the environment names. */
async function environmentProxy(bench: Bench): Promise<string> {
  const list = (await bench.processes.run('go', ['env', 'GOPROXY'])).trim();
  const url = list.split(/[,|]/).find((entry) => entry.startsWith('http'));
  if (url === undefined) throw new Error(`go env GOPROXY names no proxy: ${list}`);
  return url;
}
