import { Readable } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { StoaError } from '../../src/errors.ts';
import type { Fetcher } from '../../src/fetch/fetcher.ts';
import { createGate } from '../../src/fetch/gate.ts';
import type { ZipTask } from '../../src/fetch/zip-writer.ts';
import type { Step } from '../fakes/git-repos.ts';
import { openBed } from './direct-bed.ts';

const m = 'example.com/m';
const go = (path: string): string => `module ${path}\n\ngo 1.21\n`;

const script: readonly Step[] = [
  { commit: 'old', files: { 'old.go': 'package m\n' }, tags: ['v0.1.0', 'v2.0.0'] },
  { commit: 'one', files: { 'go.mod': go(m), 'sub/go.mod': go(`${m}/sub`) }, tags: ['v1.0.0', 'sub/v1.0.0'] },
  { commit: 'two', files: { 'sub/dir/go.mod': go(`${m}/sub/dir`) } },
];

describe('an .info', () => {
  test('is that of the go command, for a tag', async () => {
    const bed = openBed(script, m);
    const { text, info, source } = await bed.fetch(m, 'v1.0.0', 'info');
    expect(text).toBe(
      `{"Version":"v1.0.0","Time":"2024-01-01T00:01:00Z","Origin":{"VCS":"git","URL":"https://example.com/m","Hash":"${bed.repo.hash('one')}","Ref":"refs/tags/v1.0.0"}}`,
    );
    expect(info).toBe(text);
    expect(source).toBe('direct');
  });

  test('names the folder of a module, and its tag with it', async () => {
    const bed = openBed(script, m);
    const { text } = await bed.fetch(`${m}/sub`, 'v1.0.0', 'info');
    expect(JSON.parse(text).Origin).toEqual({
      VCS: 'git',
      URL: 'https://example.com/m',
      Subdir: 'sub',
      Hash: bed.repo.hash('one'),
      Ref: 'refs/tags/sub/v1.0.0',
    });
  });

  test('of a pseudo-version names no ref', async () => {
    const bed = openBed(script, m);
    const { version, bytes } = await bed.query(m, 'main');
    expect(version).toBe(`v1.0.1-0.20240101000200-${bed.repo.hash('two').slice(0, 12)}`);
    expect(Buffer.from(bytes).toString()).toBe(
      `{"Version":"${version}","Time":"2024-01-01T00:02:00Z","Origin":{"VCS":"git","URL":"https://example.com/m","Hash":"${bed.repo.hash('two')}"}}`,
    );
  });

  test('is the same by whatever name its commit was found', async () => {
    const bed = openBed([...script, { branch: 'release', at: 'one' }, { tag: 'nightly', at: 'one' }], m);
    const asked = ['v1.0.0', 'release', 'nightly', bed.repo.hash('one'), 'latest'];
    const infos = await Promise.all(asked.map(async (query) => (await bed.query(m, query)).bytes));
    const { text } = await bed.fetch(m, 'v1.0.0', 'info');
    expect(new Set(infos.map((info) => Buffer.from(info).toString()))).toEqual(new Set([text]));
  });

  test('is safe inside of HTML, as Go writes JSON', async () => {
    const bed = openBed(script, m);
    const odd = { ...bed.repo, url: 'https://example.com/m?a=1&b=<c>' };
    const { fetch } = openBed([], m, { openRepo: async () => odd });
    expect((await fetch(m, 'v1.0.0', 'info')).text).toContain('m?a=1\\u0026b=\\u003cc\\u003e');
  });
});

describe('a .mod', () => {
  test('is the go.mod, and nothing else is read for it', async () => {
    const bed = openBed(script, m);
    const { text, info } = await bed.fetch(`${m}/sub`, 'v1.0.0', 'mod');
    expect(text).toBe(go(`${m}/sub`));
    expect(JSON.parse(info!).Origin.Hash).toBe(bed.repo.hash('one'));
    expect(bed.repo.asked).toEqual(['stat sub/v1.0.0', 'read one sub/go.mod']);
  });

  test('is made up where the repository has none', async () => {
    const bed = openBed(script, m);
    expect((await bed.fetch(m, 'v0.1.0', 'mod')).text).toBe('module example.com/m\n');
    expect((await bed.fetch(m, 'v2.0.0+incompatible', 'mod')).text).toBe('module example.com/m\n');
  });
});

