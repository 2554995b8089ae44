import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { entryDataOffset, readZipDirectory, type ZipEntry } from '../../src/module/zip.ts';
import {
  deflated,
  encodeDescriptor,
  encodeDirectory,
  encodeLocalHeader,
  flagsOf,
  hasDescriptor,
  stored,
} from '../../src/module/zip-write.ts';
import { readerOf } from './read-zip.ts';

/** A zip of these entries, whose data is nothing but zeros. */
function zipOf(drafts: readonly Omit<ZipEntry, 'headerOffset'>[]): { entries: ZipEntry[]; zip: Buffer } {
  const entries: ZipEntry[] = [];
  const parts: Uint8Array[] = [];
  let offset = 0;
  for (const draft of drafts) {
    const entry = { ...draft, headerOffset: offset };
    const descriptor = (entry.flags & hasDescriptor) === 0 ? [] : [encodeDescriptor(entry)];
    const all = [encodeLocalHeader(entry), Buffer.alloc(entry.compressedSize), ...descriptor];
    offset += all.reduce((sum, { length }) => sum + length, 0);
    parts.push(...all);
    entries.push(entry);
  }
  return { entries, zip: Buffer.concat([...parts, encodeDirectory(entries, offset)]) };
}

const names = fc
  .string({ unit: 'grapheme', minLength: 1, maxLength: 20 })
  .filter((name) => !name.endsWith('/'));
const drafts = fc
  .record({
    name: names,
    method: fc.constantFrom(stored, deflated),
    flags: fc.constantFrom(0, hasDescriptor),
    size: fc.nat({ max: 500 }),
    compressedSize: fc.nat({ max: 50 }),
    crc32: fc.integer({ min: 0, max: 0xffffffff }),
  })
  .map((draft) => ({
    ...draft,
    flags: draft.flags | flagsOf(draft.name),
    size: draft.method === stored ? draft.compressedSize : draft.size,
  }));

describe('a zip', () => {
  test('is read as it was written', () => {
    fc.assert(
      fc.property(fc.uniqueArray(drafts, { maxLength: 8, selector: ({ name }) => name }), (list) => {
        const { entries, zip } = zipOf(list);
        const readAt = readerOf(zip);
        const read = readZipDirectory(zip.length, readAt);
        expect(read.map(({ limit, ...entry }) => entry)).toEqual(entries);
        for (const entry of read) {
          const end = entryDataOffset(entry, readAt) + entry.compressedSize;
          // Nothing is between the entries.
          expect(entry.limit - end).toBe((entry.flags & hasDescriptor) === 0 ? 0 : 16);
        }
      }),
      { numRuns: 300 },
    );
  });

  test.each([65534, 65535, 65536])('may have %i entries', (count) => {
    const draft = { method: stored, flags: 0, size: 0, compressedSize: 0, crc32: 0 };
    const { entries, zip } = zipOf(Array.from({ length: count }, (_, i) => ({ ...draft, name: `f${i}` })));
    const read = readZipDirectory(zip.length, readerOf(zip));
    expect(read.map(({ name }) => name)).toEqual(entries.map(({ name }) => name));
    expect(zip.includes('PK\x06\x06')).toBe(count >= 65535);
  });

  test.each([
    ['a/b c.go', 0],
    ['!#$%&()+,-.=@[]^_{}', 0],
    ['a~', 0x800, 'it is an overline in Japan'],
    ['é', 0x800],
  ] as [name: string, flags: number, reason?: string][])(
    'says that %s is UTF-8 where it must',
    (name, flags) => {
      expect(flagsOf(name)).toBe(flags);
    },
  );
});
