// Modules from repositories over smart HTTP: what a request costs the network, and what becomes of trouble there.
import { Writable } from 'node:stream';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { StoaError } from '../../src/errors.ts';
import { createDirect } from '../../src/fetch/direct.ts';
import { createZipWriter, type ZipWriter } from '../../src/fetch/zip-writer.ts';
import { git, type Step } from '../fakes/git-repos.ts';
import { noise, randomFrom } from '../faults/random.ts';
import { hashZip } from '../module/read-zip.ts';
import { type Bed, openBed } from '../vcs/bed.ts';
import { type Asked, askOf, openGate } from './direct-bed.ts';

const host = 'git.example.com';
const go = (path: string): string => `module ${path}\n`;

describe.skipIf(git === undefined)('a repository over HTTP', () => {
  let bed: Bed;
  let zips: ZipWriter;
  let direct: Asked;
  let made = 0;

  beforeAll(async () => {
    bed = await openBed();
    zips = createZipWriter({ threads: 1 });
    const source = createDirect({
      async discover(path) {
        const root = path.split('/').slice(0, 2).join('/');
        return { root, vcs: 'git', url: `https://${root}` };
      },
      openRepo: async ({ root, url }) => bed.git.open(bed.remote(root.slice(host.length + 1), { url })),
      upstream: () => {
        throw new Error('no page names a module proxy');
      },
      zips,
      gate: openGate(),
    });
    direct = askOf(source);
  });
  afterAll(async () => {
    await zips?.close();
    await bed?.[Symbol.asyncDispose]();
  });
  beforeEach(() => bed.server.calm());

  /** A repository that nobody has asked yet; `script` gets the path of the module at its root. */
  async function create(script: (path: string) => readonly Step[]) {
    const name = `repo-${++made}`;
    const path = `${host}/${name}`;
    const repo = await bed.repos.create(name, script(path));
    bed.server.take();
    return { path, repo };
  }

  const twoVersions = (path: string): Step[] => [
    { commit: 'one', files: { 'go.mod': go(path), 'one.go': 'package one\n' }, tags: ['v1.0.0'] },
    { commit: 'two', files: { 'two.go': 'package one\n' }, tags: ['v1.1.0'] },
  ];

  test('is asked once for its names and once for a blob by four prefixes of an unknown path', async () => {
    const { path } = await create((root) => [
      { commit: 'one', files: { 'go.mod': go(root), 'a/b/c.go': '' } },
    ]);
    const answers = await Promise.allSettled(
      ['/a/b/c', '/a/b', '/a', ''].map((below) => direct.list(`${path}${below}`)),
    );
    expect(answers.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected', 'fulfilled']);
    const { counts } = bed.server.take();
    expect(counts).toMatchObject({ 'ls-refs': 1 });
    expect(counts.fetch).toBeLessThanOrEqual(2);
  });

  test('is asked for its names alone by the list of a known one', async () => {
    const { path } = await create(() => [
      { commit: 'one', files: { 'a.go': 'package a\n' }, tags: ['v1.0.0', 'v2.0.0', 'v3.0.0'] },
      { commit: 'two', files: { 'v3/go.mod': 'module x/v3\n' }, tags: ['v3.1.0', 'v1.1.0'] },
    ]);
    const versions = [
      'v1.0.0',
      'v1.1.0',
      'v2.0.0+incompatible',
      'v3.0.0+incompatible',
      'v3.1.0+incompatible',
    ];
    expect((await direct.list(path)).versions).toEqual(versions);
    bed.server.take();
    expect((await direct.list(path)).versions).toEqual(versions);
    expect(bed.server.take().counts.fetch).toBeUndefined();
  });

  test('gives a .mod without the files beside it', async () => {
    const content = noise(randomFrom(1), 1 << 20);
    const { path } = await create((root) => [
      { commit: 'one', files: { 'go.mod': go(root), large: content }, tags: ['v1.0.0'] },
    ]);
    expect((await direct.fetch(path, 'v1.0.0', 'mod')).text).toBe(go(path));
    expect(bed.server.take().bytes).toBeLessThan(10_000);
  });

  test('is asked once for its names by whatever a query needs', async () => {
    const { path, repo } = await create((root) => [
      { commit: 'zero', files: { 'go.mod': `${go(root)}retract v1.1.0\n` }, tags: ['v1.0.0'] },
      { commit: 'one', tags: ['v1.1.0+meta'] },
      { commit: 'two' },
    ]);
    const short = repo.hash('two').slice(0, 12);
    expect(await direct.resolve(path, 'main')).toBe(`v1.0.1-0.20240101000200-${short}`);
    expect(bed.server.take().counts['ls-refs']).toBe(1);
  });

  test('keeps the commit of a version whose tag was moved, as long as it has that', async () => {
    const { path, repo } = await create(twoVersions);
    const first = await direct.fetch(path, 'v1.0.0', 'zip');
    const commit: string = JSON.parse(first.info!).Origin.Hash;
    expect(commit).toBe(repo.hash('one'));
    await repo.run([{ tag: 'v1.0.0', at: 'two' }]);
    await bed.restart({ refsMs: 0 });
    const again = await direct.fetch(path, 'v1.0.0', 'zip', { commit: async () => commit });
    const module = { path, version: 'v1.0.0' };
    expect(hashZip(module, again.bytes)).toBe(hashZip(module, first.bytes));
    expect(again).toMatchObject({ info: first.info, moved: repo.hash('two') });
  });

  test('that has lost the commit of a version and moved its tag is caught', async () => {
    const { path, repo } = await create(twoVersions);
    const commit = repo.hash('two');
    await repo.run([
      { branch: 'main', at: 'one' },
      { commit: 'other', files: { 'other.go': 'package one\n' } },
      { tag: 'v1.1.0', at: 'other' },
    ]);
    await expect(direct.fetch(path, 'v1.1.0', 'mod', { commit: async () => commit })).rejects.toMatchObject({
      kind: 'integrity',
      message: expect.stringContaining(`was moved to commit ${repo.hash('other')}`),
    });
    await repo.run([{ remove: 'refs/tags/v1.1.0' }]);
    await bed.restart();
    await expect(direct.fetch(path, 'v1.1.0', 'mod', { commit: async () => commit })).rejects.toMatchObject({
      kind: 'notFound',
      message: `${path}@v1.1.0: invalid version: unknown revision ${commit}`,
    });
  });

  test('tells an unknown revision in the words of the go command', async () => {
    const { path } = await create(twoVersions);
    for (const unknown of [
      'v9.9.9',
      'nothing',
      'abcdef0',
      '0123456789012345678901234567890123456789',
      '-x',
    ]) {
      await expect(direct.query(path, unknown)).rejects.toMatchObject({
        kind: 'notFound',
        message: `${path}@${unknown}: invalid version: unknown revision ${unknown}`,
      });
    }
  });

  test('that is not there is not found, and one that fails has failed', async () => {
    const path = `${host}/nowhere`;
    for (const answer of [
      direct.list(path),
      direct.query(path, 'main'),
      direct.fetch(path, 'v1.0.0', 'mod'),
    ]) {
      await expect(answer).rejects.toMatchObject({
        kind: 'notFound',
        message: expect.stringMatching(/^git\.example\.com\/nowhere(@\S+)?: /),
      });
    }
    const { path: there } = await create(twoVersions);
    bed.server.fault('advertisement', { do: 'answer', status: 503 }, 2);
    bed.server.fault('ls-refs', { do: 'answer', status: 503 }, 2);
    await expect(direct.fetch(there, 'v1.0.0', 'mod')).rejects.toMatchObject({ kind: 'upstream' });
  });

  test('is left alone when the spool takes no zip', async () => {
    const { path } = await create(twoVersions);
    const refused = new StoaError('storage', 'the disk is full');
    const full = (): never => {
      throw refused;
    };
    const failing = (): Writable => new Writable({ write: (_chunk, _encoding, done) => done(refused) });
    for (const begin of [full, failing]) {
      await expect(direct.fetch(path, 'v1.1.0', 'zip', {}, begin)).rejects.toMatchObject({ kind: 'storage' });
    }
    // Whoever comes next finds everything in order.
    const { bytes } = await direct.fetch(path, 'v1.1.0', 'zip');
    expect(hashZip({ path, version: 'v1.1.0' }, bytes)).toMatch(/^h1:/);
  });
});
