import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isStoaError } from '../../src/errors.ts';
import { modulePath, parseModFile } from '../../src/module/modfile.ts';
import { anyText } from '../oracle/cases.ts';
import { modFiles } from '../oracle/modfiles.ts';

test('a go.mod file is read with all that a proxy needs of it', () => {
  const file = parseModFile(`// Deprecated: use example.com/m/v2
// instead.
module example.com/m // the old one

go 1.26.1
toolchain go1.26.3

require (
	example.com/a v1.2.3
	"example.com/b/v2" v2.0.0-rc.1 // indirect
	example.com/c v2.0.0+incompatible // indirect; until d is gone
)
require gopkg.in/yaml.v2 v2.4

exclude example.com/a v1.2.4

replace (
	example.com/a => ./a
	example.com/b/v2 v2.0.0 => example.com/fork v1.0.0
)

// Both lose data.
retract (
	v1.0.0
	[v1.1.0, v1.2.0] // This one also burns.
)

tool example.com/m/cmd
godebug default=go1.21
ignore ./testdata
`);
  expect(file).toEqual({
    module: 'example.com/m',
    deprecated: 'use example.com/m/v2\ninstead.\nthe old one',
    go: '1.26.1',
    toolchain: 'go1.26.3',
    require: [
      { path: 'example.com/a', version: 'v1.2.3', indirect: false },
      { path: 'example.com/b/v2', version: 'v2.0.0-rc.1', indirect: true },
      { path: 'example.com/c', version: 'v2.0.0+incompatible', indirect: true },
      { path: 'gopkg.in/yaml.v2', version: 'v2.4.0', indirect: false },
    ],
    exclude: [{ path: 'example.com/a', version: 'v1.2.4' }],
    replace: [
      { old: { path: 'example.com/a', version: '' }, new: { path: './a', version: '' } },
      {
        old: { path: 'example.com/b/v2', version: 'v2.0.0' },
        new: { path: 'example.com/fork', version: 'v1.0.0' },
      },
    ],
    retract: [
      { low: 'v1.0.0', high: 'v1.0.0', rationale: 'Both lose data.' },
      { low: 'v1.1.0', high: 'v1.2.0', rationale: 'This one also burns.' },
    ],
  });
});

test('an empty file says nothing', () => {
  expect(parseModFile('')).toEqual({ require: [], replace: [], exclude: [], retract: [] });
});

describe('what is not known is passed over', () => {
  test.each<[text: string, reason?: string]>([
    ['future directive [with, punctuation]'],
    ['future (\n\tblock {\n)'],
    ['retract [v1.0.0, v1.1.0)', 'half-open intervals may come'],
    ['replace example.com/a ./b', 'replace is for the main module only'],
    ['replace example.com/a => ../b v1.0.0'],
    ['replace example.com/a => example.com/b'],
    ['exclude example.com/a'],
    ['toolchain go2'],
    ['go (\n1.26\n)', 'go has no blocks'],
    ['toolchain (\ngo1.26.1\n)'],
  ])('%j', (text) => {
    expect(parseModFile(text)).toEqual({ require: [], replace: [], exclude: [], retract: [] });
  });
});

describe('what the go command refuses in a dependency is refused', () => {
  test.each<[text: string, line: number, reason?: string]>([
    ['module a\nmodule b', 2],
    ['module', 1],
    ['module "a', 1],
    ['module `a`', 1, 'backquotes are for later'],
    ["module 'a'", 1],
    ['go 1.26\ngo 1.27', 2],
    ['go v2', 1],
    ['\nrequire example.com/a', 2],
    ['require example.com/a latest', 1],
    ['require example.com/a v2.0.0', 1, 'the major version is not the path’s'],
    ['require example.com/a/v1 v1.0.0', 1],
    ['require (\nexample.com/a v1.0.0', 1, 'no end'],
    ['require (\n) x', 2],
    ['ignore', 1],
    ['/* comment */', 1],
    ['a\vb', 1, 'white space of another kind'],
    ['\ufeffmodule a', 1, 'a byte order mark'],
    ['module \0', 1],
  ])('%j', (text, line) => {
    expect(() => parseModFile(text)).toThrow(new RegExp(`^malformed go.mod: line ${line}: `));
  });
});

