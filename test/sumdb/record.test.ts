import { expect, test } from 'vitest';
import { formatRecord, parseRecord } from '../../src/sumdb/record.ts';

const text = 'example.com/m v1.0.0 h1:a=\nexample.com/m v1.0.0/go.mod h1:b=\n';

test('a record can be read back, and what follows it is told apart', () => {
  const message = Buffer.concat([formatRecord(7, Buffer.from(text)), Buffer.from('a note\n\nmore')]);
  const { id, text: read, rest } = parseRecord(message);
  expect([id, read.toString(), rest.toString()]).toEqual([7, text, 'a note\n\nmore']);
});

test.each([
  ['', 'nothing'],
  ['7', 'no end of the number'],
  [`x\n${text}\n`, 'no number'],
  [`07\n${text}\n`, 'a zero before the number'],
  [`-7\n${text}\n`, 'a negative number'],
  [`4503599627370496\n${text}\n`, 'a number beyond every tree that is computed with'],
  [`7\n${text}`, 'no blank line'],
  [`7\na\tb\n\n`, 'a control character'],
  ['7\n\n', 'no text'],
])('%j is no record: %s', (message) => {
  expect(() => parseRecord(Buffer.from(message))).toThrow('malformed record');
});

test('a text that would not be read back is not written', () => {
  for (const wrong of ['', 'a', 'a\n\nb\n', 'a\r\n'])
    expect(() => formatRecord(1, Buffer.from(wrong))).toThrow('malformed record');
});
