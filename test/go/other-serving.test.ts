// A server that reads hg, svn and fossil repositories, as the go command sees it.
import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { GoVcs } from '../../src/vcs/go-remote.ts';
import { type OtherRepo, openOtherRepo, tools } from '../fakes/other-repos.ts';
import { type OtherServer, serveOther } from '../fakes/other-server.ts';
import { type Stoa, startStoa, withoutFreshness } from '../fakes/stoa.ts';
import { until } from '../net/origin.ts';
import { type GoHome, go, openGoHome, parseObjects } from './go.ts';

interface Downloaded {
  readonly Path: string;
  readonly Version: string;
  readonly Sum: string;
  readonly Info: string;
}

const hasAll = (['hg', 'svn', 'fossil'] as const).every((vcs) => tools[vcs] !== undefined);

// The tests go on from each other: in the end the repositories are gone.
describe.skipIf(go === undefined || !hasAll)('a server that may use a go command', () => {
  const repos = new Map<GoVcs, OtherRepo>();
  const servers: OtherServer[] = [];
  let rewrites: string;
  let stoa: Stoa;
  let home: GoHome;
  let found: Downloaded[];

  beforeAll(async () => {
    for (const vcs of ['hg', 'svn', 'fossil'] as const) {
      const files = { 'go.mod': `module ${pathOf(vcs)}\n`, 'lib.go': 'package lib\n' };
      repos.set(
        vcs,
        await openOtherRepo(vcs, [{ files, tag: 'v1.0.0' }, { files: { 'more.go': 'package lib\n' } }]),
      );
    }
    const places: string[] = [];
    for (const [vcs, repo] of repos) {
      if (vcs !== 'svn') servers.push(await serveOther(repo));
      places.push(`https://${vcs}.example.com/lib=>${vcs === 'svn' ? repo.url : servers.at(-1)!.url}/`);
    }
    rewrites = places.join(',');
    stoa = await startStoa({ upstream: 'direct', env: settings({ STOA_VCS_GO: go! }) });
    home = await openGoHome(stoa.url);
  });
  afterAll(async () => {
    await home?.[Symbol.asyncDispose]();
    await stoa?.[Symbol.asyncDispose]();
    await removeRepos();
  });

  async function removeRepos(): Promise<void> {
    for (const server of servers.splice(0)) await server.close();
    for (const repo of repos.values()) await repo[Symbol.asyncDispose]();
    repos.clear();
  }

  function pathOf(vcs: GoVcs): string {
    return `${vcs}.example.com/lib.${vcs}`;
  }

  function settings(more: Readonly<Record<string, string>>): Record<string, string> {
    return { ...withoutFreshness, STOA_VCS_GOVCS: 'public:all', STOA_VCS_REWRITE: rewrites, ...more };
  }

  async function download(on: GoHome, ...modules: string[]): Promise<Downloaded[]> {
    const { stdout } = await on.run(['mod', 'download', '-json', ...modules]);
    return parseObjects<Downloaded>(stdout);
  }

  test('has their modules, which say where they are for everybody', { timeout: 60_000 }, async () => {
    const [hg, svn, fossil] = [pathOf('hg'), pathOf('svn'), pathOf('fossil')];
    found = await download(home, `${hg}@v1.0.0`, `${svn}@latest`, `${fossil}@v1.0.0`);
    expect(found.map(({ Version }) => Version)).toEqual([
      'v1.0.0',
      expect.stringMatching(/^v0\.0\.0-\d{14}-\d{12}$/),
      'v1.0.0',
    ]);
    for (const { Sum, Info } of found) {
      expect(Sum).toMatch(/^h1:/);
      expect(await readFile(Info, 'utf8')).toMatch(/"URL":"https:\/\/\w+\.example\.com\/lib"/);
    }
  });

  test('tells what is not there as the go command would', async () => {
    const path = pathOf('fossil');
    expect(await home.fail(['list', '-m', `${path}@v9.9.9`])).toContain(
      `404 Not Found\n\tserver response: not found: ${path}@v9.9.9: invalid version: unknown revision v9.9.9`,
    );
  });

  test('serves what it has when all repositories are gone', async () => {
    await removeRepos();
    await stoa.stop();
    await stoa.start();
    await using other = await openGoHome(stoa.url);
    const again = await download(other, ...found.map(({ Path, Version }) => `${Path}@${Version}`));
    expect(again.map(({ Sum }) => Sum)).toEqual(found.map(({ Sum }) => Sum));
  });

  test('that may use none says so', async () => {
    await using off = await startStoa({ upstream: 'direct', env: settings({}) });
    await using elsewhere = await openGoHome(off.url);
    const path = pathOf('hg');
    expect(await elsewhere.fail(['list', '-m', `${path}@v1.0.0`])).toContain(
      `404 Not Found\n\tserver response: not found: ${path}: its repository https://hg.example.com/lib is one of hg, which is not read here: name a go command in vcs.go, or an upstream for it`,
    );
  });

  test.each([
    ['/nowhere/go', 'vcs.go: go 1.25.6 or later is needed, and /nowhere/go is not found'],
    ['true', 'vcs.go: go 1.25.6 or later is needed, and true does not tell its version'],
  ])('does not go on without it: %s', async (name, message) => {
    await using broken = await startStoa({ upstream: 'direct', env: settings({ STOA_VCS_GO: name }) });
    await until(() => broken.log.find(({ level }) => level === 'ERROR')?.message).toBe(message);
    await until(() => fetch(broken.url).catch(() => undefined)).toBeUndefined();
  });
});
