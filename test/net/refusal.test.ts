import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatReason } from '../../src/net/refusal.ts';

const subject = 'example.com/m@v1.0.0';
const reason = (body: string, type: string | undefined = 'text/plain') =>
  formatReason(Buffer.from(body), type, subject);

describe('the reason an upstream gives', () => {
  test.each([
    ['unknown revision v1.0.0\n', 'unknown revision v1.0.0', 'a line'],
    ['not found: unknown revision', 'unknown revision', 'we say not found ourselves'],
    ['not found: example.com/m@v1.0.0: invalid version', 'invalid version', 'and the module'],
    ['example.com/m@v1.0.0: no', 'no', 'the module alone'],
    ['example.com/m@v2.0.0: no', 'example.com/m@v2.0.0: no', 'another module is part of the reason'],
    ['one\ntwo\r\n\tthree\n', 'one two three', 'lines become one'],
    ['\n\nfirst\n\nsecond\n', 'first', 'as far as the first blank line, like the go command'],
    ['a\u0000b\u001b[31mc\u202ed', 'a b [31mc d', 'only what can be printed'],
    ['caf\u00e9', 'caf\u00e9', 'in any language'],
    ['', '', 'nothing'],
  ])('%j is %j: %s', (body, expected) => {
    expect(reason(body)).toBe(expected);
  });

  test.each<[type: string | undefined, expected: string, why: string]>([
    [undefined, 'no', 'no type'],
    ['text/plain; charset=utf-8', 'no', 'with a charset'],
    ['TEXT/PLAIN', 'no', 'in any case'],
    ['text/html', '', 'a page'],
    ['application/json', '', 'JSON'],
    ['text/plainly', '', 'another type'],
  ])('of type %s is %j: %s', (type, expected) => {
    expect(formatReason(Buffer.from('no'), type, subject)).toBe(expected);
  });

  test('has an end', () => {
    expect(reason('\u{1F600}'.repeat(1_000))).toBe(`${'\u{1F600}'.repeat(299)}\u2026`);
  });

  test('is one printable line, whatever came', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 500 }), (body) => {
        const line = formatReason(body, undefined, subject);
        expect(line).not.toMatch(/[\p{C}\u2028\u2029\n]/u);
        expect([...line].length).toBeLessThanOrEqual(300);
      }),
    );
  });
});
