import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isStoaError, StoaError } from '../../src/errors.ts';
import {
  checkFilePath,
  checkImportPath,
  checkPath,
  escapePath,
  isPath,
  splitPathVersion,
  unescapePath,
} from '../../src/module/path.ts';
import { anyText, filePaths, modulePaths } from '../oracle/cases.ts';

type Row = [path: string, reason?: string];

describe('module paths', () => {
  test.each<Row>([
    ['example.com/m'],
    ['github.com/Azure/azure-sdk-for-go', 'upper case behind the host'],
    ['golang.org/toolchain'],
    ['example.com', 'a host alone'],
    ['1.2', 'the host needs a dot, no letter'],
    ['x.y-z/a_b~c.d', 'all punctuation that is allowed'],
    ['example.com/m/v2'],
    ['example.com/m/v10'],
    ['example.com/v2/m', 'a version in the middle is a folder like others'],
    ['example.com/v', 'no number, no version'],
    ['example.com/mv1', 'no element of its own'],
    ['example.com/com0/lpt0', 'Windows has no COM0'],
    ['example.com/console', 'longer than CON'],
    ['example.com/a~1b', 'digits must end it to be a short name'],
    ['example.com/a.b~1', 'a short name has the tilde before the first dot'],
    ['gopkg.in/yaml.v2'],
    ['gopkg.in/yaml.v0', 'gopkg.in has v0'],
    ['gopkg.in/check.v1', 'and v1'],
    ['gopkg.in/check.v1-unstable'],
    ['gopkg.in/x.v-unstable', 'no number: a gap in the rule of x/mod'],
    ['gopkg.inx/m', 'not that host'],
  ])('%s is one', (path) => {
    expect(() => checkPath(path)).not.toThrow();
    expect(isPath(path)).toBe(true);
  });

  test.each<[path: string, problem: string, reason?: string]>([
    ['', 'empty'],
    ['m', 'missing dot in first path element', 'std and local names'],
    ['localhost/m', 'missing dot in first path element'],
    ['Example.com/m', "invalid char 'E' in first path element", 'hosts have one spelling'],
    ['a_b.com/m', "invalid char '_' in first path element"],
    ['-a.com/m', 'leading dash', 'would be taken for a flag'],
    ['/example.com/m', 'empty path element'],
    ['example.com//m', 'empty path element'],
    ['example.com/m/', 'empty path element'],
    ['example.com/.', 'path element of dots only'],
    ['example.com/..', 'path element of dots only'],
    ['example.com/.git', 'leading dot in path element'],
    ['example.com/m.', 'trailing dot in path element', 'Windows drops it'],
    ['example.com/a b', "invalid char ' '"],
    ['example.com/a+b', "invalid char '+'"],
    ['example.com/a%2fb', "invalid char '%'"],
    ['example.com/é', 'invalid char U+00E9', 'letters beyond ASCII are for files only'],
    ['example.com/a\nb', "invalid char '\\x0a'", 'the message stays on one line'],
    ['example.com/\ud800', 'invalid char U+D800', 'half a surrogate pair'],
    ['example.com/nul', 'path element is a reserved name on Windows'],
    ['example.com/CoM9.txt', 'path element is a reserved name on Windows', 'any case, any extension'],
    ['example.com/progra~1', 'trailing tilde and digits in path element'],
    ['example.com/m/v1', 'invalid major version at the end', 'v1 has no suffix'],
    ['example.com/m/v0', 'invalid major version at the end'],
    ['example.com/m/v02', 'invalid major version at the end'],
    ['example.com/m/v2.1', 'invalid major version at the end'],
    ['gopkg.in/yaml', 'invalid major version at the end', 'gopkg.in always has one'],
    ['gopkg.in/yaml.v02', 'invalid major version at the end'],
    ['gopkg.in/yaml.v0-unstable', 'invalid major version at the end'],
    ['gopkg.in/yaml/v2', 'invalid major version at the end'],
  ])('%j is none: %s', (path, problem) => {
    expect(() => checkPath(path)).toThrow(
      new StoaError('malformed', `malformed module path ${shown(path)}: ${problem}`),
    );
    expect(isPath(path)).toBe(false);
  });

  const shown = (path: string) =>
    JSON.stringify(path).replace('\\n', '\\u{a}').replace('\\ud800', '\\u{d800}');
});

