import { describe, expect, it } from 'vitest';
import type { Answered } from '../../src/stash/modules.ts';
import type { UpstreamModule } from '../fakes/upstream.ts';
import { ask, type House, openHouse, readAll } from './house.ts';

const path = 'example.com/m';
const mod = (text = '') => `module ${path}\n\ngo 1.21\n${text}`;
const tagged: UpstreamModule = {
  path,
  versions: { 'v1.1.0': {}, 'v1.0.0': {}, 'v1.2.0-rc.1': {} },
  queries: { main: 'v1.1.0' },
};

const minute = 60_000;
const text = (answered: Answered): string => Buffer.from(answered.bytes).toString();
const list = async (house: House, of = path) => house.stash.list(of, ask());
const latest = async (house: House) =>
  JSON.parse(text(await house.stash.query(path, 'latest', ask()))).Version;

/** The store with a zip of this version in it, as if it had been fetched. */
async function hold(house: House, version: string): Promise<void> {
  await readAll(house.stash.open({ path, version }, 'zip', ask()));
}

describe('a list', () => {
  it('is asked once while it is fresh, by however many', async () => {
    await using house = await openHouse({ modules: [tagged] });
    const all = await Promise.all(Array.from({ length: 20 }, () => list(house)));
    for (const one of all) expect(text(one)).toBe('v1.0.0\nv1.1.0\nv1.2.0-rc.1\n');
    house.clock.now += minute - 1;
    expect(await list(house)).toMatchObject({ outcome: 'hit' });
    expect(house.upstream.count({ kind: 'list' })).toBe(1);
  });

  it('is answered at once where it is hot', async () => {
    await using house = await openHouse({ modules: [tagged] });
    await list(house);
    expect(house.stash.list(path, ask())).not.toBeInstanceOf(Promise);
  });

  it('that is a little old is served at once while it is asked again behind it', async () => {
    await using house = await openHouse({ modules: [tagged] });
    await list(house);
    const held = Promise.withResolvers<void>();
    house.upstream.fault({ kind: 'list' }, { do: 'hang', until: held.promise });
    await house.upstream.add({ ...tagged, versions: { ...tagged.versions, 'v1.3.0': {} } });
    house.clock.now += 2 * minute;
    const stale = await list(house);
    expect(stale).toMatchObject({ outcome: 'stale', ageSeconds: 120 });
    expect(text(stale)).not.toContain('v1.3.0');
    await house.upstream.request({ kind: 'list' }, 2);
    held.resolve();
    await expect
      .poll(async () => {
        house.clock.now += 2000;
        return text(await list(house));
      })
      .toContain('v1.3.0');
  });

  it('that is older waits for its source, which knows better', async () => {
    await using house = await openHouse({ modules: [tagged] });
    await list(house);
    await house.upstream.add({ ...tagged, versions: { ...tagged.versions, 'v1.3.0': {} } });
    house.clock.now += 24 * 60 * minute;
    expect(text(await list(house))).toContain('v1.3.0');
  });

  it('outlives its source, over a restart too, and says why it is old', async () => {
    await using house = await openHouse({ modules: [tagged] });
    await list(house);
    await house.restart();
    await house.upstream.stop();
    house.clock.now += 7 * 24 * 60 * minute;
    const old = await list(house);
    expect(text(old)).toBe('v1.0.0\nv1.1.0\nv1.2.0-rc.1\n');
    expect(old).toMatchObject({ outcome: 'stale', caveat: expect.stringContaining(path) });
  });

  it('waits no longer than patience allows for a source that hangs', async () => {
    await using house = await openHouse({ modules: [tagged], freshness: { patienceMs: 30 } });
    await list(house);
    house.upstream.fault({ kind: 'list' }, { do: 'hang', until: new Promise(() => undefined) });
    house.clock.now += 24 * 60 * minute;
    expect(await list(house)).toMatchObject({ outcome: 'stale', caveat: 'the source has not answered yet' });
  });

  it('does not ask a source again that failed just now', async () => {
    await using house = await openHouse({ modules: [tagged], freshness: { coolMs: 10_000 } });
    await list(house);
    house.upstream.fault({ kind: 'list' }, { do: 'answer', status: 500 });
    house.clock.now += 24 * 60 * minute;
    await list(house);
    const asked = house.upstream.count({ kind: 'list' });
    house.clock.now += 5000;
    expect(await list(house)).toMatchObject({ outcome: 'stale', caveat: expect.stringContaining('500') });
    expect(house.upstream.count({ kind: 'list' })).toBe(asked);
  });

  it('is that of the source together with what the house holds', async () => {
    await using house = await openHouse({ modules: [tagged] });
    await hold(house, 'v1.0.0');
    house.upstream.fault({ kind: 'list' }, { do: 'answer', body: 'v1.1.0\n' });
    expect(text(await list(house))).toBe('v1.0.0\nv1.1.0\n');
  });

  it('of a repository that vanished still names what the house holds', async () => {
    await using house = await openHouse({ modules: [tagged] });
    await hold(house, 'v1.0.0');
    house.upstream.remove(path);
    expect(text(await list(house))).toBe('v1.0.0\n');
  });

  it('names a version as soon as it is stored', async () => {
    await using house = await openHouse({ modules: [{ ...tagged, list: '' }] });
    expect(text(await list(house))).toBe('');
    await hold(house, 'v1.1.0');
    expect(text(await list(house))).toBe('v1.1.0\n');
    await house.stash.settled();
    await using derived = await house.store.get(`${path}/@v/list`);
    for await (const chunk of derived!.read()) expect(Buffer.from(chunk).toString()).toBe('v1.1.0\n');
  });

  it('of an unknown module is not found, and of a source that is down a failure', async () => {
    await using house = await openHouse({ modules: [tagged] });
    await expect(list(house, 'example.com/unknown')).rejects.toMatchObject({ kind: 'notFound' });
    await house.upstream.stop();
    await expect(list(house, 'example.com/other')).rejects.toMatchObject({ kind: 'upstream' });
    house.clock.now += 24 * 60 * minute;
    await expect(list(house, 'example.com/unknown')).rejects.toMatchObject({ kind: 'notFound' });
  });

  it('that is refused names the latest version and says that it may lack others', async () => {
    await using house = await openHouse({ modules: [{ ...tagged, latest: 'v1.1.0' }] });
    house.upstream.fault({ kind: 'list' }, { do: 'answer', status: 403 });
    const answered = await list(house);
    expect(text(answered)).toBe('v1.1.0\n');
    expect(answered.caveat).toContain('refuses its list');
  });

  it('of a package below a stored module is not found while the source is down, so that a build goes on', async () => {
    const files = { 'go.mod': mod(), 'cmd/tool/main.go': 'package main\n' };
    await using house = await openHouse({ modules: [{ path, versions: { 'v1.0.0': { files } } }] });
    await hold(house, 'v1.0.0');
    await house.upstream.stop();
    await expect(list(house, `${path}/cmd/tool`)).rejects.toMatchObject({ kind: 'notFound' });
    await expect(list(house, `${path}/cmd/other`)).rejects.toMatchObject({ kind: 'upstream' });
    const below = { path: `${path}/cmd/tool`, version: 'v1.0.0' };
    await expect((async () => house.stash.open(below, 'info', ask()))()).rejects.toMatchObject({
      kind: 'notFound',
    });
  });

  it.each([
    ['a later pre-release', ['v1.0.0', 'v1.1.0-rc.1']],
    ['a later commit', ['v1.0.0', 'v1.0.1-0.20240102030405-abcdef123456']],
    ['a later release, which a query may well leave out', ['v1.0.0', 'v1.1.0']],
  ])('of a package that %s lacks is not found either', async (_, versions) => {
    const files = { 'go.mod': mod(), 'sub/sub.go': 'package sub\n' };
    const [first = '', second = ''] = versions;
    await using house = await openHouse({
      modules: [{ path, versions: { [first]: { files }, [second]: {} } }],
    });
    await hold(house, first);
    await hold(house, second);
    await house.upstream.stop();
    await expect(list(house, `${path}/sub`)).rejects.toMatchObject({ kind: 'notFound' });
  });
});

