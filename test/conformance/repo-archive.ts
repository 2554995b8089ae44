import { once } from 'node:events';
import { describe, expect, test } from 'vitest';
import type { StoaError } from '../../src/errors.ts';
import { failure, filesOf, never, type RepoUnderTest, readTar } from './repo-kit.ts';

/** What lists and archives have to be, for a repository of the suite's script; `changing` makes a case with one of its own. */
export function archiveCases(
  under: () => RepoUnderTest,
  changing: (title: string, work: (own: RepoUnderTest) => Promise<void>) => void,
): void {
  describe('an archive', () => {
    test('has the files that are listed, in their order', async () => {
      const { repo, hash } = under();
      for (const [label, folder] of [
        ['one', ''],
        ['five', ''],
        ['five', 'sub'],
        ['five', 'sub/deep'],
      ] as const) {
        const listed = await repo.files(hash(label), folder, never);
        const entries = await readTar(await repo.archive(hash(label), folder, never));
        const names = listed.filter(({ kind }) => kind !== 'other').map(({ name }) => name);
        expect(entries.map(({ name }) => name)).toEqual(names);
        for (const { name, mode, content } of entries) {
          const kind = listed.find((file) => file.name === name)?.kind;
          expect(kind).toBe(mode === '120000' ? 'link' : 'file');
          expect(Buffer.from((await repo.readFile(hash(label), name, 1000, never))!)).toEqual(content);
        }
      }
    });

    test('is listed with links and the places of other repositories', async () => {
      const { repo, hash } = under();
      const listed = await repo.files(hash('five'), '', never);
      expect(listed.map(({ name, kind }) => `${kind} ${name}`)).toEqual([
        'file -rf',
        'file :/x',
        'file LICENSE',
        'file a.txt',
        'file empty',
        'file go.mod',
        'link link',
        'file odd/*.txt',
        'file odd/a "b\\c.txt',
        'file odd/文.txt',
        'file run.sh',
        'file sub-z.txt',
        'file sub/deep/er/file.txt',
        'file sub/deep/z.txt',
        'file sub/go.mod',
        'other vendored',
      ]);
    });

    test('of a folder that is none does not exist', async () => {
      const { repo, hash } = under();
      for (const folder of ['absent', 'vendored', 'sub/', '*', ':(glob)**', '../x', '-x', 'go.mod/x']) {
        expect(await repo.files(hash('five'), folder, never)).toEqual([]);
        await failure(repo.archive(hash('five'), folder, never), 'notFound');
      }
    });

    test('can be of one file', async () => {
      const { repo, hash } = under();
      const whole = await readTar(await repo.archive(hash('five'), '', never));
      for (const path of ['go.mod', 'link', 'sub/go.mod', 'odd/*.txt', '-rf']) {
        expect(await repo.files(hash('five'), path, never)).toEqual([]);
        const entries = await readTar(await repo.archive(hash('five'), path, never));
        expect(entries).toEqual(whole.filter(({ name }) => name === path));
      }
    });

    changing('can be of a folder whose name is a pattern or an option', async ({ repo, hash, run }) => {
      await run([{ commit: 'six', files: { '*/a': '1', '--output=x/b': '2', ':!y/c': '3' }, tags: ['odd'] }]);
      expect(await filesOf(repo, hash('six'), '*')).toEqual({ '*/a': '1' });
      expect(await filesOf(repo, hash('six'), '--output=x')).toEqual({ '--output=x/b': '2' });
      expect(await filesOf(repo, hash('six'), ':!y')).toEqual({ ':!y/c': '3' });
    });

    changing(
      'has the conversions that attributes ask for, as the go command has them',
      async ({ repo, hash, run }) => {
        await run([{ commit: 'six', files: attributed, tags: ['attributed'] }]);
        const files = await filesOf(repo, hash('six'));
        expect(files['crlf.txt']).toBe('a\r\nb\r\n');
        expect(files['auto.txt']).toBe('a\nb\n');
        expect(files['id.txt']).toMatch(/^\$Id: [0-9a-f]+ \$\n$/);
        expect(files['utf16.txt']).toBe(Buffer.from('hi\n', 'utf16le').toString());
        expect(files['subst.txt']).toBe('$Format:%H$\n');
        expect(files['ignored.txt']).toBe('here\n');
        expect(files['big.bin']).toBe('version https://git-lfs.github.com/spec/v1\n');
      },
    );

    changing(
      'of a folder or a file has the conversions that the folders above ask for',
      async ({ repo, hash, run }) => {
        await run([{ commit: 'six', files: attributed, tags: ['attributed'] }]);
        expect(await filesOf(repo, hash('six'), 'a/b/x.txt')).toEqual({ 'a/b/x.txt': 'x\r\n' });
        expect(await filesOf(repo, hash('six'), 'a/b')).toEqual({ 'a/b/x.txt': 'x\r\n', 'a/b/y.txt': 'y\n' });
        expect(await filesOf(repo, hash('six'), 'a/b/y.txt')).toEqual({ 'a/b/y.txt': 'y\n' });
      },
    );

    changing('holds a file of many pieces', async ({ repo, hash, run }) => {
      const large = Buffer.alloc(5_000_000, 'large\n');
      await run([{ commit: 'six', files: { 'large/file': large } }]);
      const [entry, ...others] = await readTar(await repo.archive(hash('six'), 'large', never));
      expect(others).toEqual([]);
      expect(entry!.content.equals(large)).toBe(true);
    });

    test('is made many times at once', async () => {
      const { repo, hash } = under();
      const labels = ['one', 'two', 'three', 'four', 'five', 'patch'];
      const all = await Promise.all(
        labels.flatMap((label) => [label, label]).map((label) => filesOf(repo, hash(label))),
      );
      expect(all.map((files) => files['a.txt'])).toEqual(
        ['1', '2', '3', '4', '5', 'patched'].flatMap((text) => [text, text]),
      );
    });

    changing('can be left before its end, or before its beginning', async ({ repo, hash, run }) => {
      await run([{ commit: 'six', files: { 'large/file': Buffer.alloc(5_000_000, 'large\n') } }]);
      for (let left = 0; left < 3; left++) {
        const archive = await repo.archive(hash('six'), 'large', never);
        if (left > 0) await once(archive, 'readable');
        archive.destroy();
        await once(archive, 'close');
      }
      expect(Object.keys(await filesOf(repo, hash('six'), 'large'))).toEqual(['large/file']);
    });

    changing('ends with an error when it is aborted', async ({ repo, hash, run }) => {
      await run([{ commit: 'six', files: { 'large/file': Buffer.alloc(5_000_000, 'large\n') } }]);
      const stop = new AbortController();
      const archive = await repo.archive(hash('six'), 'large', stop.signal);
      const failed = once(archive, 'error') as Promise<StoaError[]>;
      stop.abort();
      expect((await failed)[0]).toMatchObject({ kind: 'canceled' });
    });
  });
}

const attributed = {
  '.gitattributes': [
    'crlf.txt text eol=crlf',
    'auto.txt text=auto',
    'id.txt ident',
    'utf16.txt text working-tree-encoding=UTF-16LE',
    'subst.txt export-subst',
    'ignored.txt export-ignore',
    '*.bin filter=lfs diff=lfs merge=lfs -text',
    'a/**/x.txt text eol=crlf',
    'a/**/y.txt text eol=crlf',
    '',
  ].join('\n'),
  'a/.gitattributes': 'y.txt -text\n',
  'crlf.txt': 'a\nb\n',
  'auto.txt': 'a\nb\n',
  'id.txt': '$Id$\n',
  'utf16.txt': 'hi\n',
  'subst.txt': '$Format:%H$\n',
  'ignored.txt': 'here\n',
  'big.bin': 'version https://git-lfs.github.com/spec/v1\n',
  'a/b/x.txt': 'x\n',
  'a/b/y.txt': 'y\n',
};
