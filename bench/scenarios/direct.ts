import { mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { type Bench, removeFolder, successes, withServers } from '../bench.ts';
import type { ClientResult } from '../client.ts';
import { filePath } from '../data.ts';
import { createRepository, gitEnv, gitVersions, historyShape, treeShape } from '../git-data.ts';
import type { RemoteCounts } from '../git-remote.ts';
import { median } from '../load.ts';
import { goDirectEnv, type Mirror } from '../mirror.ts';
import { residentBytes, watchResident } from '../processes.ts';
import { directKind, findProgram, type Server, type ServerKind } from '../servers.ts';

const remoteRows = ['direct-mod-first', 'direct-mod-second', 'direct-list', 'direct-probe', 'direct-zip'];

export const directRows: readonly string[] = [...remoteRows, 'direct-tree'];

/** Of each request to the host of the repositories. */
const latency = 30;

/** After so long nothing is left of what was asked before but what is kept: no connection, no answer that is still fresh. */
const lapseMilliseconds = 11_000;

/** The host of the repositories. */
interface Remote {
  readonly url: string;
  /** What it was asked for since the last time this was called. */
  counts(): Promise<RemoteCounts>;
}

interface Direct {
  readonly bench: Bench;
  readonly remote: Remote;
  readonly mirrors: readonly Mirror[];
}

/** What is asked for at once in a round. */
type Paths = (round: number) => readonly string[];

/** Modules that are read from their repositories: over a network with 30 ms a request, and from the disk. */
export async function runDirect(bench: Bench): Promise<void> {
  if (findProgram('git') === undefined) {
    bench.say('direct: left out, git is not installed');
    return;
  }
  const folder = join(bench.folder, 'repositories');
  mkdirSync(folder);
  const { told: port } = await bench.processes.fork<number>('git-remote.ts', [folder, String(latency)]);
  const url = `http://127.0.0.1:${port}`;
  const counts = async () => (await (await fetch(`${url}/__counts`)).json()) as RemoteCounts;
  const mirrors = [
    { from: 'https://github.com/bench/', to: `${url}/bench/` },
    { from: 'https://github.com/local/', to: `${pathToFileURL(folder)}/` },
  ];
  const direct: Direct = { bench, remote: { url, counts }, mirrors };
  const kinds = bench.kinds.filter(({ fetches }) => fetches).map((kind) => directKind(kind, mirrors));

  if (remoteRows.some(bench.wanted)) {
    bench.say('direct: making a repository with a history');
    await createRepository(bench.processes, join(folder, 'history'), historyShape);
    await runRemote(direct, kinds);
  }
  if (bench.wanted('direct-tree')) {
    bench.say('direct: making a repository with a large tree');
    await createRepository(bench.processes, join(folder, 'tree'), treeShape);
    const stoa = kinds.filter(({ name }) => name === 'stoa');
    await bench.attempt('direct-tree', 'line', () => measureGo(direct, 'direct-tree', 'local/tree'));
    await withServers(bench, 'direct', ([server]) => measureTree(direct, folder, server), stoa);
  }
  removeFolder(folder);
}

async function runRemote(direct: Direct, kinds: readonly ServerKind[]): Promise<void> {
  const { bench } = direct;
  await withServers(
    bench,
    'direct',
    async (servers) => {
      for (const server of servers) await measureServer(direct, server);
    },
    kinds,
  );
  if (bench.wanted('direct-list')) await bench.attempt('direct-list', 'line', () => measureLsRemote(direct));
  if (bench.wanted('direct-zip'))
    await bench.attempt('direct-zip', 'line', () => measureGo(direct, 'direct-zip', 'bench/history-go'));
}

/** The rows of one server, in an order in which what a row asks for is known, or not, as its name says. */
async function measureServer(direct: Direct, server: Server): Promise<void> {
  const { bench } = direct;
  const [oldest, newer] = gitVersions as [string, string, ...string[]];
  // The others take seconds for each.
  const rounds = bench.quick || server.name !== 'stoa' ? 1 : 7;
  const repository = (use: string, round: number) =>
    `github.com/bench/history-${use}-${server.name}-${round}`;
  const mod = (version: string) => (round: number) => [filePath(repository('mod', round), 'mod', version)];
  const list = (round: number) => [filePath(repository('list', round), 'list')];
  const probes = (round: number) =>
    ['', '/a', '/a/b', '/a/b/c'].map((below) => filePath(repository('probe', round) + below, 'list'));
  const zip = (round: number) => [filePath(repository('zip', round), 'zip', oldest)];
  const measure = async (row: string, paths: Paths, { most = rounds, check = successes } = {}) => {
    if (!bench.wanted(row)) return;
    await bench.attempt(row, server.name, () => measureRow(direct, row, server, most, paths, check));
  };

  await measure('direct-mod-first', mod(oldest));
  if (['direct-list', 'direct-mod-second'].some(bench.wanted)) {
    await bench.attempt('direct, what is known', server.name, async () => {
      for (let round = 0; round <= rounds; round++) {
        const paths = [...mod(oldest)(round), ...list(round)];
        successes('what is known', await bench.get(paths.map((path) => server.url + path)));
      }
    });
    await sleep(lapseMilliseconds);
  }
  await measure('direct-list', list);
  await measure('direct-mod-second', mod(newer));
  await measure('direct-probe', probes, { check: server.name === 'stoa' ? answersOrNone : anyAnswers });
  await measure('direct-zip', zip, { most: Math.min(rounds, 3) });
}

/** The results, where all of them are whole answers; that below a root is nothing is one too. */
function answersOrNone(what: string, results: readonly ClientResult[]): readonly ClientResult[] {
  successes(
    what,
    results.filter(({ status }) => status !== 404),
  );
  return results;
}

/** Athens says 500 of what is not there. */
function anyAnswers(_: string, results: readonly ClientResult[]): readonly ClientResult[] {
  return results;
}

/** The first round is thrown away: in it server, host and client still warm up. */
async function measureRow(
  { bench, remote }: Direct,
  row: string,
  { name, url }: Server,
  rounds: number,
  paths: Paths,
  check: typeof successes,
): Promise<void> {
  const totals: number[] = [];
  const asked: RemoteCounts[] = [];
  for (let round = 0; round <= rounds; round++) {
    await remote.counts();
    const urls = paths(round).map((path) => url + path);
    const results = check(`${row}, ${name}`, await bench.get(urls, { atOnce: true }));
    if (round === 0) continue;
    totals.push(Math.max(...results.map(({ total }) => total)));
    asked.push(await remote.counts());
  }
  const most = (what: keyof RemoteCounts) => Math.max(...asked.map((counts) => counts[what]));
  bench.figures.set(row, name, 'total', median(totals));
  bench.figures.set(row, name, 'network', median(asked.map(({ trips }) => trips)) * latency);
  bench.figures.set(row, name, 'fetches', most('trips'));
  bench.figures.set(row, name, 'lsRemotes', most('lsRemotes'));
  bench.figures.set(row, name, 'objects', most('fetches'));
  bench.figures.set(row, name, 'received', most('bytes') / 1e6);
}

/** What git itself takes to ask for the names of a repository. */
async function measureLsRemote({ bench, remote }: Direct): Promise<void> {
  const times: number[] = [];
  for (let round = 0; round < (bench.quick ? 1 : 7); round++) {
    const start = performance.now();
    await bench.processes.run('git', ['ls-remote', `${remote.url}/bench/history-line`], { env: gitEnv });
    times.push(performance.now() - start);
  }
  bench.figures.set('direct-list', 'line', 'total', median(times));
}

/** What the go command takes for the zip, with an empty module cache; the better of two times. */
async function measureGo({ bench, mirrors }: Direct, row: string, path: string): Promise<void> {
  const times: number[] = [];
  for (let round = 0; round < (bench.quick ? 1 : 2); round++) {
    const folder = join(bench.folder, 'go-direct');
    mkdirSync(folder);
    try {
      const env = {
        PATH: process.env.PATH ?? '',
        HOME: folder,
        GOMODCACHE: join(folder, 'cache'),
        ...goDirectEnv(folder, mirrors),
      };
      const start = performance.now();
      const module = `github.com/${path}@${gitVersions[0]}`;
      await bench.processes.run('go', ['mod', 'download', '-json', module], { env, cwd: folder });
      times.push(performance.now() - start);
    } finally {
      removeFolder(folder);
    }
  }
  bench.figures.set(row, 'line', 'total', median(times));
}

/** The zip of a large tree from the disk, and how much more memory it takes meanwhile. */
async function measureTree({ bench }: Direct, folder: string, server: Server | undefined): Promise<void> {
  if (server === undefined) return;
  await bench.attempt('direct-tree', 'stoa', async () => {
    const before = residentBytes(server.pid);
    const memory = watchResident(server.pid);
    const times: number[] = [];
    try {
      for (let round = 0; round <= (bench.quick ? 1 : 3); round++) {
        // The same repository under a name that nobody knows yet.
        symlinkSync('tree', join(folder, `tree-${round}`));
        const url = server.url + filePath(`github.com/local/tree-${round}`, 'zip', gitVersions[0]);
        const [result] = successes('direct-tree', await bench.get([url]));
        if (round > 0) times.push(result!.total);
      }
    } finally {
      bench.figures.set('direct-tree', 'stoa', 'growth', ((await memory.stop()) - before) / 1e6);
    }
    bench.figures.set('direct-tree', 'stoa', 'total', median(times));
  });
}