describe('a zip', () => {
  const licensed: readonly Step[] = [
    {
      commit: 'one',
      files: { LICENSE: 'root', 'sub/go.mod': go(`${m}/sub`) },
      tags: ['sub/v1.0.0', 'v0.1.0'],
    },
    { commit: 'two', files: { 'sub/LICENSE': { link: '../LICENSE' } }, tags: ['sub/v1.1.0'] },
  ];

  test.each<[path: string, version: string, folder: string, licence: string | undefined, why?: string]>([
    [`${m}/sub`, 'v1.0.0', 'sub', 'root'],
    [`${m}/sub`, 'v1.1.0', 'sub', undefined, 'it has one, if only a link'],
    [m, 'v0.1.0', '', undefined, 'the one of the root is among the files'],
  ])('of %s@%s is made of %j, and the licence of the root is %j', async (path, version, folder, licence) => {
    const tasks: ZipTask[] = [];
    const zips = {
      writeModuleZip: async (task: ZipTask) => {
        tasks.push(task);
        return { h1: '', size: 0 };
      },
    };
    const bed = openBed(licensed, m, { zips });
    const tar = new Readable();
    bed.repo.archive = async () => tar;
    await bed.fetch(path, version, 'zip');
    expect(tasks).toMatchObject([{ version: { path, version }, folder, tar }]);
    expect(tasks[0]!.licence?.toString()).toBe(licence);
    expect(bed.repo.asked.some((what) => what.endsWith(' LICENSE'))).toBe(licence !== undefined);
  });

  test('that nobody takes leaves no archive open', async () => {
    const bed = openBed(licensed, m);
    const tar = new Readable();
    bed.repo.archive = async () => tar;
    const full = (): never => {
      throw new StoaError('storage', 'the disk is full');
    };
    await expect(bed.fetch(m, 'v0.1.0', 'zip', {}, full)).rejects.toMatchObject({
      kind: 'storage',
      message: `${m}@v0.1.0: the disk is full`,
    });
    expect(tar.destroyed).toBe(true);
  });
});

describe('a list', () => {
  test('asks for the names of the remote, and for nothing it has seen before', async () => {
    const bed = openBed(script, m);
    expect((await bed.list(m)).versions).toEqual(['v0.1.0', 'v1.0.0']);
    expect(bed.repo.asked).toEqual(['refs', 'read one go.mod']);
    bed.repo.asked.length = 0;
    await bed.list(m);
    expect(bed.repo.asked).toEqual(['refs']);
  });

  test.each<[path: string, versions: string[] | string]>([
    [m, ['v0.1.0', 'v1.0.0']],
    [`${m}/sub`, ['v1.0.0']],
    [`${m}/sub/dir`, []],
    [
      `${m}/v2`,
      `go.mod has non-.../v2 module path "${m}" (and .../v2/go.mod does not exist) at revision <two>`,
    ],
    [
      `${m}/v3`,
      `go.mod has non-.../v3 module path "${m}" (and .../v3/go.mod does not exist) at revision <two>`,
    ],
    [`${m}/none`, `missing ${m}/none/go.mod at revision <two>`],
    [`${m}/sub/none`, `missing ${m}/sub/none/go.mod at revision <two>`],
  ])('of %s is %j: a path below the root is a module only with tags or a go.mod', async (path, versions) => {
    const bed = openBed(
      script.map((step) =>
        'tags' in step ? { ...step, tags: step.tags.filter((tag) => tag !== 'v2.0.0') } : step,
      ),
      m,
    );
    const answer = bed.list(path);
    if (typeof versions !== 'string') {
      expect((await answer).versions).toEqual(versions);
      return;
    }
    const short = bed.repo.hash('two').slice(0, 12);
    await expect(answer).rejects.toMatchObject({
      kind: 'notFound',
      message: `${path}: ${versions.replace('<two>', short)}`,
    });
    expect(bed.repo.asked.filter((what) => what === 'refs')).toHaveLength(1);
  });

  test('of a repository without commits is none', async () => {
    await expect(openBed([], m).list(m)).rejects.toMatchObject({
      kind: 'notFound',
      message: `${m}: no commits`,
    });
  });

  test('of an unstable module of gopkg.in has no tags, for they are the stable one’s', async () => {
    const path = 'gopkg.in/m.v2-unstable';
    const bed = openBed([{ commit: 'one', files: { 'go.mod': go(path) }, tags: ['v2.0.0'] }], path);
    expect((await bed.list(path)).versions).toEqual([]);
  });
});

