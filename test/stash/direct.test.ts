import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createDirect } from '../../src/fetch/direct.ts';
import type { Fetcher } from '../../src/fetch/fetcher.ts';
import { createZipWriter } from '../../src/fetch/zip-writer.ts';
import { createGitRepos } from '../../src/vcs/git.ts';
import { createRun } from '../../src/vcs/run.ts';
import { type GitRepo, git, openGitRepos, type Step } from '../fakes/git-repos.ts';
import { moduleFixture } from '../fakes/module-zip.ts';
import { openGate } from '../fetch/direct-bed.ts';
import { ask, type House, openHouse, readAll } from './house.ts';

const path = 'example.com/m';
const version = 'v1.0.0';
const files = ['info', 'mod', 'zip'] as const;

const goMod = (text: string): string => `module ${path}\n\n// ${text}\n`;
const script: readonly Step[] = [
  { commit: 'one', files: { 'go.mod': goMod('one'), 'm.go': 'package m // one\n' }, tags: [version] },
  { commit: 'two', files: { 'go.mod': goMod('two'), 'm.go': 'package m // two\n' } },
];

/** A house whose modules are read from one real repository. */
interface Bed extends AsyncDisposable {
  readonly house: House;
  readonly repo: GitRepo;
}

async function openBed(steps: readonly Step[] = script): Promise<Bed> {
  const repos = await openGitRepos();
  const repo = await repos.create('m', steps);
  const folder = await mkdtemp(join(tmpdir(), 'stash-direct-'));
  const limits = { processes: 20, waiting: 100, waitMs: 60_000, memoryBytes: 2 ** 32, fileBytes: 2 ** 30 };
  const copies = await createGitRepos({
    folder,
    maxBytes: 2 ** 30,
    maxFetchBytes: 2 ** 30,
    run: createRun(limits),
    path: process.env.PATH!,
    // A tag that moved is seen at once.
    refsMs: 0,
  });
  const zips = createZipWriter({ threads: 1 });
  const url = `https://${path}`;
  const direct: Fetcher = createDirect({
    discover: async () => ({ root: path, vcs: 'git', url }),
    openRepo: async () => copies.open({ url, fetchUrl: repo.url, key: repo.url }),
    upstream: () => {
      throw new Error('no upstream is named here');
    },
    zips,
    gate: openGate(),
  });
  const house = await openHouse({ sources: () => [{ kind: 'direct' }], direct });
  return {
    house,
    repo,
    async [Symbol.asyncDispose]() {
      await house[Symbol.asyncDispose]();
      await Promise.all([copies.close(), zips.close()]);
      await repos[Symbol.asyncDispose]();
      await rm(folder, { recursive: true });
    },
  };
}

const get = (stash: House['stash'], file: (typeof files)[number]): Promise<Buffer> =>
  readAll((async () => stash.open({ path, version }, file, ask()))());

const hashIn = (info: Buffer): string => JSON.parse(info.toString()).Origin.Hash;

/** What a stash answers is that of the commit with this label: its .info, its go.mod, and the h1 of its zip. */
async function expectCommit(bed: Bed, stash: House['stash'], label: string): Promise<void> {
  const contents = { 'go.mod': goMod(label), 'm.go': `package m // ${label}\n` };
  const { h1 } = await moduleFixture({ path, version }, { files: contents });
  await get(stash, 'zip');
  expect(hashIn(await get(stash, 'info'))).toBe(bed.repo.hash(label));
  expect((await get(stash, 'mod')).toString()).toBe(contents['go.mod']);
  await using hash = await bed.house.store.get(`${path}/@v/${version}.ziphash`);
  for await (const chunk of hash!.read()) expect(Buffer.from(chunk).toString()).toBe(h1);
}

describe.skipIf(git === undefined)('a module in a git repository', () => {
  it('is one commit to two replicas, though its tag moves between their requests', async () => {
    await using bed = await openBed();
    const { house, repo } = bed;
    const other = house.replica();
    expect((await get(house.stash, 'mod')).toString()).toBe(goMod('one'));
    await repo.run([{ tag: version, at: 'two' }]);
    await expectCommit(bed, other, 'one');
    await expectCommit(bed, house.stash, 'one');
    expect(house.events).toEqual(['moved_tag']);
    const [pinned, commit] = [repo.hash('one'), repo.hash('two')];
    const text = `its tag leads to commit ${commit}; what was served is of ${pinned}`;
    expect(house.told).toMatchObject([{ module: { path, version }, text, pinned, commit }]);
    expect(house.warnings.map(({ fields }) => fields)).toEqual([
      { module: path, version, pinned: repo.hash('one'), commit: repo.hash('two') },
    ]);
  });

  it('is one commit, whichever, to replicas that ask for everything while its tag moves', async () => {
    await using bed = await openBed();
    const replicas = [bed.house.stash, bed.house.replica()];
    const asked = replicas.flatMap((stash) => files.map((file) => get(stash, file)));
    await bed.repo.run([{ tag: version, at: 'two' }]);
    await Promise.all(asked);
    const hash = hashIn(await get(bed.house.stash, 'info'));
    const label = hash === bed.repo.hash('one') ? 'one' : 'two';
    for (const stash of replicas) await expectCommit(bed, stash, label);
  });

  it('outlives its tag, which is an event', async () => {
    await using bed = await openBed();
    await get(bed.house.stash, 'info');
    await bed.repo.run([{ remove: `refs/tags/${version}` }]);
    await expectCommit(bed, bed.house.stash, 'one');
    expect(bed.house.warnings.map(({ fields }) => fields?.commit)).toEqual(['']);
  });

  it('is refused when its tag was moved and its commit is lost', async () => {
    await using bed = await openBed();
    const info = { Version: version, Time: '2024-01-01T00:00:00Z', Origin: { Hash: 'f'.repeat(40) } };
    await bed.house.store.put(`${path}/@v/${version}.info`, Buffer.from(JSON.stringify(info)));
    for (const file of ['mod', 'zip'] as const) {
      await expect(get(bed.house.stash, file)).rejects.toMatchObject({
        kind: 'integrity',
        message: expect.stringContaining(`its tag was moved to commit ${bed.repo.hash('one')}`),
      });
      expect(await bed.house.store.stat(`${path}/@v/${version}.${file}`)).toBeUndefined();
    }
    expect(JSON.parse((await get(bed.house.stash, 'info')).toString())).toEqual(info);
  });

  it('has its moved tag noticed by a list and by latest, which name what they named before', async () => {
    for (const question of ['list', 'latest']) {
      await using bed = await openBed();
      const { house, repo } = bed;
      await get(house.stash, 'zip');
      await repo.run([{ tag: version, at: 'two' }]);
      if (question === 'list') {
        expect(String((await house.stash.list(path, ask())).bytes)).toBe(`${version}\n`);
      } else {
        const { bytes } = await house.stash.query(path, 'latest', ask());
        expect(Buffer.from(bytes)).toEqual(await get(house.stash, 'info'));
      }
      await house.stash.settled();
      expect(house.events, question).toEqual(['moved_tag']);
      await expectCommit(bed, house.stash, 'one');
    }
  });

  it('may have attributes that make the go.mod of its zip another', async () => {
    const text = `module ${path}\n\n// $Format:%H$\n`;
    const attributes = { '.gitattributes': 'go.mod export-subst\n' };
    await using bed = await openBed([
      { commit: 'one', files: { ...attributes, 'go.mod': text }, tags: [version] },
    ]);
    await get(bed.house.stash, 'zip');
    expect((await get(bed.house.stash, 'mod')).toString()).toBe(text);
    expect(bed.house.events).toEqual([]);
  });
});
