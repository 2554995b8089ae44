import fc from 'fast-check';
import { expect, test } from 'vitest';
import { nearest, suggestion } from '../../src/config/nearest.ts';

const names = ['port', 'host', 'upstream', 'log.level', 'STOA_LOG_LEVEL'];

test.each([
  ['prot', 'port'], // two neighbours swapped are one slip
  ['pot', 'port'],
  ['log.levle', 'log.level'],
  ['STOA_LOGLEVEL', 'STOA_LOG_LEVEL'],
  ['upstraem', 'upstream'],
  ['xyz', undefined],
  ['', undefined],
])('%j was meant to be %s', (given, expected) => {
  expect(nearest(given, names)).toBe(expected);
});

test('a name that is there is its own nearest', () => {
  fc.assert(
    fc.property(fc.array(fc.string({ minLength: 1 }), { minLength: 1 }), (some) => {
      expect(nearest(some[0]!, some)).toBe(some[0]);
    }),
  );
});

test('a suggestion is nothing when no name is near', () => {
  expect(suggestion('xyz', names)).toBe('');
  expect(suggestion('prot', names)).toBe('; did you mean port?');
});
