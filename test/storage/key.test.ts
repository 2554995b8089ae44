import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isStoaError } from '../../src/errors.ts';
import { checkKey, checkPrefix, isKey } from '../../src/storage/key.ts';

/** The rules once more, element by element. */
function follows(key: string): boolean {
  const elements = key.split('/');
  const sound = (element: string) =>
    element.length >= 1 &&
    element.length <= 255 &&
    element[0] !== '.' &&
    /^[\x21-\x5b\x5d-\x7e]*$/.test(element);
  return key.length <= 960 && elements.every(sound);
}

const texts = fc.oneof(
  fc.string({ unit: fc.constantFrom('a', '/', '.', '\\', '!', '~', ' ', '\n', 'ä', '@') }),
  fc.string({ unit: 'binary' }),
  fc
    .array(fc.string({ unit: fc.constantFrom('x', '.'), minLength: 250, maxLength: 258 }), { maxLength: 4 })
    .map((all) => all.join('/')),
);

describe('a storage key', () => {
  test('is one exactly when it follows the rules', () => {
    fc.assert(
      fc.property(texts, (text) => {
        expect(isKey(text)).toBe(follows(text));
      }),
      { numRuns: 5000 },
    );
  });

  test('that is none is refused with a short message on one line, of kind malformed, and nothing else', () => {
    fc.assert(
      fc.property(texts, (text) => {
        for (const check of [checkKey, checkPrefix]) {
          try {
            check(text);
          } catch (error) {
            expect(isStoaError(error, 'malformed')).toBe(true);
            expect((error as Error).message).toMatch(/^storage (key|prefix) ".*": [a-z0-9, -]+/i);
            expect((error as Error).message.length).toBeLessThan(800);
          }
        }
      }),
      { numRuns: 2000 },
    );
  });

  test('may begin with any part of itself', () => {
    fc.assert(
      fc.property(texts.filter(isKey), fc.nat(), (key, cut) => {
        checkPrefix(key.slice(0, cut % (key.length + 1)));
      }),
      { numRuns: 1000 },
    );
  });

  test.for([
    ['a/../b', 'an element that begins with a dot'],
    ['a//b', 'an empty element'],
    ['', 'an empty element'],
    ['a b', 'a character that is not visible ASCII, or a backslash'],
    ['x'.repeat(256), 'an element longer than 255 bytes'],
    [`${'x/'.repeat(480)}x`, 'longer than 960 bytes'],
  ] as const)('that breaks a rule is told which: %s', ([key, rule]) => {
    expect(() => checkKey(key)).toThrow(rule);
  });
});
