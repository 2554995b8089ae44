import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Repo } from '../../src/vcs/repo.ts';
import type { Step } from '../fakes/git-repos.ts';
import { archiveCases } from './repo-archive.ts';
import { failure, never, type RepoUnderTest, textOf } from './repo-kit.ts';

/**
 * What every repository has to do. `open` makes one of a script: once for the cases that only read, and before each that
 * changes it.
 */
export function repoSuite(name: string, open: (script: readonly Step[]) => Promise<RepoUnderTest>): void {
  describe(name, { timeout: 60_000 }, () => {
    let under: RepoUnderTest;
    let repo: Repo;
    let hash: RepoUnderTest['hash'];

    beforeAll(async () => {
      under = await open(script);
      ({ repo } = under);
      hash = (label) => under.hash(label);
    });
    afterAll(() => under[Symbol.asyncDispose]());

    /** A case with a repository of its own. */
    const changing = (title: string, work: (own: RepoUnderTest) => Promise<void>): void =>
      test(title, async () => {
        await using own = await open(script);
        await work(own);
      });

    describe('its refs', () => {
      test('are branches, tags and the default branch, and nothing else', async () => {
        const { head, branches, tags } = await repo.refs(never);
        expect(head).toBe(hash('five'));
        expect(Object.fromEntries(branches)).toEqual({
          main: hash('five'),
          'release/v1': hash('patch'),
          both: hash('two'),
        });
        expect(Object.fromEntries(tags)).toEqual({
          'v1.0.0': hash('one'),
          'v1.1.0': hash('three'),
          'v1.1.0-again': hash('three'),
          'v1.0.1': hash('patch'),
          'v2.0.0-rc.1': hash('five'),
          'sub/v0.1.0': hash('two'),
          both: hash('three'),
          annotated: hash('two'),
        });
      });

      changing('are told as they are now', async ({ repo, hash, run }) => {
        await repo.refs(never);
        await run([
          { tag: 'v1.0.0', at: 'two' },
          { remove: 'refs/tags/v1.1.0' },
          { commit: 'six', tags: ['v3.0.0'] },
          { remove: 'refs/heads/both' },
        ]);
        const { head, branches, tags } = await repo.refs(never);
        expect(tags.get('v1.0.0')).toBe(hash('two'));
        expect(tags.has('v1.1.0')).toBe(false);
        expect(tags.get('v3.0.0')).toBe(hash('six'));
        expect([head, branches.get('main')]).toEqual([hash('six'), hash('six')]);
        expect(branches.has('both')).toBe(false);
      });

      changing('follow the default branch', async ({ repo, hash, run }) => {
        await run([{ head: 'release/v1' }]);
        expect((await repo.refs(never)).head).toBe(hash('patch'));
      });
    });

    describe('a revision', () => {
      test('that is a tag', async () => {
        expect(await repo.stat('v1.1.0', never)).toEqual({
          hash: hash('three'),
          time: new Date('2024-05-06T07:08:09Z'),
          tags: ['both', 'v1.1.0', 'v1.1.0-again'],
          ref: 'refs/tags/v1.1.0',
        });
      });

      test('that is an annotated tag names the commit', async () => {
        const { hash: found, tags, ref } = await repo.stat('annotated', never);
        expect({ found, tags, ref }).toEqual({
          found: hash('two'),
          tags: ['annotated', 'sub/v0.1.0'],
          ref: 'refs/tags/annotated',
        });
      });

      test('with slashes, that is a branch', async () => {
        expect(await repo.stat('release/v1', never)).toMatchObject({
          hash: hash('patch'),
          ref: 'refs/heads/release/v1',
        });
      });

      test('that is a tag and a branch is the tag', async () => {
        expect(await repo.stat('both', never)).toMatchObject({ hash: hash('three'), ref: 'refs/tags/both' });
      });

      test('HEAD', async () => {
        expect(await repo.stat('HEAD', never)).toMatchObject({ hash: hash('five'), ref: 'HEAD' });
      });

      test.each(['one', 'two', 'four', 'five', 'patch'])('that is the hash of commit %s', async (label) => {
        const found = await repo.stat(hash(label), never);
        expect(found.hash).toBe(hash(label));
        expect(found).not.toHaveProperty('ref');
      });

      test.each(['one', 'four'])('that is the beginning of the hash of commit %s', async (label) => {
        expect((await repo.stat(hash(label).slice(0, 7), never)).hash).toBe(hash(label));
        expect((await repo.stat(hash(label).slice(0, 12), never)).hash).toBe(hash(label));
      });

      test('that is a hash of a commit which no branch or tag leads to does not exist', async () => {
        await repo.stat('HEAD', never);
        for (const label of ['rejected', 'lost']) {
          await failure(repo.stat(hash(label), never), 'notFound');
          await failure(repo.stat(hash(label).slice(0, 12), never), 'notFound');
          await failure(repo.readFile(hash(label), 'go.mod', 1000, never), 'notFound');
          await failure(repo.archive(hash(label), '', never), 'notFound');
        }
      });

      test('that nothing has does not exist', async () => {
        for (const rev of [
          'v9.9.9',
          'master',
          '0123456',
          'deadbeef'.repeat(5),
          'abc',
          hash('one').slice(0, 6),
        ]) {
          expect(await failure(repo.stat(rev, never), 'notFound')).toContain(`unknown revision ${rev}`);
        }
        await failure(repo.stat('a'.repeat(100_000), never), 'notFound');
      });

      test.each(hostileNames)('%j does not exist', async (rev) => {
        await failure(repo.stat(rev, never), 'notFound');
        await failure(repo.readFile(rev, 'go.mod', 1000, never), 'notFound');
        await failure(repo.files(rev, '', never), 'notFound');
        await failure(repo.archive(rev, '', never), 'notFound');
        await failure(
          repo.recentTag(rev, '', () => true, never),
          'notFound',
        );
        expect(await repo.isAncestor(rev, hash('five'), never)).toBe(false);
        await failure(repo.isAncestor('v1.0.0', rev, never), 'notFound');
      });

      changing('can be that of a tag in upper case hex, which is no hash', async ({ repo, hash, run }) => {
        await failure(repo.stat(hash('one').toUpperCase(), never), 'notFound');
        await run([{ tag: 'ABCDEF1', at: 'one' }]);
        expect((await repo.stat('ABCDEF1', never)).hash).toBe(hash('one'));
      });

      changing('moves with its branch', async ({ repo, hash, run }) => {
        await repo.stat('main', never);
        await run([{ commit: 'six', files: { 'a.txt': '6' } }]);
        expect((await repo.stat('main', never)).hash).toBe(hash('six'));
        expect(await textOf(repo, hash('six'), 'a.txt')).toBe('6');
        expect(await repo.isAncestor('v1.0.0', hash('six'), never)).toBe(true);
      });

      changing('stays readable when its tag is moved away', async ({ repo, hash, run }) => {
        const { hash: pinned } = await repo.stat('v1.0.1', never);
        await run([{ tag: 'v1.0.1', at: 'one' }, { remove: 'refs/heads/release/v1' }]);
        expect((await repo.refs(never)).tags.get('v1.0.1')).toBe(hash('one'));
        expect((await repo.stat('v1.0.1', never)).hash).toBe(hash('one'));
        expect(await textOf(repo, pinned, 'a.txt')).toBe('patched');
        expect((await repo.stat(pinned, never)).hash).toBe(pinned);
      });
    });

    describe('a file', () => {
      test.each([
        ['in the root', 'go.mod', 'module example.com/m\n'],
        ['in a folder', 'sub/deep/er/file.txt', 'deep\n'],
        ['without content', 'empty', ''],
        ['that can be run', 'run.sh', '#!/bin/sh\n'],
        ['with a blank, a quote and a backslash in its name', 'odd/a "b\\c.txt', 'odd\n'],
        ['with letters of other scripts in its name', 'odd/文.txt', 'script\n'],
        ['that begins with a dash', '-rf', 'dash\n'],
        ['that begins with a colon', ':/x', 'colon\n'],
        ['that is a pattern', 'odd/*.txt', 'star\n'],
        ['that is a link, whose content is where it leads', 'link', 'sub/deep'],
      ])('%s', async (_, file, content) => {
        expect(await textOf(repo, hash('five'), file)).toBe(content);
      });

      test('is what it was in each commit', async () => {
        expect(await textOf(repo, hash('one'), 'a.txt')).toBe('1');
        expect(await textOf(repo, hash('three'), 'a.txt')).toBe('3');
        expect(await textOf(repo, hash('four'), 'a.txt')).toBe('4');
        expect(await textOf(repo, hash('one'), 'sub/go.mod')).toBeUndefined();
      });

      test.each([
        'absent',
        'sub',
        'sub/',
        'sub/deep',
        'go.mod/x',
        'link/er/file.txt',
        'vendored',
        'vendored/x',
        '',
        '/go.mod',
        './go.mod',
        'sub/../go.mod',
        '../go.mod',
        'go.mod\0',
        'go.mod\n',
        '\n\ncontents HEAD',
        'odd/?.txt',
        'GO.MOD',
      ])('%j is none', async (file) => {
        expect(await repo.readFile(hash('five'), file, 1000, never)).toBeUndefined();
      });

      test('over the limit is refused', async () => {
        expect(await repo.readFile(hash('five'), 'go.mod', 21, never)).toHaveLength(21);
        await failure(repo.readFile(hash('five'), 'go.mod', 20, never), 'integrity');
      });

      test('is asked for many times at once', async () => {
        const labels = ['one', 'two', 'three', 'four', 'five', 'patch'];
        const texts = await Promise.all(
          Array.from({ length: 60 }, (_, i) => textOf(repo, hash(labels[i % 6]!), 'a.txt')),
        );
        expect(texts.slice(0, 6)).toEqual(['1', '2', '3', '4', '5', 'patched']);
        expect(new Set(texts).size).toBe(6);
      });
    });

    describe('what comes before a commit', () => {
      test('is told of tags', async () => {
        const isBefore = (tag: string, label: string) => repo.isAncestor(tag, hash(label), never);
        expect(await isBefore('v1.0.0', 'five')).toBe(true);
        expect(await isBefore('v1.0.0', 'one')).toBe(true);
        expect(await isBefore('annotated', 'four')).toBe(true);
        expect(await isBefore('v1.1.0', 'two')).toBe(false);
        expect(await isBefore('v1.0.1', 'five')).toBe(false);
        expect(await isBefore('v1.0.0', 'patch')).toBe(true);
        expect(await isBefore('absent', 'five')).toBe(false);
      });

      test('has a highest tag, by version and not by distance', async () => {
        const recent = (label: string, prefix = '', allowed: (tag: string) => boolean = () => true) =>
          repo.recentTag(hash(label), prefix, allowed, never);
        expect(await recent('four')).toBe('v1.1.0');
        expect(await recent('five')).toBe('v2.0.0-rc.1');
        expect(await recent('five', '', (tag) => tag.startsWith('v1'))).toBe('v1.1.0');
        expect(await recent('two')).toBe('v1.0.0');
        expect(await recent('patch')).toBe('v1.0.1');
        expect(await recent('four', 'sub/')).toBe('sub/v0.1.0');
        expect(await recent('one', 'sub/')).toBeUndefined();
        expect(await recent('five', 'other/')).toBeUndefined();
        expect(await recent('four', '', () => false)).toBeUndefined();
      });

      changing('is known of commits that came later', async ({ repo, hash, run }) => {
        expect(await repo.recentTag(hash('four'), '', () => true, never)).toBe('v1.1.0');
        await run([
          { commit: 'six', tags: ['v2.0.0'] },
          { commit: 'seven' },
          { commit: 'aside', on: 'aside', parents: ['one'] },
        ]);
        expect(await repo.recentTag(hash('seven'), '', () => true, never)).toBe('v2.0.0');
        expect(await repo.recentTag(hash('aside'), '', () => true, never)).toBe('v1.0.0');
        expect(await repo.isAncestor('v2.0.0', hash('seven'), never)).toBe(true);
        expect((await repo.stat(hash('six'), never)).tags).toEqual(['v2.0.0']);
      });

      test('is asked for many times at once, beside files', async () => {
        const asked = Array.from({ length: 20 }, (_, i) => [
          repo.isAncestor('v1.0.0', hash('five'), never),
          textOf(repo, hash(['two', 'four'][i % 2]!), 'a.txt'),
          repo.recentTag(hash('four'), '', () => true, never),
        ]);
        expect(new Set(await Promise.all(asked.flat()))).toEqual(new Set([true, '2', '4', 'v1.1.0']));
      });
    });

    archiveCases(() => under, changing);

    test('gives up when it is aborted, whatever it was asked', async () => {
      const gone = AbortSignal.abort();
      await failure(repo.refs(gone), 'canceled');
      await failure(repo.stat('v1.0.0', gone), 'canceled');
      await failure(repo.readFile(hash('one'), 'go.mod', 1000, gone), 'canceled');
      await failure(repo.files(hash('one'), '', gone), 'canceled');
      await failure(repo.archive(hash('one'), '', gone), 'canceled');
      await failure(
        repo.recentTag(hash('four'), '', () => true, gone),
        'canceled',
      );
      await failure(repo.isAncestor('v1.0.0', hash('five'), gone), 'canceled');
    });
  });

  describe(`${name}, empty`, () => {
    test('has no refs and no revisions', async () => {
      await using under = await open([]);
      const { repo } = under;
      expect(await repo.refs(never)).toEqual({ branches: new Map(), tags: new Map() });
      for (const rev of ['HEAD', 'main', 'v1.0.0', 'abcdef0', 'a'.repeat(40)]) {
        await failure(repo.stat(rev, never), 'notFound');
      }
    });
  });
}

