import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isStoaError, StoaError } from '../../src/errors.ts';
import {
  checkZip,
  entryDataOffset,
  maxGoModBytes,
  maxZipBytes,
  parseLocalHeader,
  readZipDirectory,
  type ZipEntry,
} from '../../src/module/zip.ts';
import { anyZips, zipModule } from '../oracle/zips.ts';
import { buildZip, type ZipDraft, type ZipFrame } from './build-zip.ts';
import { hashZip, readerOf } from './read-zip.ts';

const module = { path: 'example.com/m', version: 'v1.0.0' };
const root = 'example.com/m@v1.0.0/';
const goMod = { name: `${root}go.mod`, content: 'module example.com/m\n' };
const a = { name: `${root}a.go`, content: 'package a\n' };

const read = (zip: Buffer) => readZipDirectory(zip.length, readerOf(zip));

describe('the directory of a zip', () => {
  test('has its entries in order, with all that is known of them', () => {
    const zip = buildZip([goMod, { ...a, method: 0, descriptor: 'signed' }]);
    const second = zip.indexOf('PK\x03\x04', 1, 'latin1');
    expect(read(zip)).toEqual([
      expect.objectContaining({
        name: goMod.name,
        method: 8,
        flags: 0,
        size: 21,
        headerOffset: 0,
        limit: second,
      }),
      {
        name: a.name,
        method: 0,
        flags: 8,
        size: 10,
        compressedSize: 10,
        crc32: crc32('package a\n'),
        headerOffset: second,
        limit: zip.indexOf('PK\x01\x02', 0, 'latin1'),
      },
    ]);
  });

  test('is read from the end of the file and from itself alone', () => {
    const zip = buildZip([{ ...a, content: 'x'.repeat(200_000), method: 0 }]);
    const touched: number[] = [];
    readZipDirectory(zip.length, (offset, length) => {
      touched.push(offset);
      return readerOf(zip)(offset, length);
    });
    expect(Math.min(...touched)).toBeGreaterThan(100_000);
  });

  test.each<[what: string, frame: ZipFrame, drafts?: ZipDraft[]]>([
    ['no entries', {}, []],
    ['a comment', { comment: 'from git archive' }],
    ['a comment of the greatest length', { comment: 'x'.repeat(65535) }],
    ['zip64 records', { zip64: true }],
    ['zip64 fields', {}, [{ ...a, zip64: true }, goMod]],
    [
      'data descriptors',
      {},
      [
        { ...a, descriptor: 'signed' },
        { ...goMod, descriptor: 'bare' },
      ],
    ],
    ['other extra fields', {}, [{ ...a, extra: Buffer.from([0xca, 0xfe, 0, 0]), zip64: true }]],
    ['space between the entries', {}, [a, { ...goMod, gap: 100 }]],
  ])('may have %s', (_, frame, drafts = [goMod, a]) => {
    expect(() => hashZip(module, buildZip(drafts, frame))).not.toThrow();
  });

  test.each<[problem: string, zip: Buffer, reason?: string]>([
    ['it has no end record', Buffer.alloc(0)],
    ['it has no end record', Buffer.from('<html>not found</html>'), 'a portal that answers 200'],
    ['it has no end record', buildZip([a]).subarray(0, -1), 'a byte is missing'],
    [
      'its comment does not end with the file',
      buildZip([a], { behind: '\n' }),
      'another reader may look elsewhere',
    ],
    ['its comment does not end with the file', buildZip([a], { comment: `PK\x05\x06${'x'.repeat(18)}` })],
    [
      'the directory does not stand directly before the end record',
      buildZip([a], { before: '#!/bin/sh\n', claims: { directoryOffset: 0 } }),
    ],
    [
      'the directory does not stand directly before the end record',
      buildZip([a], { claims: { directorySize: 46 } }),
    ],
    [
      'the directory does not stand directly before the end record',
      buildZip([a], { claims: { directoryOffset: 0xffffffff } }),
    ],
    ['the directory has no room for 65535 entries', buildZip([a], { claims: { count: 65535 } })],
    [
      'the directory has no room for 9007199254740992 entries',
      buildZip([a], { zip64: true, claims: { count: 2 ** 53 } }),
    ],
    [
      'its directory is longer than its entries',
      buildZip([a, goMod], { claims: { count: 1 } }),
      'an entry that is not counted',
    ],
    [`two entries are named "${a.name}"`, buildZip([a, a])],
    [
      `two entries are named "${root}d/"`,
      buildZip([
        { name: `${root}d/`, method: 0 },
        { name: `${root}d/`, method: 0 },
      ]),
      'harmless to Go',
    ],
    [`"${a.name}" is encrypted`, buildZip([{ ...a, claims: { flags: 1 } }])],
    [`"${a.name}" has the unknown compression method 12`, buildZip([{ ...a, method: 12 }])],
    [`"${a.name}" is stored with two sizes`, buildZip([{ ...a, method: 0, claims: { size: 9 } }])],
    [`"${root}d/" is a folder with content`, buildZip([{ name: `${root}d/`, method: 0, content: 'x' }])],
    [
      `"${a.name}" has 524288001 bytes, the most is 524288000`,
      buildZip([{ ...a, claims: { size: maxZipBytes + 1 } }]),
    ],
    [
      `"${a.name}" has 4294967295 bytes, the most is 524288000`,
      buildZip([{ ...a, claims: { size: 0xffffffff } }]),
      'no zip64 field',
    ],
    [`"${a.name}" overlaps what follows it`, buildZip([{ ...a, claims: { compressedSize: 0xffffffff } }])],
    [
      `"${a.name}" overlaps what follows it`,
      buildZip([{ ...a, claims: { headerOffset: 1000 } }]),
      'outside of the file',
    ],
    [
      `"${a.name}" overlaps what follows it`,
      buildZip([{ ...a, claims: { compressedSize: 100 } }, goMod]),
      'the bomb that uses its data twice',
    ],
    [`"${goMod.name}" overlaps what follows it`, buildZip([goMod, { ...a, claims: { headerOffset: 0 } }])],
    ['the name of an entry is not UTF-8', buildZip([{ name: Buffer.from([0x61, 0xff]) }])],
  ])('is refused when %s', (problem, zip) => {
    expect(() => read(zip)).toThrow(new StoaError('integrity', `malformed zip: ${problem}`));
  });

  test('is refused when its two end records disagree', () => {
    const zip = buildZip([a], { zip64: true });
    const narrow = zip.lastIndexOf(Buffer.from('PK\x05\x06'));
    zip.writeUInt16LE(7, narrow + 10);
    expect(() => read(zip)).toThrow('its two end records disagree');
  });

  test('is refused when only the size sends to the zip64 record, since Go would not follow', () => {
    const zip = buildZip([a], { zip64: true });
    const narrow = zip.lastIndexOf(Buffer.from('PK\x05\x06'));
    const wide = zip.lastIndexOf(Buffer.from('PK\x06\x06'));
    zip.writeUInt16LE(1, narrow + 8);
    zip.writeUInt16LE(1, narrow + 10);
    zip.writeUInt32LE(zip.readUInt32LE(wide + 48), narrow + 16);
    expect(() => read(zip)).toThrow('its two end records disagree');
  });
});

