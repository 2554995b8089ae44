import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { StoaError } from '../../src/errors.ts';
import type { ModuleFile } from '../../src/fetch/fetcher.ts';
import type { Stash } from '../../src/stash/stash.ts';
import type { BlobStore } from '../../src/storage/store.ts';
import { ask, type House, type HouseOptions, openHouse, readAll } from './house.ts';
import { createTaggedSource, type TaggedSource } from './tagged-source.ts';

const path = 'example.com/m';
const version = 'v1.0.0';
const m = { path, version };
const all = ['info', 'mod', 'zip'] as const;

/** A house whose modules come from repositories alone. */
const direct = (source: TaggedSource, options: HouseOptions = {}): Promise<House> =>
  openHouse({ ...options, sources: () => [{ kind: 'direct' }], direct: source });

const get = (stash: Stash, file: ModuleFile, of = m): Promise<Buffer> =>
  readAll((async () => stash.open(of, file, ask()))());

const key = (file: string): string => `${path}/@v/${version}.${file}`;

async function storedFile(house: House, file: ModuleFile): Promise<Buffer> {
  await using blob = await house.store.get(key(file));
  const chunks: Buffer[] = [];
  for await (const chunk of blob!.read()) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks);
}

/** What the house holds and answers is one commit's, whichever it is. Gives that commit. */
async function commitServed(house: House, source: TaggedSource, hashes: readonly string[]): Promise<string> {
  const info = await storedFile(house, 'info');
  const hash = JSON.parse(info.toString()).Origin.Hash as string;
  expect(hashes).toContain(hash);
  for (const file of all) {
    const expected = source.at(version, hash)[file];
    expect((await storedFile(house, file)).equals(expected), file).toBe(true);
    expect((await get(house.replica(), file)).equals(expected), file).toBe(true);
  }
  return hash;
}

/** Notes the keys that are put, and fails those that it is told to. */
function watched(puts: string[], fails: (key: string) => boolean = () => false) {
  return (store: BlobStore): BlobStore => ({
    ...store,
    async put(key, body, options) {
      if (fails(key)) throw new StoaError('storage', `${key}: cannot be written`);
      puts.push(key);
      return store.put(key, body, options);
    },
  });
}

