import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, mkdir, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, onTestFinished, test } from 'vitest';
import { failure, filesOf, never, textOf } from '../conformance/repo-kit.ts';
import { git, type Step } from '../fakes/git-repos.ts';
import { createRandom, noise } from '../faults/random.ts';
import { type Bed, type BedOptions, openBed } from './bed.ts';
import { processesOf } from './processes.ts';

const random = createRandom(606);

const script = (): Step[] => [
  {
    commit: 'one',
    files: { 'go.mod': 'module example.com/m\n', noise: noise(random, 400_000) },
    tags: ['v1.0.0'],
  },
  { commit: 'two', files: { noise: noise(random, 400_000) }, tags: ['v1.1.0'] },
];

async function open(options: BedOptions = {}): Promise<Bed> {
  const bed = await openBed(options);
  onTestFinished(() => bed[Symbol.asyncDispose]());
  return bed;
}

async function openWithOne(options: BedOptions = {}) {
  const bed = await open(options);
  const { hash } = await bed.repos.create('acme/lib', script());
  const reopen = () => bed.git.open(bed.remote('acme/lib'));
  return { bed, hash, reopen, repo: reopen(), server: bed.server };
}

function copiesIn({ folder }: Bed): Promise<string[]> {
  return readdir(join(folder, 'repos'));
}

async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map(({ parentPath, name }) => join(parentPath, name));
}

