import { describe, expect, test } from 'vitest';
import { git, openGitRepos } from './git-repos.ts';

describe.skipIf(git === undefined)('a repository made of a script', () => {
  test('has the same hashes on every run', async () => {
    await using repos = await openGitRepos();
    const script = [
      { commit: 'one', files: { 'go.mod': 'module example.com/a\n', 'a/b.txt': 'b\n' }, tags: ['v1.0.0'] },
      { tag: 'v1.0.0-annotated', at: 'one', message: 'the first' },
    ];
    const first = await repos.create('acme/first.git', script);
    const second = await repos.create('acme/second.git', script);
    expect(second.hash('one')).toBe(first.hash('one'));
    expect(await second.git(['for-each-ref'])).toBe(await first.git(['for-each-ref']));
  });

  test('has what the steps say, one behind another', async () => {
    await using repos = await openGitRepos();
    const repo = await repos.create('r', [
      { commit: 'one', files: { 'a.txt': 'a', l: { link: 'a.txt' }, x: { executable: 'x' } } },
      { commit: 'side', on: 'side', parents: ['one'], files: { 'a.txt': null } },
      { commit: 'two', files: { 'b.txt': new Uint8Array([0, 255, 10]) } },
      { commit: 'merged', parents: ['two', 'side'] },
      { commit: 'alone', on: 'alone', parents: [], time: '2025-06-07T08:09:10Z' },
      { head: 'side' },
    ]);
    expect(await repo.git(['log', '--format=%s %ct', 'main'])).toBe(
      'merged 1704067380\ntwo 1704067320\nside 1704067260\none 1704067200',
    );
    expect(await repo.git(['log', '--format=%s %ct', 'alone'])).toBe(
      `alone ${Date.UTC(2025, 5, 7, 8, 9, 10) / 1000}`,
    );
    expect(await repo.git(['ls-tree', '--name-only', 'HEAD'])).toBe('l\nx');
    await repo.run([
      { tag: 'moved', at: 'one' },
      { tag: 'moved', at: 'two' },
      { remove: 'refs/heads/alone' },
    ]);
    await repo.run([{ commit: 'three' }]);
    expect(await repo.git(['rev-parse', 'moved', 'main^'])).toBe(
      `${repo.hash('two')}\n${repo.hash('merged')}`,
    );
    expect(await repo.git(['for-each-ref', 'refs/heads', '--format=%(refname)'])).toBe(
      'refs/heads/main\nrefs/heads/side',
    );
  });
});
