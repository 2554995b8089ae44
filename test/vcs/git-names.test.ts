import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isHash, isHashPrefix, isRefName } from '../../src/vcs/git-names.ts';
import { git, openGitRepos } from '../fakes/git-repos.ts';

test('a hash has all of its digits', () => {
  expect([40, 64].map((length) => isHash('a'.repeat(length)))).toEqual([true, true]);
  expect([0, 39, 41, 63, 65].map((length) => isHash('a'.repeat(length)))).toEqual([
    false,
    false,
    false,
    false,
    false,
  ]);
  for (const text of [`${'a'.repeat(39)}g`, 'A'.repeat(40), `${'a'.repeat(40)}\n`, ` ${'a'.repeat(39)}`]) {
    expect(isHash(text)).toBe(false);
  }
});

test('the beginning of a hash has at least seven digits', () => {
  expect(['abcdef0', 'a'.repeat(64)].every(isHashPrefix)).toBe(true);
  expect(['', 'abcdef', 'ABCDEF0', 'abcdefg', 'abcdef0\n', 'a'.repeat(65)].some(isHashPrefix)).toBe(false);
});

test.each([
  'refs/heads/main',
  'refs/tags/v1.0.0',
  'refs/heads/a/b',
  'HEAD',
  'refs/tags/-x',
  'refs/heads/文',
  'refs/tags/a.lockx',
])('%j names a ref', (name) => {
  expect(isRefName(name)).toBe(true);
});

test.each([
  '',
  'main',
  'refs/heads/',
  'refs/pull/1/head',
  'refs/tags/v1^{}',
  'FETCH_HEAD',
  'refs/heads',
  'refs/headsx/a',
  '--x',
])('%j does not name a branch or tag', (name) => {
  expect(isRefName(name)).toBe(false);
});

describe.skipIf(git === undefined)('the names of refs', () => {
  test('are no others than those of git', async () => {
    await using repos = await openGitRepos();
    const { git: run } = await repos.create('r');
    const character = fc.constantFrom(...'ab/.~^:?*[\\@{}-_ \x01\x7fé'.split(''), '.lock', '..', '@{', '//');
    const name = fc
      .array(character, { minLength: 1, maxLength: 6 })
      .map((parts) => `refs/tags/${parts.join('')}`);
    await fc.assert(
      fc.asyncProperty(name, async (name) => {
        const allowed = await run(['check-ref-format', name]).then(
          () => true,
          () => false,
        );
        // What git would not take is never taken here; a few odd ones that it takes may be passed over.
        expect(isRefName(name)).toBe(allowed);
      }),
      { numRuns: 150 },
    );
  });
});
