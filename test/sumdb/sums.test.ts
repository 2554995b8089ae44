import { expect, test } from 'vitest';
import { formatSums, parseSums } from '../../src/sumdb/sums.ts';
import { sumsOf } from '../fakes/sumdb.ts';

const version = { path: 'example.com/m', version: 'v1.0.0' };
const sums = sumsOf('m');
const text = formatSums(version, sums);
const [zipLine, modLine] = text.split('\n');

test('the hashes of a version are read from its record', () => {
  expect(parseSums(text, version)).toEqual(sums);
});

test('lines of others are passed over, and hashes that nobody knows yet', () => {
  const others = formatSums({ path: 'example.com/m/v2', version: 'v1.0.0' }, sumsOf('other'));
  const later = formatSums({ path: 'example.com/m', version: 'v1.0.0-rc.1' }, sumsOf('later'));
  expect(parseSums(`${others}${later}example.com/m v1.0.0 h2:abc\n${text}${zipLine}\n`, version)).toEqual(
    sums,
  );
});

test.each([
  ['without the zip', `${modLine}\n`, 'has no hash of v1.0.0'],
  ['without the go.mod', `${zipLine}\n`, 'has no hash of v1.0.0/go.mod'],
  ['with nothing', '\n', 'has no hash of v1.0.0'],
  ['of another version', text.replaceAll('v1.0.0', 'v1.0.1'), 'has no hash of v1.0.0'],
  ['of another path', text.replaceAll('example', 'Example'), 'has no hash of v1.0.0'],
  [
    'with two hashes of one thing',
    `${text}${zipLine!.replace(/h1:.{3}/, 'h1:AAA')}\n`,
    'has two hashes of v1.0.0',
  ],
  ['with a hash that is none', text.replace(/=\n/, '\n'), 'for a hash'],
  ['with a line that has more in it', text.replace(/=\n/, '= x\n'), 'for a hash'],
])('a record %s is refused', (_, record, why) => {
  expect(() => parseSums(record, version)).toThrow(why);
});