describe('the go version is read as loosely as dependencies need', () => {
  test.each([
    ['1.26', '1.26'],
    ['1.21rc1', '1.21rc1'],
    ['1.9.2-custom', '1.9'],
    ['v1.10.x', '1.10'],
    ['1.26.x', '1.26'],
  ])('%s is %s', (text, version) => {
    expect(parseModFile(`go ${text}`).go).toBe(version);
  });
});

describe('a deprecation is a paragraph of the comments at the module directive', () => {
  test.each<[text: string, deprecated: string | undefined, reason?: string]>([
    ['// Deprecated: old\nmodule a', 'old'],
    ['module a // Deprecated: old', 'old'],
    ['// Once more.\n//\n// Deprecated: old\n//\n// Bye.\nmodule a', 'old'],
    ['// Deprecated: old\nmodule (\n\ta\n)', 'old', 'the comment of the block'],
    ['// Not this.\n// Deprecated: old\nmodule a', undefined, 'not the beginning of a paragraph'],
    ['// Deprecated: old\n\nmodule a', undefined, 'a blank line parts them'],
    ['// deprecated: old\nmodule a', undefined],
    ['// Deprecated:\nmodule a', undefined, 'without a word it is none'],
  ])('%j', (text, deprecated) => {
    expect(parseModFile(text).deprecated).toBe(deprecated);
  });
});

test('the comment of a block is the rationale of lines that have none, but not behind a blank line', () => {
  const { retract } = parseModFile('// all\nretract (\n\tv1.0.0\n\n\tv1.1.0\n\t// own\n\tv1.2.0\n)');
  expect(retract.map(({ rationale }) => rationale)).toEqual(['all', '', 'own']);
});

test('quoted strings may hold any character', () => {
  const { replace } = parseModFile(
    'replace example.com/a => "./\\u00e9\\x41\\101\\t\\U0001F600\\"\\a \\xff//"',
  );
  expect(replace[0]?.new.path).toBe('./éAA\t😀"\x07 \ufffd//');
  for (const bad of ['"\\q"', '"\\x4"', '"\\400"', '"\\ud800"', '"\\U00110000"', '"\\\'"'])
    expect(parseModFile(`replace example.com/a => ${bad.replace('"', '"./')}`).replace).toEqual([]);
});

describe('the module path is found in a broken file too', () => {
  test.each<[text: string, path: string | undefined, reason?: string]>([
    ['garbage {{{\nmodule example.com/m // here', 'example.com/m'],
    ['module "example.com/m"', 'example.com/m'],
    ['module `example.com/m`\r', 'example.com/m'],
    ['module\texample.com/m', 'example.com/m'],
    ['module example.com/m x', 'example.com/m x', 'the rest of the line, whatever it is'],
    ['modules example.com/m', undefined],
    ['module', undefined],
    ['module "example.com/m', undefined],
    ['module "x" y', undefined],
    ['// module example.com/m', undefined],
    ['module ""', undefined],
    ['module (\n\texample.com/m\n)', '('],
  ])('%j', (text, path) => {
    expect(modulePath(text)).toBe(path);
  });
});

test('nothing but a StoaError of kind integrity is thrown', () => {
  fc.assert(
    fc.property(fc.oneof(modFiles, anyText), (text) => {
      modulePath(text);
      try {
        parseModFile(text);
      } catch (error) {
        if (!isStoaError(error, 'integrity')) throw error;
        expect(error.message).toMatch(/^malformed go\.mod: line \d+: /);
      }
    }),
    { numRuns: 1000 },
  );
});

test('a file of the largest size is read in time that grows with its length', () => {
  const lines = 'example.com/a v1.2.3 // indirect\n';
  const big = `require (\n${lines.repeat((4 << 20) / lines.length)})`;
  expect(parseModFile(big).require.length).toBeGreaterThan(100_000);
  expect(parseModFile(`// ${' '.repeat(4 << 20)}x\nmodule a`).module).toBe('a');
});
