import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createRecent } from '../../src/fetch/recent.ts';

test('a value is remembered for its time, which begins anew when it is set', () => {
  let ms = 0;
  const recent = createRecent<string>({ maxSize: 10_000, lifetimeMs: 10, now: () => ms });
  recent.set('a', 'one', 3);
  ms = 9;
  expect(recent.get('a')).toBe('one');
  recent.set('a', 'two', 3);
  ms = 18;
  expect(recent.get('a')).toBe('two');
  ms = 19;
  expect(recent.get('a')).toBeUndefined();
  expect(recent.get('b')).toBeUndefined();
});

test('the least recently used goes first', () => {
  const recent = createRecent<string>({ maxSize: 1000, lifetimeMs: 10, now: () => 0 });
  recent.set('a', 'a', 300);
  recent.set('b', 'b', 300);
  recent.get('a');
  recent.set('c', 'c', 300);
  expect(['a', 'b', 'c'].map(recent.get)).toEqual(['a', undefined, 'c']);
});

test('what is larger than the bound is not kept', () => {
  const recent = createRecent<string>({ maxSize: 1000, lifetimeMs: 10, now: () => 0 });
  recent.set('a', 'a', 2000);
  expect(recent.get('a')).toBeUndefined();
  recent.set('b', 'b', 500);
  expect(recent.get('b')).toBe('b');
});

test('the bound holds, and room is found again', () => {
  const operations = fc.array(
    fc.tuple(fc.constantFrom(...'abcdefgh'), fc.nat({ max: 400 }), fc.nat({ max: 5 })),
  );
  fc.assert(
    fc.property(operations, (list) => {
      let ms = 0;
      const recent = createRecent<number>({ maxSize: 1000, lifetimeMs: 10, now: () => ms });
      for (const [key, size, wait] of list) {
        ms += wait;
        recent.set(key, size, size);
        expect(recent.get(key)).toBe(size);
        const kept = [...'abcdefgh'].flatMap((other) => recent.get(other) ?? []);
        expect(kept.reduce((sum, each) => sum + each + 101, 0)).toBeLessThanOrEqual(1000);
      }
      for (const key of 'ijk') recent.set(key, 100, 100);
      expect([...'ijk'].map(recent.get)).toEqual([100, 100, 100]);
    }),
  );
});
