/** Generated module zips: whole ones, and ones with a fault in names, structure or bytes. */
import fc from 'fast-check';
import { buildZip, type ZipDraft, type ZipFrame } from '../module/build-zip.ts';
import { mostly, oneOf } from './cases.ts';

/** The module that the zips are of, rightly or not. */
export const zipModule = { path: 'example.com/Mod', version: 'v1.2.3' };

const root = `${zipModule.path}@${zipModule.version}/`;

const usualNames = oneOf(
  'go.mod LICENSE a.go b/c.go b/d.go vendor/x/y.go .git/config é.go 字.go b/ s.go σ μ ß',
);

const oddNames = fc.oneof(
  oneOf(
    'GO.MOD Go.mod b/go.mod b/GO.MOD go.mod/ LICENSE/ License A.go B/e.go B/ b é É.go \u017f.go K k \u212a ς Σ µ ẞ ss',
  ),
  oneOf('con com1.go nul/x .. ./a a//b /abs a/ // a:b a*b a\\b a. . ... 😀 e\u0301 a\n.go go.mod. a~1 !x'),
  fc.constantFrom('', 'a b.go', 'b /x', ' '),
);

const names = fc
  .tuple(
    fc.oneof({ weight: 6, arbitrary: usualNames }, { weight: 1, arbitrary: oddNames }),
    fc.oneof(
      { weight: 40, arbitrary: fc.constant(root) },
      {
        weight: 1,
        arbitrary: fc.constantFrom(
          '',
          'example.com/mod@v1.2.3/',
          'example.com/Mod@v1.2.4/',
          'example.com/Mod@v1.2.3',
        ),
      },
    ),
  )
  .map(([name, prefix]) => prefix + name);

const extras = fc.constantFrom(
  Buffer.alloc(0),
  Buffer.from([0x55, 0x54, 5, 0, 1, 0, 0, 0, 0]),
  Buffer.from([0xca, 0xfe, 0, 0]),
  Buffer.from([0xca, 0xfe, 9, 0, 1]),
  Buffer.from([1, 2, 3]),
);

/** Entries without a fault in their structure. */
const entries: fc.Arbitrary<ZipDraft> = fc
  .record({
    name: names,
    content: fc.oneof(fc.string({ maxLength: 40 }), fc.constant('package a\n'.repeat(30))),
    method: oneOf('0 8').map(Number),
    descriptor: fc.constantFrom(undefined, undefined, 'signed', 'bare'),
    zip64: mostly(fc.constant(false), fc.boolean()),
    extra: extras,
    gap: mostly(fc.constant(0), fc.nat({ max: 20 })),
  })
  .map(({ descriptor, ...draft }) => ({
    ...draft,
    ...(draft.name.endsWith('/') && { content: '', method: 0 }),
    ...(descriptor && { descriptor: descriptor as 'signed' | 'bare' }),
  }));

const frames: fc.Arbitrary<ZipFrame> = fc.record({
  comment: mostly(fc.constant(''), fc.constantFrom('a comment', 'x'.repeat(2000), 'PK\x05\x06')),
  zip64: mostly(fc.constant(false), fc.constant(true)),
});

const lies = fc.record(
  {
    size: fc.constantFrom(0, 1, 524288001, 0xffffffff),
    compressedSize: fc.constantFrom(0, 1, 100000, 0xffffffff),
    crc32: fc.constantFrom(0, 1),
    headerOffset: fc.constantFrom(0, 1, 30, 100000, 0xffffffff),
    flags: fc.constantFrom(0, 1, 8, 0x800),
  },
  { requiredKeys: [] },
);

/** Entries whose directory does not tell the truth. */
const lyingEntries = fc
  .tuple(entries, lies, fc.constantFrom(undefined, `${root}other`), oneOf('0 8 8 9'))
  .map(([draft, claims, localName, method]) => ({
    ...draft,
    claims,
    ...(localName !== undefined && { localName }),
    ...(claims.flags === undefined && { method: Number(method) }),
  }));

const lyingFrames: fc.Arbitrary<ZipFrame> = fc.record(
  {
    comment: fc.constantFrom('a', 'PK\x05\x06 and so on, for more than twenty-two bytes'),
    zip64: fc.boolean(),
    claims: fc.record(
      {
        count: fc.constantFrom(0, 1, 2, 3, 65535, 65536, 1e9),
        directorySize: fc.constantFrom(0, 1, 46, 0xffff, 0xffffffff, 2 ** 53),
        directoryOffset: fc.constantFrom(0, 1, 0xffffffff, 2 ** 40),
      },
      { requiredKeys: [] },
    ),
    before: fc.constantFrom('#!/bin/sh\n', 'PK\x03\x04'),
    behind: fc.constantFrom('\n', 'x'.repeat(30)),
  },
  { requiredKeys: [] },
);

/** Zips without a fault in their structure: only their names and sizes can be wrong. */
export const soundZips = fc
  .tuple(fc.uniqueArray(entries, { maxLength: 6, selector: ({ name }) => name }), frames)
  .map(([drafts, frame]) => buildZip(drafts, frame));

const lyingZips = fc
  .tuple(fc.array(mostly(entries, lyingEntries), { maxLength: 4 }), mostly(frames, lyingFrames))
  .map(([drafts, frame]) => buildZip(drafts, frame));

const damage = fc.array(fc.tuple(fc.nat({ max: 100000 }), fc.nat({ max: 255 })), {
  minLength: 1,
  maxLength: 3,
});

/** Zips with bytes replaced, most of them near the end where the records are, or with bytes missing. */
const damagedZips = fc
  .tuple(soundZips, damage, fc.nat({ max: 3 }), fc.nat({ max: 60 }))
  .map(([zip, bytes, kind, cut]) => {
    if (kind === 0) return zip.subarray(0, Math.max(0, zip.length - cut));
    const damaged = Buffer.from(zip);
    for (const [at, value] of bytes)
      damaged[Math.max(0, damaged.length - 1 - (at % (kind === 1 ? damaged.length : 150)))] = value;
    return damaged;
  });

/** Zips of every kind. */
export const anyZips = fc.oneof(soundZips, lyingZips, damagedZips);