describe('a version that does not fit the path of a package below a stored module', () => {
  it.each([
    ['example.com/n/v2', 'v2.0.0', 'v2.0.0'],
    ['example.com/n', 'v2.0.0+incompatible', 'v2.0.0'],
  ])('(%s@%s) is not found while the source is down', async (module, version, query) => {
    const files = {
      ...(module.endsWith('/v2') && { 'go.mod': `module ${module}\n` }),
      'sub/sub.go': 'package sub\n',
    };
    await using house = await openHouse({ modules: [{ path: module, versions: { [version]: { files } } }] });
    await readAll(house.stash.open({ path: module, version }, 'zip', ask()));
    await house.upstream.stop();
    const resolve = async (of: string) => house.stash.query(of, query, ask());
    await expect(resolve(`${module}/sub`)).rejects.toMatchObject({ kind: 'notFound' });
    await expect(resolve(`${module}/other`)).rejects.toMatchObject({ kind: 'upstream' });
  });
});

describe('latest', () => {
  it('is what the source says', async () => {
    await using house = await openHouse({ modules: [{ ...tagged, latest: 'v1.0.0' }] });
    expect(await latest(house)).toBe('v1.0.0');
  });

  it('is computed from the list where the source names none', async () => {
    await using house = await openHouse({ modules: [{ ...tagged, latest: null }] });
    expect(await latest(house)).toBe('v1.1.0');
  });

  it.each([
    ['the highest pre-release where there is no release', { 'v0.1.0-a': {}, 'v0.1.0-b': {} }, 'v0.1.0-b'],
    [
      'a release that is not retracted by the highest',
      { 'v1.0.0': {}, 'v1.1.0': { mod: mod('retract v1.1.0\n') } },
      'v1.0.0',
    ],
    [
      'a pre-release where all releases are retracted',
      { 'v1.0.0': { mod: mod('retract [v1.0.0, v1.0.9]\n') }, 'v1.1.0-rc.1': {} },
      'v1.1.0-rc.1',
    ],
    ['the highest where all are retracted', { 'v1.0.0': { mod: mod('retract v1.0.0\n') } }, 'v1.0.0'],
    [
      'a compatible version that has a go.mod',
      { 'v1.0.0': {}, 'v2.0.0+incompatible': { files: { 'm.go': 'package m\n' } } },
      'v1.0.0',
    ],
    [
      'an incompatible version above one without go.mod',
      {
        'v1.0.0': { files: { 'm.go': 'package m\n' } },
        'v2.0.0+incompatible': { files: { 'm.go': 'package m\n' } },
      },
      'v2.0.0+incompatible',
    ],
  ])('is %s', async (_, versions, expected) => {
    await using house = await openHouse({ modules: [{ path, versions, latest: null }] });
    expect(await latest(house)).toBe(expected);
  });

  it('is computed from what is stored while the source is down', async () => {
    await using house = await openHouse({ modules: [tagged] });
    await hold(house, 'v1.0.0');
    await house.restart();
    await house.upstream.stop();
    const answered = await house.stash.query(path, 'latest', ask());
    expect(JSON.parse(text(answered)).Version).toBe('v1.0.0');
    expect(answered).toMatchObject({ outcome: 'stale', caveat: expect.stringContaining(path) });
  });

  it('is a stored commit where all tagged versions are retracted and the source is down', async () => {
    const commit = 'v0.0.0-20240101000000-0123456789ab';
    const versions = { 'v1.0.0': { mod: mod('retract v1.0.0\n') }, [commit]: {} };
    await using house = await openHouse({ modules: [{ path, versions }] });
    for (const version of Object.keys(versions)) await hold(house, version);
    await house.restart();
    await house.upstream.stop();
    expect(await latest(house)).toBe(commit);
  });

  it('is a failure where nothing is stored and the source is down', async () => {
    await using house = await openHouse();
    await house.upstream.stop();
    await expect(latest(house)).rejects.toMatchObject({ kind: 'upstream' });
  });
});

