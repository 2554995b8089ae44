import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Stoa, startStoa } from '../fakes/stoa.ts';
import { type FakeUpstream, startUpstream } from '../fakes/upstream.ts';
import { go, openGoHome, parseObjects } from './go.ts';
import { generateGraph } from './graph.ts';

const graph = generateGraph(120);
const files = graph.nodes.length;

// The tests go on from each other: what one has fetched, the next one finds.
describe.skipIf(go === undefined)('a project of 120 modules', () => {
  let upstream: FakeUpstream;
  let stoa: Stoa;

  beforeAll(async () => {
    upstream = await startUpstream({ modules: graph.modules });
    stoa = await startStoa({ upstream: upstream.url });
  });
  afterAll(async () => {
    await stoa?.[Symbol.asyncDispose]();
    await upstream?.close();
  });

  test('shows its whole graph from the .mod files alone: no zip is downloaded', async () => {
    await using home = await openGoHome(stoa.url);
    const cwd = await home.project({ 'go.mod': graph.goMod });
    const { stdout } = await home.run(['mod', 'graph'], { cwd });
    const edges = stdout
      .trimEnd()
      .split('\n')
      .filter((line) => !/ (go|toolchain)@/.test(line));
    expect(edges.sort()).toEqual(expectedEdges());
    expect(upstream.count({ kind: 'mod' })).toBe(files);
    expect(upstream.count()).toBe(files);
  });

  test('downloads cold for several at once, with one request to the upstream for each file', async () => {
    const expected = expectedDownloads();
    for (const downloaded of await Promise.all([download(), download(), download()]))
      expect(downloaded).toEqual(expected);
    for (const kind of ['info', 'mod', 'zip'] as const) expect(upstream.count({ kind })).toBe(files);
    expect(upstream.count()).toBe(3 * files);
  });

  test('downloads warm, with no request to the upstream', async () => {
    expect(await download()).toEqual(expectedDownloads());
    expect(upstream.count()).toBe(3 * files);
  });

  test('downloads after a restart with the upstream stopped', async () => {
    await upstream.stop();
    await stoa.stop();
    await stoa.start();
    expect(await download()).toEqual(expectedDownloads());
  });

  test('downloads after the server was killed', async () => {
    await stoa.kill();
    await stoa.start();
    expect(await download()).toEqual(expectedDownloads());
  });

  test('leaves nothing in the log that anybody would have to look at', () => {
    expect(stoa.log.length).toBeGreaterThan(10 * files);
    expect(stoa.log.filter(({ level }) => level !== 'INFO')).toEqual([]);
  });

  interface Downloaded {
    readonly Path: string;
    readonly Version: string;
    readonly Sum: string;
    readonly GoModSum: string;
  }

  /** Downloads all into an empty cache, lets go verify it, and gives what go says of each module. */
  async function download(): Promise<Downloaded[]> {
    await using home = await openGoHome(stoa.url);
    const cwd = await home.project({ 'go.mod': graph.goMod });
    const { stdout } = await home.run(['mod', 'download', '-json'], { cwd });
    expect((await home.run(['mod', 'verify'], { cwd })).stdout).toBe('all modules verified\n');
    return parseObjects<Downloaded>(stdout)
      .map(({ Path, Version, Sum, GoModSum }) => ({ Path, Version, Sum, GoModSum }))
      .sort(byPath);
  }

  function expectedDownloads(): Downloaded[] {
    return graph.nodes
      .map(({ path, version }) => {
        const { h1, modH1 } = upstream.fixture(path, version);
        return { Path: path, Version: version, Sum: h1, GoModSum: modH1 };
      })
      .sort(byPath);
  }
});

function byPath(a: { readonly Path: string }, b: { readonly Path: string }): number {
  return a.Path < b.Path ? -1 : 1;
}

function expectedEdges(): string[] {
  const name = ({ path, version }: { path: string; version: string }) => `${path}@${version}`;
  return [
    ...graph.roots.map((root) => `example.com/project ${name(root)}`),
    ...graph.nodes.flatMap((node) => node.requires.map((required) => `${name(node)} ${name(required)}`)),
  ].sort();
}
