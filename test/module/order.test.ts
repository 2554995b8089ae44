import fc from 'fast-check';
import { expect, test } from 'vitest';
import { compareBytes } from '../../src/module/order.ts';
import { quote } from '../../src/module/quote.ts';

test('strings are in the order of their UTF-8 bytes', () => {
  const texts = fc.string({
    unit: fc.constantFrom('a', 'b', 'é', '\ud7ff', '\ue000', '\uffff', '😀', '\u{10ffff}'),
  });
  fc.assert(
    fc.property(texts, texts, (a, b) => {
      expect(Math.sign(compareBytes(a, b))).toBe(Buffer.compare(Buffer.from(a), Buffer.from(b)));
    }),
    { numRuns: 1000 },
  );
});

test.each<[text: string, quoted: string, reason?: string]>([
  ['v1', '"v1"'],
  ['a"b\\c', '"a\\"b\\\\c"'],
  ['a\nb\x1b', '"a\\u{a}b\\u{1b}"', 'a line feed would begin a line of the answer'],
  ['é字😀', '"é字😀"'],
  ['\u202eabc', '"\\u{202e}abc"', 'turns the rest of the line round'],
  ['x'.repeat(101), `"${'x'.repeat(100)}…"`],
  [`${'x'.repeat(99)}😀`, `"${'x'.repeat(99)}\\u{d83d}…"`, 'cut in the middle of a pair'],
])('%j is quoted %s', (text, quoted) => {
  expect(quote(text)).toBe(quoted);
});