describe.skipIf(git === undefined)('local copies', () => {
  test('answer for a commit while the remote is gone', async () => {
    const { bed, hash, repo, reopen } = await openWithOne();
    await filesOf(repo, hash('one'));
    await bed.restart();
    await bed.repos[Symbol.asyncDispose]();
    const again = reopen();
    expect(await textOf(again, hash('one'), 'go.mod')).toBe('module example.com/m\n');
    expect(await again.files(hash('one'), '', never)).toHaveLength(2);
    expect(Object.keys(await filesOf(again, hash('one')))).toEqual(['go.mod', 'noise']);
    expect((await again.stat(hash('one'), never)).hash).toBe(hash('one'));
    await failure(again.stat('v1.0.0', never), 'notFound');
    await failure(again.stat(hash('two'), never), 'notFound');
  });

  test('that are not whole are made anew', async () => {
    for (const lost of ['HEAD', 'config', 'info/attributes', 'objects']) {
      const { bed, hash, repo, reopen } = await openWithOne();
      await filesOf(repo, hash('one'));
      const [name] = await copiesIn(bed);
      await rm(join(bed.folder, 'repos', name!, lost), { recursive: true });
      await bed.restart();
      expect(Object.keys(await filesOf(reopen(), hash('one'))), lost).toEqual(['go.mod', 'noise']);
      expect(await copiesIn(bed)).toContain(name);
    }
  });

  test('of too many packs are made anew', async () => {
    const { bed, hash, repo, reopen, server } = await openWithOne();
    await filesOf(repo, hash('one'));
    const [name] = await copiesIn(bed);
    const packs = join(bed.folder, 'repos', name!, 'objects/pack');
    await Promise.all(Array.from({ length: 501 }, (_, i) => writeFile(join(packs, `pack-${i}.pack`), '')));
    await bed.restart();
    server.take();
    expect(Object.keys(await filesOf(reopen(), hash('one')))).toEqual(['go.mod', 'noise']);
    expect(server.take().trips).toBeGreaterThan(0);
    expect((await readdir(packs)).length).toBeLessThan(10);
  });

  test.each([
    [2, false],
    [2, true],
    [0, false],
    [0, true],
  ] as const)(
    'that turn out to be broken are made anew (protocol %s, after a restart: %s)',
    async (protocol, restarts) => {
      const { bed, hash, repo, reopen } = await openWithOne({ server: { protocol } });
      await filesOf(repo, hash('one'));
      for (const name of await copiesIn(bed))
        for (const file of await filesBelow(join(bed.folder, 'repos', name, 'objects')))
          await truncate(file, 40);
      if (restarts) await bed.restart();
      expect(Object.keys(await filesOf(reopen(), hash('one')))).toEqual(['go.mod', 'noise']);
      expect(await textOf(reopen(), hash('two'), 'go.mod')).toBe('module example.com/m\n');
      expect(await reopen().isAncestor('v1.0.0', hash('two'), never)).toBe(true);
    },
  );

  test('that break while an archive is read end it, and are made anew for the next', async () => {
    const { bed, hash, repo, reopen } = await openWithOne();
    await filesOf(repo, hash('one'));
    const [name] = await copiesIn(bed);
    const packs = join(bed.folder, 'repos', name!, 'objects');
    for (const file of await filesBelow(packs)) {
      // The beginning of an object is enough to tell what it is and how large.
      const { length } = await readFile(file);
      if (length > 100_000) await truncate(file, 70_000);
    }
    await failure(filesOf(repo, hash('one')), 'integrity');
    await expect
      .poll(() => filesOf(reopen(), hash('one')).then(Object.keys, () => []))
      .toEqual(['go.mod', 'noise']);
  });

  test('are cleaned up after a process that was killed', async () => {
    const { bed, hash, repo, reopen } = await openWithOne();
    await filesOf(repo, hash('one'));
    await bed.git.close();
    const [name] = await copiesIn(bed);
    const copy = join(bed.folder, 'repos', name!);
    await mkdir(join(bed.folder, 'repos/.new-1234/objects'), { recursive: true });
    await mkdir(join(bed.folder, 'repos/.gone-1234/objects'), { recursive: true });
    const left = [
      'objects/pack/tmp_pack_x',
      'objects/pack/tmp_idx_y',
      'shallow.lock',
      'packed-refs.new.lock',
    ];
    for (const file of left) await writeFile(join(copy, file), 'half');
    await bed.restart();
    expect(await textOf(reopen(), hash('one'), 'go.mod')).toBe('module example.com/m\n');
    for (const file of left) await expect(access(join(copy, file))).rejects.toThrow('ENOENT');
    await expect.poll(() => copiesIn(bed)).toEqual([name]);
  });

  test('go by when they were used, to stay within the budget', async () => {
    let time = 0;
    const bed = await open({ git: { maxBytes: 1_500_000, now: () => time++ } });
    const read = async (name: string) => {
      const repo = bed.git.open(bed.remote(name));
      await filesOf(repo, (await repo.stat('v1.0.0', never)).hash);
    };
    for (const name of ['a', 'b', 'c']) {
      await bed.repos.create(name, script());
      await read(name);
    }
    expect(await copiesIn(bed)).toHaveLength(3);
    await read('a');
    await bed.repos.create('d', script());
    await read('d');
    expect(bed.git.bytes).toBeLessThan(1_500_000);
    await expect.poll(() => copiesIn(bed)).toHaveLength(3);
    bed.server.take();
    for (const name of ['a', 'c', 'd']) await read(name);
    expect(bed.server.take().counts.fetch).toBeUndefined();
    await read('b');
    expect(bed.server.take().counts.fetch).toBe(2);
  });

  test('that are in use stay, however large', async () => {
    const { bed, hash, repo } = await openWithOne({ git: { maxBytes: 1000 } });
    expect((await repo.stat('v1.0.0', never)).hash).toBe(hash('one'));
    const archive = await repo.archive(hash('one'), '', never);
    await once(archive, 'readable');
    await bed.repos.create('other', script());
    await bed.git.open(bed.remote('other')).stat('v1.0.0', never);
    await expect.poll(() => copiesIn(bed)).toHaveLength(1);
    await once(archive.resume(), 'end');
    await expect.poll(() => copiesIn(bed)).toHaveLength(0);
    expect(bed.git.bytes).toBe(0);
  });

  test('from before count towards the budget, the oldest going first', async () => {
    const { bed, hash, repo } = await openWithOne();
    await filesOf(repo, hash('one'));
    await bed.restart();
    await expect.poll(() => bed.git.bytes).toBeGreaterThan(400_000);
    await bed.restart({ maxBytes: 100_000 });
    await expect.poll(() => copiesIn(bed)).toEqual([]);
    expect(bed.git.bytes).toBe(0);
  });

  test('are others for a repository that was made anew with other hashes', async () => {
    const { bed, hash, repo } = await openWithOne();
    await textOf(repo, hash('one'), 'go.mod');
    bed.later();
    // The same remote, as far as it is told.
    const later = await open();
    const anew = await later.repos.create('acme/lib', script(), 'sha256');
    const other = bed.git.open({ ...bed.remote('acme/lib'), fetchUrl: `${later.server.url}/acme/lib` });
    const { tags } = await other.refs(never);
    expect(tags.get('v1.0.0')).toBe(anew.hash('one'));
    expect(await textOf(other, tags.get('v1.0.0')!, 'go.mod')).toBe('module example.com/m\n');
    expect(await copiesIn(bed)).toHaveLength(2);
  });

  test('that cannot be made are the fault of the disk', async () => {
    const { bed, hash, repo } = await openWithOne();
    await repo.refs(never);
    await rm(join(bed.folder, 'repos'), { recursive: true });
    await writeFile(join(bed.folder, 'repos'), '');
    await failure(textOf(repo, hash('one'), 'go.mod'), 'storage');
  });

  test('survive a process that is killed while it fetches, and nothing of it is left running', async () => {
    const { bed, hash, reopen, server } = await openWithOne();
    await bed.git.close();
    const program = fileURLToPath(new URL('fetch-child.ts', import.meta.url));
    const child = spawn(process.execPath, [program, bed.folder, `${server.url}/acme/lib`, 'v1.0.0'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(child.stdout, 'data');
    server.fault('fetch', { do: 'hang', afterBytes: 200_000 });
    await expect.poll(() => server.requests.filter(({ kind }) => kind === 'fetch').length).toBe(2);
    child.kill('SIGKILL');
    await once(child, 'close');
    await expect.poll(() => processesOf(bed.folder), { timeout: 20_000 }).toEqual([]);
    server.calm();
    await bed.restart();
    expect(Object.keys(await filesOf(reopen(), hash('one')))).toEqual(['go.mod', 'noise']);
  });

  test('have no process when nobody has used them for a while', async () => {
    const { bed, hash, repo } = await openWithOne({ git: { idleMs: 50 } });
    await filesOf(repo, hash('one'));
    await expect.poll(() => processesOf(bed.folder)).toEqual([]);
    expect(bed.run.running).toBe(0);
    expect(await textOf(repo, hash('one'), 'go.mod')).toBe('module example.com/m\n');
  });

  test('are used with as few processes as two', async () => {
    const { bed, hash, reopen } = await openWithOne({ limits: { processes: 2 } });
    await bed.repos.create('other', script());
    const other = bed.git.open(bed.remote('other'));
    const work = Array.from({ length: 5 }, async () => [
      Object.keys(await filesOf(reopen(), hash('one'))).length,
      await textOf(reopen(), hash('two'), 'go.mod'),
      await reopen().isAncestor('v1.0.0', hash('two'), never),
      (await other.stat('v1.1.0', never)).tags,
    ]);
    expect(new Set((await Promise.all(work)).map((results) => JSON.stringify(results)))).toEqual(
      new Set([JSON.stringify([2, 'module example.com/m\n', true, ['v1.1.0']])]),
    );
  });

  test.each([2, 0] as const)('tell for metrics what they took (protocol %s)', async (protocol) => {
    const { bed, hash, repo, server } = await openWithOne({ server: { protocol } });
    await filesOf(repo, hash('one'));
    // For a remote that turns out to be old another copy is begun.
    expect(bed.git.copies).toBe(protocol === 2 ? 1 : 2);
    expect(bed.git.processes).toBe(bed.run.running);
    for (const name of await copiesIn(bed))
      await rm(join(bed.folder, 'repos', name, 'objects'), { recursive: true });
    bed.later();
    await filesOf(repo, hash('one'));
    bed.later();
    server.fault('advertisement', { do: 'answer', status: 500 }, 2);
    server.fault('ls-refs', { do: 'answer', status: 500 });
    await failure(repo.refs(never), 'upstream');
    await bed.restart({ maxBytes: 1 });
    await expect.poll(() => copiesIn(bed)).toEqual([]);
    const fetched = protocol === 2 ? ['unpack-objects', 'index-pack'] : ['ls-remote', 'fetch'];
    expect(bed.reports).toEqual(
      expect.arrayContaining([
        'git.example.com refs ok false',
        'git.example.com refs failed false',
        'git.example.com pack ok true',
        'removed broken',
        'removed evicted',
        'process cat-file stopped true',
        ...['ls-tree', 'archive', ...fetched].map((command) => `process ${command} ok true`),
        `process ${protocol === 2 ? 'remote-http' : 'ls-remote'} failed true`,
      ]),
    );
  });

  test('have few processes, however many are used', async () => {
    const bed = await open();
    const names = Array.from({ length: 12 }, (_, i) => `r${i}`);
    for (const name of names) await bed.repos.create(name, [{ commit: 'one', files: { 'go.mod': name } }]);
    const texts = await Promise.all(
      names.map(async (name) => {
        const repo = bed.git.open(bed.remote(name));
        return textOf(repo, (await repo.stat('HEAD', never)).hash, 'go.mod');
      }),
    );
    expect(texts).toEqual(names);
    await expect.poll(() => bed.run.running).toBeLessThanOrEqual(16);
  });
});