describe('a version from a repository', () => {
  it.each(['mod', 'zip'] as const)('has its .info published before its .%s', async (file) => {
    const source = createTaggedSource(path);
    await source.tag(version, 'one');
    const puts: string[] = [];
    await using house = await direct(source, { wrap: watched(puts) });
    await get(house.stash, file);
    const ours = puts.filter((put) => put.startsWith(key('')));
    expect(ours[0]).toBe(key('info'));
    if (file === 'zip') expect(ours.indexOf(key('mod'))).toBeLessThan(ours.indexOf(key('zip')));
    else expect(ours).toEqual([key('info'), key('mod')]);
  });

  it('has the .info that the source gave, byte for byte, by whichever file it came', async () => {
    const source = createTaggedSource(path);
    const hash = await source.tag(version, 'one');
    for (const file of all) {
      await using house = await direct(source);
      await get(house.stash, file);
      expect(await storedFile(house, 'info')).toEqual(source.at(version, hash).info);
    }
  });

  it('is taken from the commit that its .info names, wherever the tag leads by then', async () => {
    const source = createTaggedSource(path);
    const pinned = await source.tag(version, 'one');
    await using house = await direct(source);
    await get(house.stash, 'info');
    const moved = await source.tag(version, 'two');
    await house.restart();
    expect(await get(house.stash, 'mod')).toEqual(source.at(version, pinned).mod);
    expect(await get(house.stash, 'zip')).toEqual(source.at(version, pinned).zip);
    expect(source.asked.filter(({ file }) => file !== 'info').map(({ commit }) => commit)).toEqual([
      pinned,
      pinned,
    ]);
    expect(house.events).toEqual(['moved_tag']);
    expect(house.warnings).toEqual([
      {
        message: 'a tag was moved: its version stays what was served',
        fields: { module: path, version, pinned, commit: moved },
      },
    ]);
    expect(await get(house.stash, 'info')).toEqual(source.at(version, pinned).info);
  });

  it('that was moved while its .mod was read is read again, of the commit that stands', async () => {
    const source = createTaggedSource(path);
    await source.tag(version, 'one');
    await using house = await direct(source);
    const other = house.replica();
    let standing = '';
    source.pause = async (file, when) => {
      if (file !== 'mod' || when !== 'after') return;
      source.pause = async () => undefined;
      standing = await source.tag(version, 'two');
      await get(other, 'info');
    };
    expect(await get(house.stash, 'mod')).toEqual(source.at(version, standing).mod);
    expect(await get(house.stash, 'zip')).toEqual(source.at(version, standing).zip);
    expect(house.events).toEqual(['moved_tag']);
  });

  it('ends with one commit, however two replicas and a tag that moves between them race', async () => {
    await fc.assert(
      fc.asyncProperty(fc.scheduler(), async (scheduler) => {
        const source = createTaggedSource(path);
        const hashes = [await source.tag(version, 'two'), await source.tag(version, 'one')];
        await using house = await direct(source);
        source.pause = (file, when) => scheduler.schedule(Promise.resolve(), `${file} ${when}`);
        const replicas = [house.stash, house.replica()];
        const asked = replicas.flatMap((stash) => all.map((file) => get(stash, file)));
        const moves = ['two', 'one', 'two'].map((commit) =>
          scheduler.schedule(Promise.resolve(), 'move').then(() => source.tag(version, commit)),
        );
        const results = await scheduler.waitFor(Promise.allSettled(asked));
        await scheduler.waitFor(Promise.all(moves));
        source.pause = async () => undefined;
        expect(results.filter(({ status }) => status === 'rejected')).toEqual([]);
        const hash = await commitServed(house, source, hashes);
        for (const [i, result] of results.entries())
          expect((result as PromiseFulfilledResult<Buffer>).value).toEqual(
            source.at(version, hash)[all[i % 3]!],
          );
        expect(new Set(house.events)).not.toContain('mismatch');
      }),
      { numRuns: 30 },
    );
  });

  it('is whole after a kill between .info and .mod, though the tag moved meanwhile', async () => {
    const source = createTaggedSource(path);
    const pinned = await source.tag(version, 'one');
    let broken = true;
    const wrap = watched([], (put) => broken && put === key('mod'));
    await using house = await direct(source, { wrap });
    await expect(get(house.stash, 'mod')).rejects.toMatchObject({ kind: 'storage' });
    expect(await house.store.stat(key('info'))).toBeDefined();
    expect(await house.store.stat(key('mod'))).toBeUndefined();
    broken = false;
    await source.tag(version, 'two');
    await house.restart();
    await get(house.stash, 'zip');
    expect(await commitServed(house, source, [pinned])).toBe(pinned);
  });

  it('may have another go.mod in its zip than it serves, where attributes made it so', async () => {
    const source = createTaggedSource(path);
    const mod = `module ${path}\n\n// $Format:%H$\n`;
    const files = { 'go.mod': `module ${path}\n\n// 0123456789\n`, 'm.go': 'package m\n' };
    const hash = await source.tag(version, 'one', { mod, files });
    await using house = await direct(source);
    expect(await get(house.stash, 'zip')).toEqual(source.at(version, hash).zip);
    expect((await get(house.stash, 'mod')).toString()).toBe(mod);
    expect(house.events).toEqual([]);
  });

  it('whose .mod came from elsewhere must have that go.mod in its zip', async () => {
    const source = createTaggedSource(path);
    await source.tag(version, 'one');
    await using house = await direct(source);
    await house.store.put(key('mod'), Buffer.from(`module ${path}\n\n// from elsewhere\n`));
    await expect(get(house.stash, 'zip')).rejects.toMatchObject({ kind: 'integrity' });
    expect(house.events).toEqual(['mismatch']);
  });

  it('is refused from a source that does not read the commit it is told', async () => {
    const source = createTaggedSource(path);
    const pinned = await source.tag(version, 'one');
    await using house = await direct(source);
    await get(house.stash, 'info');
    const moved = await source.tag(version, 'two');
    source.stubborn = true;
    await expect(get(house.stash, 'mod')).rejects.toMatchObject({
      kind: 'integrity',
      message: `${path}@${version}: direct read commit ${moved}, but ${pinned} was served before`,
    });
    expect(await house.store.stat(key('mod'))).toBeUndefined();
  });

  it('that the checksum database took away comes again from where its tag leads then', async () => {
    const source = createTaggedSource(path);
    await source.tag(version, 'one');
    await using house = await direct(source);
    await get(house.stash, 'mod');
    for (const file of ['info', 'mod']) await house.store.delete(key(file));
    const stone = { module: path, version, reason: 'wrong', time: '2026-01-01T00:00:00Z', by: 'database' };
    await house.store.put('gone/0000000000000001', Buffer.from(JSON.stringify(stone)));
    await house.stash.readTombstones(new AbortController().signal);
    const moved = await source.tag(version, 'two');
    expect(await get(house.stash, 'mod')).toEqual(source.at(version, moved).mod);
    expect(house.events).toEqual([]);
  });
});

