import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createTraceIds } from '../../src/observe/trace.ts';

const trace = '0af7651916cd43dd8448eb211c80319c';
const parent = 'b7ad6b7169203331';

describe('a trace id', () => {
  test.each([
    [`00-${trace}-${parent}-01`, 'as the standard writes it'],
    [`00-${trace}-${parent}-00`, 'not sampled is a trace too'],
    [`01-${trace}-${parent}-01`, 'a later version'],
    [`cc-${trace}-${parent}-01-what-comes-then`, 'a later version may go on'],
  ])('is taken over from %s: %s', (traceparent) => {
    expect(createTraceIds().next(traceparent)).toBe(trace);
  });

  test.each([
    [`00-${'0'.repeat(32)}-${parent}-01`, 'a trace id of zeros is none'],
    [`00-${trace}-${'0'.repeat(16)}-01`, 'nor is a parent of zeros'],
    [`00-${trace}-${parent}-01-more`, 'version 00 ends after the flags'],
    [`01-${trace}-${parent}-01more`, 'a later version goes on with a dash'],
    [`ff-${trace}-${parent}-01`, 'ff is no version'],
    [`00-${trace.toUpperCase()}-${parent}-01`, 'hex digits are lower case'],
    [`00-${trace}-${parent}`, 'no flags'],
    [`00-${trace.slice(1)}-${parent}-01`, 'too short'],
    [` 00-${trace}-${parent}-01`, 'a blank'],
    [`00-${trace}-${parent}-01\n`, 'a newline'],
    ['', 'nothing'],
  ])('is made anew for %j: %s', (traceparent) => {
    expect(createTraceIds().next(traceparent)).toMatch(/^(?!0{32})[0-9a-f]{32}$/);
    expect(createTraceIds().next(traceparent)).not.toBe(trace);
  });

  test('is never anything but 32 hex digits, whatever a client sends', () => {
    const ids = createTraceIds();
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (traceparent) => {
        expect(ids.next(traceparent)).toMatch(/^(?!0{32})[0-9a-f]{32}$/);
      }),
    );
  });

  test('is different each time, also where the random source gives only zeros', () => {
    const ids = createTraceIds((size) => new Uint8Array(size));
    const seen = new Set(Array.from({ length: 100_000 }, () => ids.next()));
    expect(seen.size).toBe(100_000);
    for (const id of seen) expect(id).toMatch(/^(?!0{32})[0-9a-f]{32}$/);
  });

  test('begins differently in each process', () => {
    const starts = Array.from({ length: 100 }, () => createTraceIds().next().slice(0, 16));
    expect(new Set(starts).size).toBe(100);
  });

  test('ends in bits that look random: a sampler that takes one in four takes about a fourth', () => {
    const ids = createTraceIds((size) => new Uint8Array(size).fill(0x5a));
    const taken = Array.from({ length: 10_000 }, () => ids.next()).filter(
      (id) => Number.parseInt(id.slice(16, 24), 16) < 2 ** 30,
    );
    expect(taken.length).toBeGreaterThan(2200);
    expect(taken.length).toBeLessThan(2800);
  });
});