test.each(['latest', 'main', 'v1', 'abcdef0'])(
  'the query %s asks for the names once, and before all else',
  async (query) => {
    const bed = openBed(script, m);
    await bed.query(m, query).catch(() => undefined);
    expect(bed.repo.asked[0]).toBe('refs');
    expect(bed.repo.asked.filter((what) => what === 'refs')).toHaveLength(1);
  },
);

test('history is not asked for where no tag can be what a commit comes after', async () => {
  const bed = openBed(
    [{ commit: 'one', files: { 'go.mod': go(m) }, tags: ['v2.0.0', 'v1', 'sub/v1.0.0'] }, { commit: 'two' }],
    m,
  );
  expect(await bed.resolve(m, 'main')).toMatch(/^v0\.0\.0-/);
  expect(bed.repo.asked.filter((what) => what.startsWith('recentTag'))).toEqual([]);
});

describe('a failure', () => {
  test.each(['upstream', 'timeout', 'overloaded', 'integrity', 'storage'] as const)(
    'of kind %s stays one of that kind, whatever is asked',
    async (kind) => {
      const bed = openBed(script, m);
      bed.repo.fail('all', new StoaError(kind, 'git has trouble'));
      const message = expect.stringMatching(/^example\.com\/m(@\S+)?: git has trouble$/);
      const asked = [bed.list(m), bed.query(m, 'latest'), bed.query(m, 'main'), bed.query(m, 'v1.0.0')];
      for (const file of ['info', 'mod', 'zip'] as const) asked.push(bed.fetch(m, 'v1.0.0', file) as never);
      for (const answer of asked) await expect(answer).rejects.toMatchObject({ kind, message });
    },
  );

  test('that the remote states is told in the words of the go command', async () => {
    const bed = openBed(script, m);
    await expect(bed.fetch(m, 'v1.2.3', 'info')).rejects.toMatchObject({
      kind: 'notFound',
      message: 'example.com/m@v1.2.3: invalid version: unknown revision v1.2.3',
    });
    await expect(bed.query(`${m}/sub`, 'v1')).rejects.toMatchObject({
      kind: 'notFound',
      message: 'example.com/m/sub@v1: invalid version: unknown revision sub/v1',
    });
  });
});

describe('a commit that was pinned', () => {
  const moved: readonly Step[] = [
    ...script,
    { commit: 'other', on: 'other', parents: ['one'], files: { 'go.mod': `${go(m)}// other\n` } },
    { tag: 'v1.0.0', at: 'other' },
  ];

  test('is read although the tag was moved, and that is told', async () => {
    const bed = openBed(moved, m);
    const commit = bed.repo.hash('one');
    const got = await bed.fetch(m, 'v1.0.0', 'mod', { commit: async () => commit });
    expect(got.text).toBe(go(m));
    expect(got.moved).toBe(bed.repo.hash('other'));
    // The bytes that were told before.
    expect(got.info).toBe((await openBed(script, m).fetch(m, 'v1.0.0', 'info')).text);
  });

  test('is read although the tag is gone', async () => {
    const bed = openBed([...script, { remove: 'refs/tags/v1.0.0' }], m);
    const got = await bed.fetch(m, 'v1.0.0', 'mod', { commit: async () => bed.repo.hash('one') });
    expect(got).toMatchObject({ text: go(m), moved: '' });
  });

  test('is no event where the tag leads to it', async () => {
    const bed = openBed(script, m);
    const got = await bed.fetch(m, 'v1.0.0', 'mod', { commit: async () => bed.repo.hash('one') });
    expect(got).not.toHaveProperty('moved');
  });

  test('is read while the remote cannot be asked for its names', async () => {
    const bed = openBed(script, m);
    bed.repo.fail('refs', new StoaError('upstream', 'the remote is away'));
    const got = await bed.fetch(m, 'v1.0.0', 'mod', { commit: async () => bed.repo.hash('one') });
    expect(got.text).toBe(go(m));
    expect(got).not.toHaveProperty('moved');
  });

  test('keeps a pseudo-version whose base tag is gone, for it was true once', async () => {
    const bed = openBed(script, m);
    const { version } = await bed.query(m, 'main');
    bed.repo.run([{ remove: 'refs/tags/v1.0.0' }]);
    await expect(bed.fetch(m, version, 'mod')).rejects.toThrow('preceding tag (v1.0.0) not found');
    const got = await bed.fetch(m, version, 'mod', { commit: async () => bed.repo.hash('two') });
    expect(got.text).toBe(go(m));
    expect(got).not.toHaveProperty('moved');
  });

  test('that is no longer in the repository is refused, for what the tag is now is another content', async () => {
    const bed = openBed(moved, m);
    const lost = 'f'.repeat(40);
    await expect(bed.fetch(m, 'v1.0.0', 'mod', { commit: async () => lost })).rejects.toMatchObject({
      kind: 'integrity',
      message: `example.com/m@v1.0.0: its tag was moved to commit ${bed.repo.hash('other')}, and ${lost}, which it was before, is no longer in the repository`,
    });
    await expect(bed.fetch(m, 'v9.0.0', 'mod', { commit: async () => lost })).rejects.toMatchObject({
      kind: 'notFound',
      message: `example.com/m@v9.0.0: invalid version: unknown revision ${lost}`,
    });
  });

  test('of another pseudo-version is refused', async () => {
    const bed = openBed(script, m);
    const { version } = await bed.query(m, 'main');
    await expect(
      bed.fetch(m, version, 'mod', { commit: async () => bed.repo.hash('one') }),
    ).rejects.toMatchObject({
      kind: 'notFound',
      message: expect.stringContaining('does not match short name of revision'),
    });
  });
});

