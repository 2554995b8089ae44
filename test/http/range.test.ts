import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isRangeCurrent, matchesETag, parseRange } from '../../src/http/range.ts';

describe('a Range header', () => {
  it.each([
    ['bytes=0-0', { start: 0, end: 1 }],
    ['bytes=2-5', { start: 2, end: 6 }],
    ['bytes=2-', { start: 2, end: 10 }],
    ['bytes=2-99', { start: 2, end: 10 }],
    ['bytes=-3', { start: 7, end: 10 }],
    ['bytes=-99', { start: 0, end: 10 }],
    ['Bytes= 2-5 ', { start: 2, end: 6 }],
    ['bytes=10-', 'unsatisfiable'],
    ['bytes=99999999999999999999-', 'unsatisfiable'],
    ['bytes=-0', 'unsatisfiable'],
    // The whole is a right answer to all of these.
    ['bytes=0-1,3-4', undefined],
    ['bytes=5-2', undefined],
    ['bytes=-', undefined],
    ['bytes=', undefined],
    ['bytes=a-b', undefined],
    ['bytes=0x1-2', undefined],
    ['bytes=1.5-2', undefined],
    ['bytes=--5', undefined],
    ['items=0-5', undefined],
    ['0-5', undefined],
    ['', undefined],
  ])('%s of ten bytes asks for %o', (value, range) => {
    expect(parseRange(value, 10)).toEqual(range);
  });

  it('of an empty file is never satisfiable', () => {
    expect(parseRange('bytes=0-', 0)).toBe('unsatisfiable');
    expect(parseRange('bytes=-1', 0)).toBe('unsatisfiable');
  });

  it('never leads outside the file', () => {
    const value = fc.oneof(
      fc.string(),
      fc.tuple(fc.nat(), fc.nat()).map(([first, last]) => `bytes=${first}-${last}`),
      fc.nat().map((last) => `bytes=-${last}`),
    );
    fc.assert(
      fc.property(value, fc.nat(), (text, size) => {
        const range = parseRange(text, size);
        if (range === undefined || range === 'unsatisfiable') return;
        expect(range.start).toBeGreaterThanOrEqual(0);
        expect(range.end).toBeGreaterThan(range.start);
        expect(range.end).toBeLessThanOrEqual(size);
      }),
    );
  });
});

describe('If-Range', () => {
  it.each([
    [undefined, true],
    ['"a"', true],
    ['"b"', false],
    ['W/"a"', false],
    ['Sun, 22 Nov 2026 10:00:00 GMT', false],
  ])('%s', (value, current) => {
    expect(isRangeCurrent(value, '"a"')).toBe(current);
  });

  it('never takes a weak ETag, which is no promise about bytes', () => {
    expect(isRangeCurrent('W/"a"', 'W/"a"')).toBe(false);
  });
});

describe('If-None-Match', () => {
  it.each([
    ['"a"', true],
    ['W/"a"', true],
    ['*', true],
    [' "b" , "a"', true],
    ['"b",W/"a"', true],
    ['"b"', false],
    ['a', false],
    ['"xa"', false],
    ['', false],
  ])('%s', (value, matches) => {
    expect(matchesETag(value, '"a"')).toBe(matches);
  });
});
