import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatBytes, formatDuration, parseBytes, parseDuration } from '../../src/config/units.ts';

describe('a duration', () => {
  test.each([
    ['250ms', 250],
    ['30s', 30_000],
    ['1h30m', 5_400_000],
    ['1.5h', 5_400_000],
    ['7d', 604_800_000],
    ['0', 0], // what needs no unit
    ['0s', 0],
    ['1m1m', 120_000], // as in Go
  ])('%s is %d ms', (text, expected) => {
    expect(parseDuration(text)).toBe(expected);
  });

  test.each([
    '',
    '30', // seconds or milliseconds? nobody knows
    's',
    '-1s',
    '1 s',
    '1y',
    '1M', // minutes or months?
    '1e3s',
    '.5s',
    '99999999999999999999d', // beyond what a number holds
  ])('%j is none', (text) => {
    expect(parseDuration(text)).toBeUndefined();
  });

  test('is read back as it was written', () => {
    fc.assert(
      fc.property(fc.nat({ max: Number.MAX_SAFE_INTEGER }), (ms) => {
        expect(parseDuration(formatDuration(ms))).toBe(ms);
      }),
    );
  });

  test('is a safe number of milliseconds or none, whatever the text', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'0123456789.msdh ') }), (text) => {
        const ms = parseDuration(text);
        expect(ms === undefined || (Number.isSafeInteger(ms) && ms >= 0)).toBe(true);
      }),
    );
  });
});

describe('a size', () => {
  test.each([
    ['256MiB', 268_435_456],
    ['10MB', 10_000_000],
    ['10 MB', 10_000_000],
    ['1.5GiB', 1_610_612_736],
    ['4kib', 4_096],
    ['4096', 4_096],
    ['4096B', 4_096],
    ['0.1KiB', 102], // rounded down
    ['0', 0],
  ])('%s is %d bytes', (text, expected) => {
    expect(parseBytes(text)).toBe(expected);
  });

  test.each([
    '',
    'MB',
    '-1MB',
    '10M', // binary or decimal? nobody knows
    '10MiBs',
    '1e3',
    '99999999999999TiB', // beyond what a number holds
  ])('%j is none', (text) => {
    expect(parseBytes(text)).toBeUndefined();
  });

  test('is read back as it was written', () => {
    fc.assert(
      fc.property(fc.nat({ max: 2 ** 45 }), (bytes) => {
        expect(parseBytes(formatBytes(bytes))).toBe(bytes);
      }),
    );
  });

  test('is written in the largest unit that divides it', () => {
    expect([256 * 2 ** 20, 10_000_000, 1_234, 0].map(formatBytes)).toEqual(['256MiB', '10MB', '1234B', '0B']);
  });
});