describe('a path', () => {
  const asked: string[] = [];
  const fake: Fetcher = {
    list: async (path) => {
      asked.push(`list ${path}`);
      return { source: 'fake', versions: [] };
    },
    query: async (path, query) => {
      asked.push(`query ${path} ${query}`);
      return { source: 'fake', version: 'v1.0.0', bytes: Buffer.alloc(0) };
    },
    fetch: async ({ path, version }, file) => {
      asked.push(`fetch ${path} ${version} ${file}`);
      return { source: 'fake' };
    },
  };

  test.each([
    ['a module proxy', { isMod: true, vcs: 'mod' as const }, { upstream: () => fake }],
    ['another system', { vcs: 'hg' as const }, { otherSystems: () => fake }],
  ])('that leads to %s is asked for there', async (_, root, options) => {
    const discover = async () => ({ root: m, url: 'https://elsewhere.example.com', ...root });
    const bed = openBed([], m, { discover, ...options });
    asked.length = 0;
    await bed.list(m);
    await bed.query(m, 'main');
    await bed.fetch(m, 'v1.0.0', 'zip');
    expect(asked).toEqual([`list ${m}`, `query ${m} main`, `fetch ${m} v1.0.0 zip`]);
    expect(bed.repo.asked).toEqual([]);
  });

  test('of another system is not found where nothing can read that', async () => {
    const discover = async () => ({ root: m, vcs: 'hg' as const, url: 'https://hg.example.com/m' });
    await expect(openBed([], m, { discover }).list(m)).rejects.toMatchObject({
      kind: 'notFound',
      message:
        'example.com/m: its repository https://hg.example.com/m is one of hg, which is not read here: name a go command in vcs.go, or an upstream for it',
    });
  });

  test('that the repository cannot hold is not found, and it is not opened', async () => {
    const openRepo = async () => {
      throw new Error('opened');
    };
    await expect(openBed([], 'example.com/other', { openRepo }).list(m)).rejects.toMatchObject({
      kind: 'notFound',
    });
  });
});

test('a request gives its place towards the host back, however it ends', async () => {
  const limits = { running: 1, queued: 0, waitMs: 1000 };
  const gate = createGate({ zip: limits, file: limits });
  const bed = openBed(script, m, { gate });
  await bed.list(m);
  await expect(bed.query(m, 'nothing')).rejects.toThrow('unknown revision');
  await expect(bed.fetch(m, 'v1.0.0', 'zip')).rejects.toThrow('no archives');
  expect([gate.running('file'), gate.running('zip')]).toEqual([0, 0]);
});
