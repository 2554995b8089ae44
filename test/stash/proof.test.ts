import { expect, test } from 'vitest';
import { createProof, type Proof } from '../../src/stash/proof.ts';
import type { StashOptions } from '../../src/stash/stash.ts';
import type { BlobStore } from '../../src/storage/store.ts';
import { parseDatabaseList } from '../../src/sumdb/database-list.ts';
import { createDatabases } from '../../src/sumdb/databases.ts';
import { moduleFixture } from '../fakes/module-zip.ts';
import { startUpstream, type UpstreamModule } from '../fakes/upstream.ts';
import { openBed } from '../sumdb/bed.ts';
import { ask, type House, openHouse, readAll } from './house.ts';
import { createTaggedSource } from './tagged-source.ts';

const path = 'example.com/m';
const version = 'v1.0.0';
const m = { path, version };
const goMod = `module ${path}\n`;
/** Never fetched. */
const bad = 'example.com/early';

const made = (data: string, of = path): UpstreamModule => ({
  path: of,
  versions: { [version]: { files: { 'go.mod': `module ${of}\n`, data } } },
});

interface Bench extends AsyncDisposable {
  readonly house: House;
  readonly fake: Awaited<ReturnType<typeof openBed>>['fake'];
  /** Look-ups that the database was asked. */
  lookups(): number;
  /** Looks the version up and keeps what was proved, as another part of the house does. */
  prove(): Promise<unknown>;
  /** What a client gets. */
  get(file: 'mod' | 'zip', of?: string): Promise<Buffer>;
}

/** A house that asks a database of the suite's own, which knows `example.com/m` as it was `agreed`. */
async function openBench(
  agreed: UpstreamModule | undefined,
  options: Parameters<typeof openHouse>[0] & { readonly whenUnreachable?: 'refuse' | 'verify-later' } = {},
): Promise<Bench> {
  const { fake, open } = await openBed();
  if (agreed !== undefined) {
    const { h1, modH1 } = await moduleFixture(m, agreed.versions[version]);
    fake.add(m, { zip: h1, mod: modH1 });
  }
  const proof = (store: BlobStore): Proof =>
    createProof({
      store,
      whenUnreachable: options.whenUnreachable ?? 'refuse',
      databases: createDatabases({
        list: parseDatabaseList(fake.verifierKey),
        noSumdb: '',
        private: 'private.example.com',
        open: () => open(store),
      }),
    });
  const house = await openHouse({ proof, ...options });
  return {
    house,
    fake,
    lookups: () => fake.requests.filter((target) => target.startsWith('lookup/')).length,
    prove: () => open(house.store).lookup(m, new AbortController().signal),
    get: (file, of = path) => readAll((async () => house.stash.open({ path: of, version }, file, ask()))()),
    [Symbol.asyncDispose]: () => house[Symbol.asyncDispose](),
  };
}

test('what the checksum database has is served as verified, for one look-up', async () => {
  await using bench = await openBench(made('right'), { modules: [made('right')] });
  const { house } = bench;
  const mod = await house.stash.open(m, 'mod', ask());
  expect(mod).toMatchObject({ isVerified: true, outcome: 'miss' });
  expect(await house.stash.open(m, 'zip', ask())).toMatchObject({ isVerified: true });
  expect(await house.stash.open(m, 'info', ask())).toMatchObject({ isVerified: true });
  expect(bench.lookups()).toBe(1);
  await bench.fake.stop();
  await house.upstream.stop();
  await house.restart();
  for (const file of ['info', 'mod', 'zip'] as const)
    expect(await house.stash.open(m, file, ask())).toMatchObject({ isVerified: true, stored: true });
});

test('a zip that the database does not have is refused with both hashes, and nothing of it is stored', async () => {
  await using bench = await openBench(made('right'), { modules: [made('wrong')] });
  const [right, wrong] = await Promise.all(
    ['right', 'wrong'].map((data) => moduleFixture(m, made(data).versions[version])),
  );
  const { upstream, store, events } = bench.house;
  await expect(bench.get('zip')).rejects.toMatchObject({
    kind: 'integrity',
    message: `${path}@${version}: ${upstream.url} sent a zip with ${wrong!.h1}, but the checksum database ${bench.fake.name} has ${right!.h1}`,
  });
  expect(await store.stat(`${path}/@v/${version}.zip`)).toBeUndefined();
  expect(events).toEqual(['sumdb_mismatch']);
});