describe('the data of an entry', () => {
  const offsetOf = (zip: Buffer) => entryDataOffset(read(zip)[0]!, readerOf(zip));

  test('begins behind its local header', () => {
    const zip = buildZip([{ ...a, method: 0, extra: Buffer.from([0xca, 0xfe, 0, 0]) }]);
    expect(offsetOf(zip)).toBe(zip.indexOf('package a'));
  });

  test('is refused when the local header has another name', () => {
    const zip = buildZip([{ ...a, localName: `${root}b.go` }]);
    expect(() => offsetOf(zip)).toThrow(`the local header of "${a.name}" contradicts the directory`);
  });

  test.each(['signed', 'bare'] as const)(
    'is refused when a %s data descriptor has another checksum',
    (descriptor) => {
      const zip = buildZip([{ ...a, descriptor }]);
      expect(() => offsetOf(zip)).not.toThrow();
      zip.writeUInt32LE(1, zip.indexOf('PK\x01\x02', 0, 'latin1') + 16);
      expect(() => offsetOf(zip)).toThrow(`the data descriptor of "${a.name}" contradicts the directory`);
    },
  );

  test('is refused when its sizes are others in the local header', () => {
    const zip = buildZip([a]);
    zip.writeUInt32LE(9, 22);
    expect(() => offsetOf(zip)).toThrow('contradicts the directory');
  });

  test('is refused when a long local header pushes it over the next entry', () => {
    const zip = buildZip([a, goMod]);
    zip.writeUInt16LE(5000, 28);
    expect(() => offsetOf(zip)).toThrow('overlaps what follows it');
  });
});

describe('a local header at the beginning of a growing file', () => {
  const zip = buildZip([{ ...a, extra: Buffer.from([0xca, 0xfe, 0, 0]) }]);
  const dataOffset = 30 + Buffer.byteLength(a.name) + 4;

  test('is known once it is all there', () => {
    for (let length = 0; length < dataOffset; length++)
      expect(parseLocalHeader(zip.subarray(0, length))).toBeUndefined();
    expect(parseLocalHeader(zip.subarray(0, dataOffset))).toEqual({
      name: a.name,
      method: 8,
      flags: 0,
      compressedSize: read(zip)[0]!.compressedSize,
      size: 10,
      crc32: crc32('package a\n'),
      dataOffset,
    });
  });

  test('has the sizes of its zip64 field', () => {
    expect(parseLocalHeader(buildZip([{ ...a, zip64: true }]))).toMatchObject({ size: 10 });
  });

  test.each([['<html>'], ['PK\x01\x02'], ['PK\x05\x06'], ['Q']])('is none in %j', (text) => {
    expect(() => parseLocalHeader(Buffer.from(text, 'latin1'))).toThrow(
      new StoaError('integrity', 'malformed zip: an entry does not begin with a local header'),
    );
  });
});

