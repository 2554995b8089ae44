import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Stoa, startStoa } from '../fakes/stoa.ts';
import { type FakeSumdb, startSumdb } from '../fakes/sumdb.ts';
import { type FakeUpstream, startUpstream } from '../fakes/upstream.ts';
import { type GoHome, go, openGoHome } from './go.ts';

const names = ['a', 'b', 'c', 'd'].map((name) => `example.com/${name}`);
const version = 'v1.0.0';
/** Read from the disk by positions, not from memory. */
const large = 'example.com/large';
const paths = [...names, large];

/** One project for each client: what it requires. */
const goMod = (...required: readonly string[]): string =>
  `module example.com/project\n\ngo 1.21\n\nrequire (\n${required.map((path) => `\t${path} ${version}\n`).join('')})\n`;

// The tests go on from each other: what one has fetched, the next one finds.
describe.skipIf(go === undefined)('the go command with GOSUMDB, through a server alone', () => {
  let upstream: FakeUpstream;
  let database: FakeSumdb;
  let stoa: Stoa;

  beforeAll(async () => {
    database = await startSumdb();
    upstream = await startUpstream({
      modules: paths.map((path) => ({
        path,
        versions: {
          [version]: {
            files: { 'go.mod': `module ${path}\n`, data: 'x'.repeat(path === large ? 12_000_000 : 10) },
            compress: false,
          },
        },
      })),
    });
    for (const path of paths) {
      database.grow(100);
      const { h1, modH1 } = upstream.fixture(path, version);
      database.add({ path, version }, { zip: h1, mod: modH1 });
    }
    stoa = await startStoa({
      upstream: upstream.url,
      env: { STOA_SUMDB: `${database.verifierKey} ${database.url}` },
    });
  });
  afterAll(async () => {
    await stoa?.[Symbol.asyncDispose]();
    await upstream?.close();
    await database?.[Symbol.asyncDispose]();
  });

  const env = (): Record<string, string> => ({
    GOSUMDB: database.verifierKey,
    GOFLAGS: '-modcacherw -mod=mod',
  });

  /** Downloads into an empty module cache, or that of a home. */
  async function download(required: readonly string[], home?: GoHome): Promise<void> {
    await using own = home === undefined ? await openGoHome(stoa.url) : undefined;
    const at = (home ?? own)!;
    const cwd = await at.project({ 'go.mod': goMod(...required) });
    await at.run(['mod', 'download', 'all'], { cwd, env: env() });
  }

  async function complain(required: readonly string[]): Promise<string> {
    await using home = await openGoHome(stoa.url);
    const cwd = await home.project({ 'go.mod': goMod(...required) });
    return await home.fail(['mod', 'download', 'all'], { cwd, env: env() });
  }

  test('downloads and verifies', async () => {
    await download(paths);
    expect(database.requests.filter((target) => target.startsWith('lookup/')).sort()).toEqual(
      paths.map((path) => `lookup/${path}@${version}`).sort(),
    );
    expect(database.headers.every(({ 'user-agent': agent }) => agent?.startsWith('Stoa/'))).toBe(true);
  });

  test('is told what the database has, when the upstream has something else', async () => {
    const path = 'example.com/rewritten';
    database.add({ path, version });
    await using other = await startUpstream({ modules: [{ path, versions: { [version]: {} } }] });
    await using house = await startStoa({
      upstream: other.url,
      env: { STOA_SUMDB: `${database.verifierKey} ${database.url}` },
    });
    await using home = await openGoHome(`${house.url},direct`);
    const cwd = await home.project({ 'go.mod': goMod(path) });
    const said = await home.fail(['mod', 'download', 'all'], { cwd, env: env() });
    expect(said).toMatch(/502 Bad Gateway/);
    expect(said).toMatch(/sent a go\.mod with h1:\S+, but the checksum database sum\.example\.com has h1:/);
  });

  test('goes on with the network gone: clients without a head, with an older one, with the newest', async () => {
    await using older = await openGoHome(stoa.url);
    await download(names.slice(0, 1), older);
    await using newest = await openGoHome(stoa.url);
    await download([large], newest);
    await upstream.stop();
    await database.stop();
    await stoa.stop();
    await stoa.start();
    await download(paths);
    for (const home of [older, newest]) {
      const cwd = await home.project({ 'go.mod': goMod(...paths) });
      // Another port after the restart.
      await home.run(['mod', 'download', 'all'], { cwd, env: { ...env(), GOPROXY: stoa.url } });
    }
  });

  test.each([names[0]!, large])(
    'is refused a zip of %s in which a byte changed on the disk',
    async (path) => {
      await stoa.stop();
      const file = await open(join(stoa.data, 'store', path, '@v', `${version}.zip`), 'r+');
      const { size } = await file.stat();
      const at = Math.floor(size / 2);
      const { buffer } = await file.read(Buffer.alloc(1), 0, 1, at);
      await file.write(Buffer.from([buffer[0]! ^ 1]), 0, 1, at);
      await file.close();
      await stoa.start();
      const said = await complain([path]);
      // A small zip is answered with the reason; a large one is cut before its end.
      expect(said).toMatch(
        path === large ? /unexpected EOF|stream error|connection reset/ : /502 Bad Gateway/,
      );
      const again = await complain([path]);
      expect(again).toMatch(/502 Bad Gateway/);
    },
  );
});