describe('a branch', () => {
  it('resolves once while it is fresh, and the info it came with stands', async () => {
    await using house = await openHouse({ modules: [tagged] });
    const first = await house.stash.query(path, 'main', ask());
    expect(JSON.parse(text(first)).Version).toBe('v1.1.0');
    expect(house.stash.query(path, 'main', ask())).not.toBeInstanceOf(Promise);
    expect(house.upstream.count({ kind: 'query' })).toBe(1);
    await house.upstream.stop();
    expect(await readAll(house.stash.open({ path, version: 'v1.1.0' }, 'info', ask()))).toEqual(
      house.upstream.fixture(path, 'v1.1.0').info,
    );
  });

  it('that the source does not know is not found', async () => {
    await using house = await openHouse({ modules: [tagged] });
    await expect((async () => house.stash.query(path, 'nope', ask()))()).rejects.toMatchObject({
      kind: 'notFound',
    });
  });

  it('that moved on is seen when its answer is no longer fresh', async () => {
    await using house = await openHouse({ modules: [tagged], freshness: { revalidateMs: 0 } });
    await house.stash.query(path, 'main', ask());
    await house.upstream.add({ ...tagged, queries: { main: 'v1.0.0' } });
    house.clock.now += 2 * minute;
    expect(JSON.parse(text(await house.stash.query(path, 'main', ask()))).Version).toBe('v1.0.0');
  });
});
