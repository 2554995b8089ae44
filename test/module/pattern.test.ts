import fc from 'fast-check';
import { expect, test } from 'vitest';
import { matchesPatterns } from '../../src/module/pattern.ts';
import { anyText } from '../oracle/cases.ts';

test.each<[patterns: string, path: string, reason?: string]>([
  ['corp.example.com', 'corp.example.com/team/m', 'a pattern matches all below it'],
  ['*.example.com', 'corp.example.com/m'],
  ['*.example.com', 'a.b.example.com/m', 'a star matches dots'],
  ['github.com/corp', 'github.com/corp/m/v2'],
  ['github.com/corp/', 'github.com/corp/m', 'one slash at the end is ignored'],
  ['github.com/*/secret', 'github.com/any/secret/m'],
  ['x,,github.com/corp', 'github.com/corp/m', 'empty ones are skipped'],
  ['[,github.com', 'github.com/m', 'malformed ones too'],
  ['github.com/c[a-o]rp', 'github.com/corp'],
  ['github.com/[^d]orp', 'github.com/corp'],
  ['github.com/c?rp', 'github.com/corp'],
  ['github.com/c\\orp', 'github.com/corp', 'an escaped letter is the letter'],
  ['github.com/**', 'github.com/corp', 'two stars are one'],
  ['*/*', 'a.b/c/d'],
])('%s matches %s', (patterns, path) => {
  expect(matchesPatterns(patterns, path)).toBe(true);
});

test.each<[patterns: string, path: string, reason?: string]>([
  ['', 'example.com/m'],
  ['example.com', 'example.com.evil.org/m', 'elements match whole'],
  ['example.com', 'corp.example.com/m'],
  ['github.com/corp', 'github.com/corporation/m'],
  ['github.com/corp', 'github.com', 'the path is shorter'],
  ['github.com/*', 'github.com'],
  ['github.com*', 'example.com/github.com'],
  ['github.com//', 'github.com/m', 'only one slash is ignored'],
  [' github.com', 'github.com/m', 'a space belongs to the pattern'],
  ['github.com/[a-', 'github.com/a'],
  ['github.com/a\\', 'github.com/a'],
  ['github.com/[z-a]', 'github.com/m'],
  ['GitHub.com', 'github.com/m', 'case counts'],
  ['a*[^/]', 'a.b/c', 'the slash in the class counts, and still no star crosses one'],
])('%s does not match %s', (patterns, path) => {
  expect(matchesPatterns(patterns, path)).toBe(false);
});

test('a pattern of a path without special characters matches it and what is below', () => {
  const paths = fc
    .array(fc.stringMatching(/^[a-z.~-]{1,5}$/), { minLength: 1, maxLength: 4 })
    .map((list) => list.join('/'));
  fc.assert(
    fc.property(paths, paths, (path, rest) => {
      expect(matchesPatterns(path, path)).toBe(true);
      expect(matchesPatterns(path, `${path}/${rest}`)).toBe(true);
      expect(matchesPatterns(`${path}/${rest}`, path)).toBe(false);
    }),
  );
});

test('nothing is thrown for any text', () => {
  fc.assert(
    fc.property(anyText, anyText, (patterns, path) => typeof matchesPatterns(patterns, path) === 'boolean'),
  );
});

test('a pattern of many stars takes no longer than its length times that of the path', () => {
  expect(matchesPatterns(`${'*a'.repeat(2000)}*b`, 'a'.repeat(20000))).toBe(false);
});
