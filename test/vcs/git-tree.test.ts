import fc from 'fast-check';
import { expect, test } from 'vitest';
import { findEntry, kindOf, parseCommit } from '../../src/vcs/git-tree.ts';

const tree = 'a'.repeat(40);

test.each([
  ['plain', 'committer Gopher <g@example.com> 1715000000 +0200', 1715000000],
  ['without a name', 'committer  <> 0 +0000', 0],
  ['with marks in its name', 'committer a > b <c>d> 5 -0700', 5],
  ['without a time zone', 'committer Gopher <g@example.com> 1715000000', 1715000000],
  ['with an odd time zone', 'committer Gopher <g@example.com> 1715000000 +051800', 1715000000],
])('the time of a commit whose committer is %s', (_, committer, seconds) => {
  const text = `tree ${tree}\nparent ${tree}\nauthor Other <o@example.com> 77 +0000\n${committer}\n\ncommitter Liar <l@example.com> 99 +0000\n`;
  expect(parseCommit(Buffer.from(text))).toEqual({ tree, time: new Date(seconds * 1000) });
});

test.each([
  '',
  'tree x\n',
  `tree ${tree}\n`,
  `tree ${tree}\nauthor A <a> 1 +0000\n\ncommitter B <b> 1 +0000\n`,
  `tree ${tree}\ncommitter B <b> soon +0000\n\n`,
  `tree ${tree}\ncommitter B <b> 99999999999999 +0000\n\n`,
  `author A <a> 1 +0000\ntree ${tree}\ncommitter B <b> 1 +0000\n`,
])('%j is no commit', (text) => {
  expect(parseCommit(Buffer.from(text))).toBeUndefined();
});

/** A folder's object, as git writes it. */
function formatTree(entries: readonly (readonly [mode: string, name: string, hash: Uint8Array])[]): Buffer {
  return Buffer.concat(entries.flatMap(([mode, name, hash]) => [Buffer.from(`${mode} ${name}\0`), hash]));
}

test('an entry is found by its whole name', () => {
  const hash = (byte: number) => Buffer.alloc(20, byte);
  const bytes = formatTree([
    ['100644', 'go', hash(0)],
    ['100755', 'go.mod', hash(0x20)],
    ['40000', 'go.mod.d', hash(2)],
    ['120000', 'link', hash(3)],
    ['160000', 'other', hash(4)],
    ['100664', 'ünï', hash(5)],
  ]);
  const find = (name: string) => findEntry(bytes, name, 20);
  expect(find('go.mod')).toEqual({ kind: 'file', hash: '20'.repeat(20) });
  expect(find('go.mod.d')).toEqual({ kind: 'folder', hash: '02'.repeat(20) });
  expect(find('link')).toMatchObject({ kind: 'link' });
  expect(find('other')).toMatchObject({ kind: 'submodule' });
  expect(find('ünï')).toMatchObject({ kind: 'file' });
  for (const name of ['', 'g', 'GO', 'go.mod\0', 'mod', '\x20']) expect(find(name)).toBeUndefined();
});

test('a folder with any names and hashes is read, and a cut one is broken', () => {
  const name = fc
    .string({ unit: 'binary', minLength: 1, maxLength: 20 })
    .filter((text) => !text.includes('\0'));
  const entry = fc.tuple(
    fc.constantFrom('100644', '040000', '40000'),
    name,
    fc.uint8Array({ minLength: 32, maxLength: 32 }),
  );
  const entries = fc.uniqueArray(entry, {
    selector: ([, text]) => Buffer.from(text).toString('latin1'),
    minLength: 1,
  });
  fc.assert(
    fc.property(entries, (entries) => {
      const bytes = formatTree(entries);
      for (const [, text, hash] of entries) {
        expect(findEntry(bytes, text, 32)).toMatchObject({ hash: Buffer.from(hash).toString('hex') });
      }
      expect(findEntry(bytes.subarray(0, -1), '\0none', 32)).toBe('broken');
    }),
  );
});

test('anything may be looked into', () => {
  fc.assert(
    fc.property(fc.uint8Array(), fc.string(), (bytes, name) => {
      findEntry(Buffer.from(bytes), name, 20);
      parseCommit(Buffer.from(bytes));
    }),
  );
});

test.each([
  [0o100644, 'file'],
  [0o100755, 'file'],
  [0o100664, 'file'],
  [0o120000, 'link'],
  [0o40000, 'folder'],
  [0o160000, 'submodule'],
  [0, 'submodule'],
] as const)('mode %o is that of a %s', (mode, kind) => {
  expect(kindOf(mode)).toBe(kind);
});