const script: readonly Step[] = [
  {
    commit: 'one',
    files: { 'go.mod': 'module example.com/m\n', 'a.txt': '1', LICENSE: 'as you like\n' },
    tags: ['v1.0.0'],
  },
  {
    commit: 'two',
    files: { 'a.txt': '2', 'sub/go.mod': 'module example.com/m/sub\n' },
    tags: ['sub/v0.1.0'],
  },
  { tag: 'annotated', at: 'two', message: 'the second' },
  {
    commit: 'three',
    files: { 'a.txt': '3' },
    time: '2024-05-06T07:08:09Z',
    tags: ['v1.1.0', 'v1.1.0-again', 'both'],
  },
  { branch: 'both', at: 'two' },
  { commit: 'four', files: { 'a.txt': '4' } },
  {
    commit: 'five',
    files: {
      'a.txt': '5',
      empty: '',
      link: { link: 'sub/deep' },
      'run.sh': { executable: '#!/bin/sh\n' },
      vendored: { submodule: '1234567' },
      '-rf': 'dash\n',
      ':/x': 'colon\n',
      'odd/*.txt': 'star\n',
      'odd/a "b\\c.txt': 'odd\n',
      'odd/文.txt': 'script\n',
      'sub/deep/er/file.txt': 'deep\n',
      'sub/deep/z.txt': 'z\n',
      'sub-z.txt': 'after sub as a file, before it as a folder\n',
    },
    tags: ['v2.0.0-rc.1'],
  },
  { commit: 'patch', on: 'release/v1', parents: ['one'], files: { 'a.txt': 'patched' }, tags: ['v1.0.1'] },
  { commit: 'rejected', on: 'proposal', parents: ['four'], files: { 'evil.txt': 'x' } },
  { ref: 'refs/pull/1/head', at: 'rejected' },
  { commit: 'lost', parents: ['rejected'], on: 'proposal' },
  { remove: 'refs/heads/proposal' },
];

/** What no commit is called, whatever a shell or git would make of it. */
const hostileNames = [
  '',
  '-',
  '--upload-pack=touch /tmp/x',
  '--output=/tmp/x',
  '-v1.0.0',
  '..',
  'v1.0.0..v1.1.0',
  'v1.0.0^',
  'v1.0.0~1',
  'v1.0.0^{tree}',
  'v1.0.0:go.mod',
  '@',
  '@{-1}',
  'main@{1}',
  ':/one',
  'refs/tags/v1.0.0',
  'tags/v1.0.0',
  '^v1.0.0',
  'v1.0.0\n',
  'v1.0.0\ncontents HEAD',
  'v1.0.0\0',
  '$(touch /tmp/x)',
  '`id`',
  "';id;'",
  'v1.*',
  '../../etc/passwd',
];