test('so is a go.mod', async () => {
  const wrong: UpstreamModule = {
    path,
    versions: { [version]: { files: { 'go.mod': `${goMod}\ngo 1.9\n`, data: 'right' } } },
  };
  await using bench = await openBench(made('right'), { modules: [wrong] });
  await expect(bench.get('mod')).rejects.toMatchObject({
    kind: 'integrity',
    message: expect.stringContaining('sent a go.mod with h1:'),
  });
  expect(await bench.house.store.stat(`${path}/@v/${version}.mod`)).toBeUndefined();
});

test('the next source is asked for what the database has', async () => {
  const second = await startUpstream({ modules: [made('right')] });
  const both = (first: string) =>
    [first, second.url].map((url) => ({ kind: 'upstream', url, onError: 'stop' }) as const);
  await using bench = await openBench(made('right'), { modules: [made('wrong')], sources: both });
  expect(await bench.get('zip')).toEqual(second.fixture(path, version).zip);
  await second.close();
});

test('a tag that was moved is passed over for an upstream that holds the agreed bytes', async () => {
  const source = createTaggedSource(path);
  await source.tag(version, 'moved', { files: { 'go.mod': goMod, data: 'wrong' } });
  await using bench = await openBench(made('right'), {
    modules: [made('right')],
    routes: [{ patterns: path, entries: [{ kind: 'direct' }] }],
    direct: source,
  });
  expect(await bench.get('zip')).toEqual(bench.house.upstream.fixture(path, version).zip);
  expect(bench.house.events).toContain('sumdb_mismatch');
});

test('the commit of a moved tag is not pinned where its go.mod gives it away', async () => {
  const source = createTaggedSource(path);
  await source.tag(version, 'moved', { files: { 'go.mod': `${goMod}\ngo 1.9\n`, data: 'right' } });
  await using bench = await openBench(made('right'), {
    sources: () => [{ kind: 'direct' }],
    direct: source,
  });
  const { stash, store } = bench.house;
  await expect((async () => stash.open(m, 'info', ask()))()).rejects.toMatchObject({ kind: 'integrity' });
  await expect((async () => stash.query(path, 'latest', ask()))()).rejects.toMatchObject({
    kind: 'integrity',
  });
  expect(await store.stat(`${path}/@v/${version}.info`)).toBeUndefined();
});

test('a version that only the source knows is no absence, and the message says what to do', async () => {
  await using bench = await openBench(undefined, { modules: [made('right')] });
  await expect(bench.get('mod')).rejects.toMatchObject({
    kind: 'upstream',
    message: expect.stringMatching(/does not know it; a private module belongs in the setting private/),
  });
});

test('a version that its source does not know is an absence, whatever the database says', async () => {
  await using bench = await openBench(made('right'), { modules: [made('right', 'example.com/other')] });
  for (const file of ['mod', 'zip'] as const)
    await expect(bench.get(file)).rejects.toMatchObject({ kind: 'notFound' });
});

test('a private module is told to no database', async () => {
  const own = 'private.example.com/m';
  await using bench = await openBench(undefined, { modules: [made('own', own)] });
  await bench.get('mod', own);
  await bench.get('zip', own);
  expect(bench.fake.requests).toEqual([]);
});

test('while the database cannot be reached, nothing new is served', async () => {
  await using bench = await openBench(made('right'), { modules: [made('right')] });
  await bench.fake.stop();
  for (const file of ['mod', 'zip'] as const)
    await expect(bench.get(file)).rejects.toMatchObject({ kind: 'upstream' });
  expect(await bench.house.store.stat(`${path}/@v/${version}.zip`)).toBeUndefined();
});

test('where the settings say so it is served unverified, and told before it is published', async () => {
  const told: string[] = [];
  const unproved: StashOptions['unproved'] = async ({ path, version }, file) => {
    const stored = await Promise.all(
      ['mod', 'zip'].map((file) => bench.house.store.stat(`${path}/@v/${version}.${file}`)),
    );
    told.push(`${path}@${version} ${file} ${stored.filter((info) => info !== undefined).length}`);
  };
  await using bench: Bench = await openBench(made('right'), {
    modules: [made('right')],
    whenUnreachable: 'verify-later',
    unproved,
  });
  await bench.fake.stop();
  expect(await bench.house.stash.open(m, 'mod', ask())).toMatchObject({ isVerified: false });
  expect(await bench.house.stash.open(m, 'zip', ask())).toMatchObject({ isVerified: false });
  expect(told).toEqual([`${path}@${version} mod 0`, `${path}@${version} zip 1`]);
  await bench.fake.restart();
  const other = { path: bad, version, file: 'zip' };
  bench.fake.add({ path: bad, version });
  await expect(bench.house.stash.proveLater(other, new AbortController().signal)).rejects.toMatchObject({
    message: `${bad}@${version}: its zip is not stored yet`,
  });
  await bench.house.stash.proveLater({ ...m, file: 'zip' }, new AbortController().signal);
  expect(bench.house.published).toMatchObject([{ path, version, verified: 'pending' }]);
});