describe('the rules for module zips', () => {
  const entry = (name: string, size = 1): ZipEntry => ({
    name: root + name,
    method: 8,
    flags: 0,
    compressedSize: 1,
    size,
    crc32: 0,
    headerOffset: 0,
  });
  const check = (...entries: ZipEntry[]) => checkZip(module, 1000, entries);

  test.each<[what: string, entries: ZipEntry[]]>([
    ['no files', []],
    ['no go.mod', [entry('a.go')]],
    ['folders', [entry('', 0), entry('d/', 0), entry('d/a.go'), entry('go.mod/', 0)]],
    ['a vendor folder', [entry('vendor/modules.txt'), entry('vendor/x/y.go')]],
    [
      'a go.mod and a LICENSE of the greatest size',
      [entry('go.mod', maxGoModBytes), entry('LICENSE', maxGoModBytes)],
    ],
    ['a large LICENSE further down', [entry('d/LICENSE', maxGoModBytes + 1)]],
    ['files of the greatest size together', [entry('a', maxZipBytes - 1), entry('b', 1)]],
  ])('allow %s', (_, entries) => {
    expect(() => check(...entries)).not.toThrow();
  });

  test.each<[problem: string, entries: ZipEntry[], reason?: string]>([
    [
      '"example.com/m@v1.0.1/a" is not below example.com/m@v1.0.0/',
      [{ ...entry(''), name: 'example.com/m@v1.0.1/a' }],
    ],
    [
      '"example.com/m@v1.0.0" is not below example.com/m@v1.0.0/',
      [{ ...entry(''), name: 'example.com/m@v1.0.0' }],
    ],
    ['"../x": path element of dots only', [entry('../x')], 'it would be written outside'],
    ['"/x": empty path element', [entry('/x')]],
    ['"d//": empty path element', [entry('d//', 0)]],
    ['"nul.txt": path element is a reserved name on Windows', [entry('nul.txt')]],
    ['"A.go": it differs from "a.go" in case only', [entry('a.go'), entry('A.go')]],
    ['"B/y": it differs from "b/" in case only', [entry('b/x'), entry('B/y')], 'folders that no entry names'],
    ['"\u212a": it differs from "k" in case only', [entry('k'), entry('\u212a')]],
    ['"a/b": it is both a file and a folder', [entry('a'), entry('a/b')]],
    ['"a": it is both a file and a folder', [entry('a/b'), entry('a')]],
    ['"a": there are two of it', [entry('a'), entry('a')]],
    ['"d/go.mod": a go.mod below the root begins another module', [entry('d/go.mod')]],
    ['"d/GO.MOD": a go.mod below the root begins another module', [entry('d/GO.MOD')]],
    ['"Go.mod": it must be spelled go.mod', [entry('Go.mod')]],
    [
      `go.mod has ${maxGoModBytes + 1} bytes, the most is ${maxGoModBytes}`,
      [entry('go.mod', maxGoModBytes + 1)],
    ],
    [
      `LICENSE has ${maxGoModBytes + 1} bytes, the most is ${maxGoModBytes}`,
      [entry('LICENSE', maxGoModBytes + 1)],
    ],
    [`its files have more than ${maxZipBytes} bytes together`, [entry('a', maxZipBytes), entry('b', 1)]],
  ])('refuse: %s', (problem, entries) => {
    expect(() => check(...entries)).toThrow(
      new StoaError('integrity', `example.com/m@v1.0.0: invalid zip: ${problem}`),
    );
  });

  test('refuse a file that is too large whatever is in it', () => {
    expect(() => checkZip(module, maxZipBytes, [])).not.toThrow();
    expect(() => checkZip(module, maxZipBytes + 1, [])).toThrow(
      'it has 524288001 bytes, the most is 524288000',
    );
  });

  test('are asked of a canonical version alone', () => {
    expect(() => checkZip({ path: 'example.com/m', version: 'v1' }, 22, [])).toThrow(/not canonical/);
  });

  test('take a hundred thousand files in deep folders without going up each time', () => {
    const folder = 'a/b/c/d/e/f/g/h/';
    const entries = Array.from({ length: 100_000 }, (_, i) => entry(`${folder}${i}.go`));
    expect(() => check(...entries)).not.toThrow();
  });
});

test('of any bytes, nothing but a StoaError of kind integrity is thrown, and nothing outside is read', () => {
  fc.assert(
    fc.property(fc.oneof(anyZips, fc.uint8Array({ maxLength: 200 }).map(Buffer.from)), (zip) => {
      try {
        hashZip(zipModule, zip);
      } catch (error) {
        if (!isStoaError(error, 'integrity')) throw error;
      }
    }),
    { numRuns: 2000 },
  );
});