describe('the .info of an upstream', () => {
  it('that differs from the stored one is no event', async () => {
    await using house = await openHouse({
      modules: [{ path, versions: { [version]: {} }, queries: { main: version } }],
    });
    const ours = JSON.stringify({ Version: version, Origin: { VCS: 'git', Hash: 'a'.repeat(40) } });
    await house.store.put(key('info'), Buffer.from(ours));
    await house.stash.query(path, 'main', ask());
    await get(house.stash, 'zip');
    expect(house.events).toEqual([]);
    expect((await get(house.stash, 'info')).toString()).toBe(ours);
  });

  it.each([
    ['a branch', 'main'],
    ['an option', '--upload-pack=touch'],
    ['the beginning of a commit', 'abcdef012345'],
    ['nothing', ''],
    ['no text', 7],
  ])('that names %s pins nothing', async (_, hash) => {
    const source = createTaggedSource(path);
    await source.tag(version, 'one');
    await using house = await direct(source);
    await house.store.put(
      key('info'),
      Buffer.from(JSON.stringify({ Version: version, Origin: { Hash: hash } })),
    );
    await get(house.stash, 'mod');
    expect(source.asked).toEqual([{ file: 'mod', commit: undefined }]);
    expect(house.events).toEqual([]);
  });
});

describe('a moved tag', () => {
  it('is noticed when a query leads to its version, once, and changes no answer', async () => {
    const source = createTaggedSource(path);
    const pinned = await source.tag(version, 'one');
    await using house = await direct(source, { freshness: { revalidateMs: 0 } });
    for (const file of all) await get(house.stash, file);
    await source.tag(version, 'two');
    for (let i = 0; i < 3; i++) {
      const { bytes } = await house.stash.query(path, 'latest', ask());
      expect(Buffer.from(bytes)).toEqual(source.at(version, pinned).info);
      house.clock.now += 120_000;
    }
    expect(house.events).toEqual(['moved_tag']);
    expect(await commitServed(house, source, [pinned])).toBe(pinned);
  });

  it('is noticed when the list is asked for, of stored versions alone', async () => {
    const source = createTaggedSource(path);
    await source.tag(version, 'one');
    await source.tag('v1.1.0', 'other');
    await using house = await direct(source);
    await get(house.stash, 'zip');
    await get(house.stash, 'info', { path, version: 'v1.1.0' });
    const moved = await source.tag(version, 'two');
    await source.tag('v1.1.0', 'two');
    await house.restart();
    await house.stash.list(path, ask());
    await house.stash.settled();
    expect(house.warnings.map(({ fields }) => [fields?.version, fields?.commit])).toEqual([[version, moved]]);
    expect(house.events).toEqual(['moved_tag']);
  });

  it('is noticed again when it moves on', async () => {
    const source = createTaggedSource(path);
    await source.tag(version, 'one');
    await using house = await direct(source, { freshness: { revalidateMs: 0 } });
    await get(house.stash, 'zip');
    for (const commit of ['two', 'three']) {
      await source.tag(version, commit);
      house.clock.now += 120_000;
      await house.stash.list(path, ask());
      await house.stash.settled();
    }
    expect(house.events).toEqual(['moved_tag', 'moved_tag']);
  });
});
