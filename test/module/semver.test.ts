import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  build,
  canonicalSemver,
  compareSemver,
  isSemver,
  major,
  majorMinor,
  prerelease,
  sortVersions,
} from '../../src/module/semver.ts';
import { ordinaryVersions, versions } from '../oracle/cases.ts';

test.each([
  ['v1', 'v1', 'v1.0', '', '', 'v1.0.0'],
  ['v1.2', 'v1', 'v1.2', '', '', 'v1.2.0'],
  ['v1.2.3', 'v1', 'v1.2', '', '', 'v1.2.3'],
  ['v10.20.30-rc.1+meta.2', 'v10', 'v10.20', '-rc.1', '+meta.2', 'v10.20.30-rc.1'],
  ['v1.2.3--', 'v1', 'v1.2', '--', '', 'v1.2.3--'],
  ['v1.2.3-0a', 'v1', 'v1.2', '-0a', '', 'v1.2.3-0a'],
  ['v1.2.3+01', 'v1', 'v1.2', '', '+01', 'v1.2.3'],
  ['v0.0.1-go1.27.9.linux-amd64', 'v0', 'v0.0', '-go1.27.9.linux-amd64', '', 'v0.0.1-go1.27.9.linux-amd64'],
])('the parts of %s', (version, ...parts) => {
  expect(isSemver(version)).toBe(true);
  const found = [major, majorMinor, prerelease, build, canonicalSemver].map((part) => part(version));
  expect(found).toEqual(parts);
});

test.each<[version: string, reason?: string]>([
  [''],
  ['v'],
  ['1.2.3', 'the v is needed'],
  ['V1.2.3'],
  ['v01.2.3', 'a leading zero'],
  ['v1.2.3-01', 'a leading zero in a number of the prerelease'],
  ['v1.2-pre', 'a prerelease needs all three numbers'],
  ['v1+meta'],
  ['v1.2.3.4'],
  ['v1.2.'],
  ['v1.2.3-'],
  ['v1.2.3-a..b'],
  ['v1.2.3+'],
  ['v1.2.3+a+b'],
  ['v1.2.3 '],
  ['v1.2.3-é'],
  ['v١.2.3', 'a digit beyond ASCII'],
])('"%s" is no semantic version', (version) => {
  expect(isSemver(version)).toBe(false);
  for (const part of [major, majorMinor, prerelease, build, canonicalSemver]) expect(part(version)).toBe('');
});

const ascending = [
  'bad',
  'v0.0.0-20191109021931-daa7c04131f5',
  'v0.0.0-alpha',
  'v0.0.0',
  'v0.0.1',
  'v1.0.0-0.20191109021931-daa7c04131f5',
  'v1.0.0-1',
  'v1.0.0-2',
  'v1.0.0-10',
  'v1.0.0-99999999999999999999998',
  'v1.0.0-99999999999999999999999',
  'v1.0.0-A',
  'v1.0.0-alpha',
  'v1.0.0-alpha.1',
  'v1.0.0-alpha.beta',
  'v1.0.0-rc',
  'v1.0.0',
  'v1.2.0',
  'v1.10.0',
  'v1.9007199254740992.0',
  'v1.9007199254740993.0',
  'v2.0.0+incompatible',
  'v2.0.1',
  'v10.0.0',
];

test('versions compare as numbers and identifiers, not as text', () => {
  for (const [i, a] of ascending.entries())
    for (const [j, b] of ascending.entries()) expect(Math.sign(compareSemver(a, b))).toBe(Math.sign(i - j));
});

test.each([
  ['v1', 'v1.0.0'],
  ['v1.0.0+a', 'v1.0.0+b'],
  ['bad', 'worse'],
])('%s and %s have one precedence', (a, b) => {
  expect(compareSemver(a, b)).toBe(0);
});

test('sorting gives a new list, equal ones by their bytes', () => {
  const list = ['v1.0.0', 'v1', 'v1.0.0+b', '\u{10000}', 'v1.0.0+a', '\uffff', 'v0.9.0'];
  const sorted = ['\uffff', '\u{10000}', 'v0.9.0', 'v1', 'v1.0.0', 'v1.0.0+a', 'v1.0.0+b'];
  expect(sortVersions(list)).toEqual(sorted);
  expect(list[0]).toBe('v1.0.0');
});

test('the order is one: turned round, carried on, and blind to the spelling', () => {
  fc.assert(
    fc.property(ordinaryVersions, versions, versions, (a, b, c) => {
      expect(Math.sign(compareSemver(a, b)) + Math.sign(compareSemver(b, a))).toBe(0);
      if (compareSemver(a, b) <= 0 && compareSemver(b, c) <= 0)
        expect(compareSemver(a, c)).toBeLessThanOrEqual(0);
      expect(compareSemver(a, b)).toBe(compareSemver(canonicalSemver(a) || a, b));
    }),
  );
});
