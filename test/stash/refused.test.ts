import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { Fetcher } from '../../src/fetch/fetcher.ts';
import { moduleFixture } from '../fakes/module-zip.ts';
import { type FakeUpstream, startUpstream, type UpstreamModule } from '../fakes/upstream.ts';
import { ask, type House, type HouseOptions, openHouse, readAll } from './house.ts';
import { createTaggedSource } from './tagged-source.ts';

const path = 'example.com/m';
const version = 'v1.0.0';
const m = { path, version };
const goMod = `module ${path}\n`;

/** A module whose zip has this in it, and is streamed, where there is much of it. */
const made = (data: string | Uint8Array): UpstreamModule => ({
  path,
  versions: { [version]: { files: { 'go.mod': goMod, data }, compress: false } },
});

/** A house with two upstreams, of which the second is asked for what the first is refused. */
interface TwoSources extends AsyncDisposable {
  readonly house: House;
  readonly first: FakeUpstream;
  readonly second: FakeUpstream;
}

async function openTwo(
  first: UpstreamModule,
  second: UpstreamModule | undefined,
  options: HouseOptions = {},
): Promise<TwoSources> {
  const other = await startUpstream({ modules: second === undefined ? [] : [second] });
  const house = await openHouse({
    modules: [first],
    sources: (upstream) => [
      { kind: 'upstream', url: upstream, onError: 'stop' },
      { kind: 'upstream', url: other.url, onError: 'stop' },
    ],
    ...options,
  });
  return {
    house,
    first: house.upstream,
    second: other,
    async [Symbol.asyncDispose]() {
      await house[Symbol.asyncDispose]();
      await other.close();
    },
  };
}

/** The zip as a client gets it; one that can be cut where it `mayStream`. */
const zip = (house: House, mayStream = false): Promise<Buffer> =>
  readAll((async () => house.stash.open(m, 'zip', ask({ mayStream })))());

/** Binds the version to the content of a module, as a zip that was swept away does. */
async function bind(house: House, module: UpstreamModule): Promise<void> {
  const { h1 } = await moduleFixture(m, module.versions![version]);
  await house.store.put(`${path}/@v/${version}.ziphash`, Buffer.from(h1));
}

describe('a source whose zip is refused', () => {
  it('is passed over for the next one within the request, where it contradicts what was served before', async () => {
    await using two = await openTwo(made('rewritten'), made('as it was'));
    const { house, first, second } = two;
    await bind(house, made('as it was'));
    const opened = await house.stash.open(m, 'zip', ask());
    expect(opened).toMatchObject({ outcome: 'miss', source: second.url });
    expect(await readAll(opened)).toEqual(second.fixture(path, version).zip);
    expect([first, second].map((source) => source.count({ kind: 'zip' }))).toEqual([1, 1]);
    expect(house.events).toEqual(['mismatch']);
    expect(await house.leftOvers()).toEqual([]);
  });

  it.each([
    ['has another go.mod than was served', m, 'mismatch'],
    ['is of another module', { path: 'example.com/x', version }, 'lying_upstream'],
  ])('is passed over where its zip %s', async (_, of, event) => {
    await using two = await openTwo(made('right'), made('right'));
    const { house, first, second } = two;
    first.fault({ kind: 'zip' }, { do: 'answer', body: (await moduleFixture(of)).zip });
    expect(await zip(house)).toEqual(second.fixture(path, version).zip);
    expect(house.events).toEqual([event]);
  });

  it('is passed over for a repository too', async () => {
    const source = createTaggedSource(path);
    const files = { 'go.mod': goMod, data: 'right' };
    const hash = await source.tag(version, 'one', { files });
    await using house = await openHouse({
      modules: [made('wrong')],
      sources: (upstream) => [{ kind: 'upstream', url: upstream, onError: 'stop' }, { kind: 'direct' }],
      direct: source,
    });
    await bind(house, made('right'));
    expect(await zip(house)).toEqual(source.at(version, hash).zip);
  });

  it('is an integrity failure that says what each of them sent, when no source is left', async () => {
    await using two = await openTwo(made('one'), made('two'));
    const { house, first, second } = two;
    await bind(house, made('three'));
    const [one, other] = [first, second].map((source) => source.fixture(path, version).h1);
    const { h1 } = await moduleFixture(m, made('three').versions![version]);
    const refusal = {
      kind: 'integrity',
      message:
        `${path}@${version}: ${first.url} sent a zip with ${one}, but ${h1} was served before; ` +
        `${second.url} sent a zip with ${other}, but ${h1} was served before`,
    };
    await expect(zip(house)).rejects.toMatchObject(refusal);
    await expect(zip(house)).rejects.toMatchObject(refusal);
    expect([first, second].map((source) => source.count({ kind: 'zip' }))).toEqual([1, 1]);
  });

  it.each([
    ['does not know the version', undefined],
    ['is down', made('right')],
  ])('is the answer, and no absence, when the next one %s', async (_, module) => {
    await using two = await openTwo(made('wrong'), module);
    const { house, first, second } = two;
    if (module !== undefined) await second.stop();
    await bind(house, made('right'));
    for (let i = 0; i < 3; i++)
      await expect(zip(house)).rejects.toMatchObject({
        kind: 'integrity',
        message: expect.stringContaining(`${first.url} sent a zip with h1:`),
      });
    // The verdict holds for a minute.
    expect(second.count({ kind: 'zip' })).toBe(module === undefined ? 1 : 0);
  });

  it('cuts a client that has bytes of it, and leaves the next request to the next source', async () => {
    const [wrong, right] = [made(randomBytes(3_000_000)), made(randomBytes(3_000_000))];
    await using two = await openTwo(wrong, right);
    const { house, first, second } = two;
    await bind(house, right);
    await expect(zip(house, true)).rejects.toMatchObject({ kind: 'integrity' });
    expect(second.count({ kind: 'zip' })).toBe(0);
    expect(await zip(house, true)).toEqual(second.fixture(path, version).zip);
    expect(first.count({ kind: 'zip' })).toBe(1);
  });

  it('is asked again by nobody for a minute after it cut a client, where it is the only one', async () => {
    await using house = await openHouse({ modules: [made(randomBytes(3_000_000))] });
    await bind(house, made('right'));
    const reasons = [];
    for (let i = 0; i < 3; i++) reasons.push(await zip(house, true).catch((error: Error) => error.message));
    expect(new Set(reasons).size).toBe(1);
    expect(house.upstream.count({ kind: 'zip' })).toBe(1);
  });

  it('is asked no second time by a source list that does not pass it over', async () => {
    const { zip: bytes, info, mod } = await moduleFixture(m, made('wrong').versions![version]);
    let asked = 0;
    const deaf: Fetcher = {
      list: async () => ({ source: 'elsewhere', versions: [version] }),
      query: async () => ({ source: 'elsewhere', version, bytes: info }),
      async fetch(_version, file, _want, spool) {
        if (file === 'zip') asked++;
        const into = spool.begin({ source: 'elsewhere' });
        await new Promise<void>((resolve) => into.end({ info, mod, zip: bytes }[file], resolve));
        return { source: 'elsewhere' };
      },
    };
    await using house = await openHouse({ sources: () => [{ kind: 'direct' }], direct: deaf });
    await bind(house, made('right'));
    await expect(zip(house)).rejects.toMatchObject({ kind: 'integrity' });
    expect(asked).toBeLessThanOrEqual(2);
  });
});
