import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createTimestamp } from '../../src/observe/timestamp.ts';

test('the time string is what Date would say, however the clock moves', () => {
  fc.assert(
    fc.property(fc.array(fc.double({ min: 0, max: 4_102_444_800_000, noNaN: true })), (times) => {
      let time = 0;
      const timestamp = createTimestamp(() => time);
      for (time of times.flatMap((start) =>
        [start, start + 1, start + 999, start - 1].map((t) => Math.max(t, 0)),
      ))
        expect(timestamp()).toBe(new Date(Math.floor(time)).toISOString());
    }),
  );
});
