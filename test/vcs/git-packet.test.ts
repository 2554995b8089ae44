import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createPacketReader, formatRequest, textOf } from '../../src/vcs/git-packet.ts';

/** A reader of these bytes, which come in pieces. */
function readerOf(bytes: Uint8Array, cuts: readonly number[] = []) {
  const ends = [...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length].sort((a, b) => a - b);
  const pieces = ends.map((end, i) => Buffer.from(bytes.subarray(ends[i - 1] ?? 0, end)));
  return createPacketReader(async () => pieces.shift());
}

describe('packets', () => {
  test('of a request are read as they were written, wherever they are cut', async () => {
    const line = fc.string({ unit: 'grapheme', maxLength: 200 }).filter((text) => !text.endsWith('\n'));
    await fc.assert(
      fc.asyncProperty(
        fc.array(line),
        fc.array(line),
        fc.array(fc.nat()),
        async (capabilities, args, cuts) => {
          const { next } = readerOf(formatRequest(capabilities, args), cuts);
          const read: string[] = [];
          for (let packet = await next(); packet !== undefined; packet = await next()) {
            read.push(typeof packet === 'string' ? `<${packet}>` : textOf(packet));
          }
          expect(read).toEqual([...capabilities, '<delimiter>', ...args, '<flush>']);
        },
      ),
    );
  });

  test('are whole or none', async () => {
    for (const text of ['', '0', '000', '0008abc', '000a'])
      expect(await readerOf(Buffer.from(text)).next()).toBeUndefined();
    expect(await readerOf(Buffer.from('0004')).next()).toHaveLength(0);
    expect(await readerOf(Buffer.from('0002')).next()).toBe('end');
  });

  test.each(['0003', 'HTTP/1.1', '-001', '+005a', '0x10', '    '])('%j is none', async (text) => {
    expect(await readerOf(Buffer.from(text)).next()).toBe('malformed');
  });

  test('anything is read to its end', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array(), fc.array(fc.nat()), async (bytes, cuts) => {
        const { next } = readerOf(bytes, cuts);
        for (let packet = await next(); packet !== undefined && packet !== 'malformed'; )
          packet = await next();
      }),
    );
  });
});
