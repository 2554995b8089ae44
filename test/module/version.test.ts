import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isStoaError, StoaError } from '../../src/errors.ts';
import {
  canonicalVersion,
  checkModuleVersion,
  checkPathMajor,
  escapeVersion,
  formatModuleVersion,
  isModuleVersion,
  unescapeVersion,
} from '../../src/module/version.ts';
import { anyText, modulePaths, versions } from '../oracle/cases.ts';

test.each<[path: string, version: string, reason?: string]>([
  ['example.com/m', 'v0.0.0'],
  ['example.com/m', 'v1.2.3-rc.1'],
  ['example.com/m', 'v2.0.0+incompatible'],
  ['example.com/m', 'v1.0.0+incompatible', 'needless, and allowed by x/mod'],
  ['example.com/m/v2', 'v2.0.0-20191109021931-daa7c04131f5'],
  ['gopkg.in/yaml.v2', 'v2.4.0'],
  ['gopkg.in/check.v1-unstable', 'v1.0.0'],
  ['gopkg.in/check.v1', 'v0.0.0-20161208181325-20d25e280405', 'old go commands wrote such'],
  ['golang.org/toolchain', 'v0.0.1-go1.27.9.linux-amd64'],
  ['example.com/m', 'v1.2.99999999999999999999999999', 'no number is too large'],
])('%s has the version %s', (path, version) => {
  expect(isModuleVersion(path, version)).toBe(true);
  expect(() => checkModuleVersion(path, version)).not.toThrow();
});

test.each<[path: string, version: string, problem: string, reason?: string]>([
  ['example.com/m', 'latest', 'not a semantic version'],
  ['example.com/m', '1.2.3', 'not a semantic version'],
  ['example.com/m', 'v1.02.3', 'not a semantic version'],
  ['example.com/m', 'v1.2', 'not canonical, should be v1.2.0'],
  ['example.com/m', 'v1.2.3+meta', 'not canonical, should be v1.2.3'],
  ['example.com/m', 'v2.0.0', 'should be v0 or v1, not v2', 'without a go.mod it is +incompatible'],
  ['example.com/m/v2', 'v1.0.0', 'should be v2, not v1'],
  ['example.com/m/v2', 'v3.0.0+incompatible', 'should be v2, not v3'],
  ['gopkg.in/yaml.v2', 'v3.0.0', 'should be v2, not v3'],
  [
    'gopkg.in/check.v2',
    'v0.0.0-20161208181325-20d25e280405',
    'should be v2, not v0',
    'the old fault was v1 alone',
  ],
])('%s has no version %s: %s', (path, version, problem) => {
  expect(isModuleVersion(path, version)).toBe(false);
  expect(() => checkModuleVersion(path, version)).toThrow(
    new StoaError('malformed', `${path}: invalid version "${version}": ${problem}`),
  );
});

test('the path is checked first', () => {
  expect(isModuleVersion('m', 'v1.0.0')).toBe(false);
  expect(() => checkModuleVersion('m', 'x')).toThrow(/^malformed module path "m"/);
});

test.each<[version: string, canonical: string]>([
  ['v1', 'v1.0.0'],
  ['v1.2', 'v1.2.0'],
  ['v1.2.3-pre+meta', 'v1.2.3-pre'],
  ['v2.0.0+incompatible', 'v2.0.0+incompatible'],
  ['v2.0.0+incompatible.1', 'v2.0.0'],
  ['v2+incompatible', ''],
  ['main', ''],
])('the canonical form of %s is "%s"', (version, canonical) => {
  expect(canonicalVersion(version)).toBe(canonical);
});

test('a major version of a path is met by its number alone', () => {
  expect(() => checkPathMajor('v2.1.0', '/v2')).not.toThrow();
  expect(() => checkPathMajor('v2.1.0', '')).toThrow('invalid version "v2.1.0": should be v0 or v1, not v2');
});

test.each<[version: string, escaped: string, reason?: string]>([
  ['v1.0.0-RC1', 'v1.0.0-!r!c1'],
  ['HEAD', '!h!e!a!d'],
  ['v2.0.0+incompatible', 'v2.0.0+incompatible'],
  ['a b', 'a b', 'a branch may have a space'],
])('%s is written %s', (version, escaped) => {
  expect(escapeVersion(version)).toBe(escaped);
  expect(unescapeVersion(escaped)).toBe(version);
});

test.each<[version: string, reason?: string]>([
  ['feature/x', 'no file name; the go command refuses to ask for it too'],
  ['', ''],
  ['..'],
  ['a!b', 'the mark itself'],
  ['é', 'URLs of the protocol are ASCII'],
  ['nul'],
  ['a:b'],
])('"%s" cannot be asked for', (version) => {
  expect(() => escapeVersion(version)).toThrow(/^malformed version "/);
});

test.each([['v1.0.0-RC1'], ['!'], ['a!!b'], ['a/b'], ['']])('"%s" is no escaped version', (escaped) => {
  expect(() => unescapeVersion(escaped)).toThrow(/^malformed version "/);
});

test('a module at a version is shown with an @ between', () => {
  expect(formatModuleVersion({ path: 'example.com/m', version: 'v1.0.0' })).toBe('example.com/m@v1.0.0');
});

test('escaping and back gives the version', () => {
  fc.assert(
    fc.property(versions, (version) => {
      let escaped: string;
      try {
        escaped = escapeVersion(version);
      } catch {
        return;
      }
      expect(escaped).toBe(escaped.toLowerCase());
      expect(unescapeVersion(escaped)).toBe(version);
    }),
  );
});

test('nothing but a StoaError of kind malformed is thrown', () => {
  fc.assert(
    fc.property(fc.oneof(modulePaths, anyText), fc.oneof(versions, anyText), (path, version) => {
      for (const check of [
        () => checkModuleVersion(path, version),
        () => checkPathMajor(version, path),
        () => escapeVersion(version),
        () => unescapeVersion(version),
      ])
        try {
          check();
        } catch (error) {
          if (!isStoaError(error, 'malformed')) throw error;
        }
    }),
  );
});