test.each(['zip', 'mod'] as const)(
  'a stored %s that turns out to be wrong is taken away, and comes anew',
  async (file) => {
    const wrong: UpstreamModule =
      file === 'zip'
        ? made('wrong')
        : { path, versions: { [version]: { files: { 'go.mod': `${goMod}\ngo 1.9\n`, data: 'right' } } } };
    await using old = await openHouse({ modules: [wrong] });
    await using bench = await openBench(made('right'), { modules: [made('right')] });
    const { house } = bench;
    for (const each of ['info', 'mod', 'zip'] as const)
      await readAll((async () => old.stash.open(m, each, ask()))());
    for (const each of ['info', 'mod', 'zip', 'ziphash'] as const) {
      const key = `${path}/@v/${version}.${each}`;
      await using blob = await old.store.get(key);
      await house.store.put(
        key,
        Buffer.concat(await Array.fromAsync(blob!.read(), (chunk) => Buffer.from(chunk))),
      );
    }
    // Nobody has asked the database yet: what was stored before it was there goes on.
    await bench.get(file);
    await house.restart();
    await bench.prove();
    await expect(bench.get(file)).rejects.toMatchObject({
      kind: 'integrity',
      message: expect.stringMatching(
        /the stored .+ has h1:.+ but the checksum database .+ has h1:.+; it was taken away/,
      ),
    });
    expect(house.events).toContain('withdrawn');
    expect(house.gone).toEqual([`${path}@${version}`]);
    expect(await house.store.stat(`${path}/@v/${version}.ziphash`)).toBeUndefined();
    const fixture = house.upstream.fixture(path, version);
    expect(await bench.get(file)).toEqual(fixture[file]);
    expect(await bench.get('zip')).toEqual(fixture.zip);
    expect(house.published.at(-1)).toMatchObject({ h1: fixture.h1, verified: bench.fake.name });
  },
);

test('the hashes of a version are those of the database, without any file; of a private one those of its files', async () => {
  const own = 'private.example.com/m';
  await using bench = await openBench(made('right'), { modules: [made('right'), made('own', own)] });
  const { house } = bench;
  const { signal } = new AbortController();
  const [right, mine] = [path, own].map((each) => house.upstream.fixture(each, version));
  expect(await house.stash.sums(m, signal)).toEqual({ zip: right!.h1, mod: right!.modH1 });
  expect(house.upstream.count()).toBe(0);
  expect(await house.stash.sums({ path: own, version }, signal)).toEqual({ zip: mine!.h1, mod: mine!.modH1 });
});

test('the hashes of a public version are said by nobody else while its database is away', async () => {
  await using bench = await openBench(made('right'), {
    modules: [made('right')],
    whenUnreachable: 'verify-later',
  });
  await bench.fake.stop();
  await expect(bench.house.stash.sums(m, new AbortController().signal)).rejects.toMatchObject({
    kind: 'upstream',
  });
});

test('a look-up that rotted in storage takes no good version away', async () => {
  await using bench = await openBench(made('right'), { modules: [made('right')] });
  const { house, fake } = bench;
  const fixture = house.upstream.fixture(path, version);
  for (const file of ['mod', 'zip'] as const) await bench.get(file);
  const key = `sumdb/${fake.name}/lookup/${path}@${version}`;
  await using blob = await house.store.get(key);
  const kept = Buffer.concat(await Array.fromAsync(blob!.read(), (chunk) => Buffer.from(chunk))).toString();
  await house.store.put(key, Buffer.from(kept.replace(fixture.h1, fixture.modH1)));
  await house.restart();
  await expect(bench.get('zip')).rejects.toMatchObject({ kind: 'storage' });
  expect(await bench.get('zip')).toEqual(fixture.zip);
  expect(house.events).not.toContain('withdrawn');
});