test.each<Row>([
  ['fmt', 'the standard library'],
  ['a.b/c++', 'a plus, for compilers'],
  ['.hidden/x', 'a leading dot'],
])('%s is an import path', (path) => {
  expect(() => checkImportPath(path)).not.toThrow();
});

test.each<Row>([['a b'], ['-x', 'would be taken for a flag'], ['a/con'], ['a~1'], ['é']])(
  '%s is no import path',
  (path) => {
    expect(() => checkImportPath(path)).toThrow(/^malformed import path "/);
  },
);

test.each<Row>([
  ['.gitignore'],
  ['-x', 'a leading dash is for import paths only'],
  ['a~1', 'short names too'],
  ['!#$%&()+,-.=@[]^_{}~ ', 'all punctuation that is allowed, and the space'],
  ['日本語/ñ.go'],
  ['𝔸', 'a letter above U+FFFF'],
])('%j may be the path of a file in a zip', (path) => {
  expect(() => checkFilePath(path)).not.toThrow();
});

test.each<Row>([
  ['a:b', 'a stream on Windows, a folder on old Macs'],
  ['a\\b', 'a folder on Windows'],
  ['a*b'],
  ["a'b"],
  ['a/../b'],
  ['/a'],
  ['a/'],
  ['aux.c'],
  ['e\u0301', 'a mark is no letter: the same name could be composed'],
  ['a😀'],
  ['٣', 'a digit beyond ASCII'],
])('%j may not be the path of a file in a zip', (path) => {
  expect(() => checkFilePath(path)).toThrow(/^malformed file path "/);
});

test.each<[path: string, prefix: string | undefined, major: string, reason?: string]>([
  ['example.com/m', 'example.com/m', ''],
  ['example.com/m/v2', 'example.com/m', '/v2'],
  ['/v2', '', '/v2', 'the rest of the path is not checked'],
  ['v2', 'v2', ''],
  ['example.com/m/v1', undefined, ''],
  ['example.com/1.2', 'example.com/1.2', '', 'no v'],
  ['gopkg.in/yaml.v2', 'gopkg.in/yaml', '.v2'],
  ['gopkg.in/check.v1-unstable', 'gopkg.in/check', '.v1-unstable'],
  ['gopkg.in/yaml', undefined, ''],
])('splitPathVersion of %s', (path, prefix, major) => {
  expect(splitPathVersion(path)).toEqual(prefix === undefined ? undefined : { prefix, major });
});

test.each([
  ['github.com/Azure/SDK', 'github.com/!azure/!s!d!k'],
  ['example.com/m', 'example.com/m'],
])('%s is written %s', (path, escaped) => {
  expect(escapePath(path)).toBe(escaped);
  expect(unescapePath(escaped)).toBe(path);
});

test.each<Row>([
  ['github.com/Azure/x', 'upper case as it is'],
  ['github.com/!Azure/x', 'a mark before upper case'],
  ['github.com/!!azure/x'],
  ['github.com/azure!', 'a mark at the end'],
  ['github.com/!1/x'],
  ['github.com/é'],
  ['!github.com/x', 'a host in upper case'],
])('%s is no escaped path', (escaped) => {
  expect(() => unescapePath(escaped)).toThrow(/^malformed module path "/);
});

test('escaping and back gives the path, and never two paths one text', () => {
  fc.assert(
    fc.property(modulePaths.filter(isPath), (path) => {
      const escaped = escapePath(path);
      expect(escaped).toBe(escaped.toLowerCase());
      expect(unescapePath(escaped)).toBe(path);
    }),
  );
});

test('nothing but a StoaError of kind malformed is thrown, in one line of printable characters', () => {
  const functions = [checkPath, checkImportPath, checkFilePath, escapePath, unescapePath];
  fc.assert(
    fc.property(fc.constantFrom(...functions), fc.oneof(anyText, filePaths), (check, path) => {
      try {
        check(path);
      } catch (error) {
        if (!isStoaError(error, 'malformed')) throw error;
        expect(error.message).toMatch(/^[\p{L}\p{M}\p{N}\p{P}\p{S} ]+$/u);
      }
    }),
  );
});
