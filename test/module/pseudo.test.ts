import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isStoaError } from '../../src/errors.ts';
import { formatPseudoVersion, isPseudoVersion, pseudoVersionParts } from '../../src/module/pseudo.ts';
import { compareSemver } from '../../src/module/semver.ts';
import { anyText, pseudoVersions, versions } from '../oracle/cases.ts';

const time = new Date('2019-11-09T02:19:31Z');
const revision = 'daa7c04131f5';

test.each<[major: string, base: string, version: string, reason?: string]>([
  ['', '', 'v0.0.0-20191109021931-daa7c04131f5'],
  ['v2', '', 'v2.0.0-20191109021931-daa7c04131f5'],
  ['v1', 'v1.2.3', 'v1.2.4-0.20191109021931-daa7c04131f5'],
  ['v1', 'v1.2.9', 'v1.2.10-0.20191109021931-daa7c04131f5'],
  ['v1', 'v1.2.99999999999999999999', 'v1.2.100000000000000000000-0.20191109021931-daa7c04131f5'],
  ['v1', 'v1.2.3-pre', 'v1.2.3-pre.0.20191109021931-daa7c04131f5'],
  ['v1', 'v1.2.3-rc.1', 'v1.2.3-rc.1.0.20191109021931-daa7c04131f5'],
  ['', 'v2.0.0+incompatible', 'v2.0.1-0.20191109021931-daa7c04131f5+incompatible'],
  ['', 'v2.0.0-a+incompatible', 'v2.0.0-a.0.20191109021931-daa7c04131f5+incompatible'],
])('the commit after "%s %s" is %s', (major, base, version) => {
  expect(formatPseudoVersion(major, base, time, revision)).toBe(version);
  expect(isPseudoVersion(version)).toBe(true);
  expect(pseudoVersionParts(version)).toEqual({ base, time, revision });
});

test.each<[version: string, reason?: string]>([
  ['v1.2.3'],
  ['v1.2.3-20191109021931-daa7c04131f5', 'without a base it is v1.0.0'],
  ['v0.0.1-20191109021931-daa7c04131f5'],
  ['v0.0.0-2019110902193-daa7c04131f5', 'a digit is missing'],
  ['v0.0.0-20191109021931-', 'no revision'],
  ['v0.0.0-20191109021931-daa7-c041', 'a revision has no dash'],
  ['v0.0.0-20191109021931-daa7.c041', 'nor a dot'],
  ['v1.2.4-1.20191109021931-daa7c04131f5', 'the marker is 0'],
  ['v1.2.4-00.20191109021931-daa7c04131f5'],
  ['v1.2.4-pre0.20191109021931-daa7c04131f5', 'the marker stands alone'],
  ['v0.0.0-20191109021931-daa7c04131f5 '],
  ['v0.0-20191109021931-daa7c04131f5'],
  ['v0.0.1-go1.27.9.linux-amd64', 'a toolchain is a release of its own'],
])('%s is no pseudo-version', (version) => {
  expect(isPseudoVersion(version)).toBe(false);
  expect(() => pseudoVersionParts(version)).toThrow('not a pseudo-version');
});

test.each<[version: string, problem: string]>([
  ['v0.0.0-20190229021931-daa7c04131f5', 'its time does not exist'],
  ['v0.0.0-20191109240000-daa7c04131f5', 'its time does not exist'],
  ['v0.0.0-20191109236060-daa7c04131f5', 'its time does not exist'],
  ['v1.2.0-0.20191109021931-daa7c04131f5', 'the version before it would have a negative patch number'],
  [
    'v2.0.0-20191109021931-daa7c04131f5+incompatible',
    'has no base version, but build metadata "+incompatible"',
  ],
])('%s has the form, but %s', (version, problem) => {
  expect(isPseudoVersion(version)).toBe(true);
  expect(() => pseudoVersionParts(version)).toThrow(`malformed pseudo-version "${version}": ${problem}`);
});

test('the time may be in any year that has four digits', () => {
  const format = (at: string) => formatPseudoVersion('', '', new Date(at), revision);
  expect(format('0000-01-01T00:00:00Z')).toBe('v0.0.0-00000101000000-daa7c04131f5');
  expect(() => format('+010000-01-01T00:00:00Z')).toThrow('its year is outside 0 to 9999');
  expect(() => format('no date')).toThrow('its year is outside 0 to 9999');
});

test('a pseudo-version comes after its base and before what may follow', () => {
  expect(compareSemver('v1.2.3', 'v1.2.4-0.20191109021931-daa7c04131f5')).toBeLessThan(0);
  expect(compareSemver('v1.2.4-0.20191109021931-daa7c04131f5', 'v1.2.4-1')).toBeLessThan(0);
  expect(compareSemver('v1.2.3-pre', 'v1.2.3-pre.0.20191109021931-daa7c04131f5')).toBeLessThan(0);
});

test('formatting the parts of a pseudo-version gives it again', () => {
  fc.assert(
    fc.property(pseudoVersions, (version) => {
      let parts: ReturnType<typeof pseudoVersionParts>;
      try {
        parts = pseudoVersionParts(version);
      } catch {
        return;
      }
      const major = version.slice(0, version.indexOf('.'));
      expect(formatPseudoVersion(major, parts.base, parts.time, parts.revision)).toBe(version);
    }),
    { numRuns: 1000 },
  );
});

test('nothing but a StoaError of kind malformed is thrown', () => {
  fc.assert(
    fc.property(
      fc.oneof(pseudoVersions, versions, anyText),
      fc.date({ noInvalidDate: false }),
      (version, at) => {
        for (const call of [
          () => pseudoVersionParts(version),
          () => formatPseudoVersion('', version, at, revision),
        ])
          try {
            call();
          } catch (error) {
            if (!isStoaError(error, 'malformed')) throw error;
          }
      },
    ),
  );
});
