import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isStoaError } from '../../src/errors.ts';
import { createTarReader, type TarEntry } from '../../src/fetch/tar.ts';
import { git, openGitRepos } from '../fakes/git-repos.ts';
import { buildTar, record, type TarDraft } from './build-tar.ts';

type Read = TarEntry & { readonly content: string };

/** What a reader finds in an archive that comes in pieces of these sizes, over and over. */
function read(tar: Buffer, sizes: readonly number[] = [tar.length]): Read[] {
  const found: Read[] = [];
  const reader = createTarReader('example.com/m@v1.0.0', (entry) => {
    const pieces: Buffer[] = [];
    return {
      content: (piece) => pieces.push(Buffer.from(piece)),
      end: () => found.push({ ...entry, content: Buffer.concat(pieces).toString() }),
    };
  });
  for (let at = 0, i = 0; at < tar.length; i++) {
    const size = sizes[i % sizes.length]!;
    reader.push(tar.subarray(at, at + size));
    at += size;
  }
  reader.finish();
  return found;
}

const parts = fc.constantFrom('a', 'é', '字'.repeat(20), 'x'.repeat(90), 'y'.repeat(140), 'b c', 'd=e\nf');
const names = fc.array(parts, { minLength: 1, maxLength: 4 }).map((list) => list.join('/'));
const drafts: fc.Arbitrary<TarDraft> = fc.record({
  name: names,
  content: fc.oneof(
    fc.string({ maxLength: 20 }),
    fc.nat({ max: 2000 }).map((length) => 'z'.repeat(length)),
  ),
  longName: fc.constantFrom('pax', 'gnu'),
  paxSize: fc.boolean(),
});

describe('an archive', () => {
  test('is read as it was written, however it is cut', () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 1500 }), { minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(fc.array(drafts, { maxLength: 6 }), sizes, (list, cuts) => {
        const expected = list.map(({ name, content }) => ({
          name,
          type: 'file',
          size: Buffer.byteLength(content!),
          content,
        }));
        expect(read(buildTar(list), cuts)).toEqual(expected);
      }),
      { numRuns: 500 },
    );
  });

  test('has links and folders, and what is behind its end is nothing', () => {
    const tar = buildTar([
      { name: 'a/', type: '5' },
      { name: 'a/l', type: '2' },
      { name: 'old', type: '\0', content: 'x' },
    ]);
    expect(read(Buffer.concat([tar, Buffer.from('anything')]))).toEqual([
      { name: 'a', type: 'folder', size: 0, content: '' },
      { name: 'a/l', type: 'link', size: 0, content: '' },
      { name: 'old', type: 'file', size: 1, content: 'x' },
    ]);
  });

  test('may have names that are no UTF-8, and the second of them is not lost', () => {
    const tar = buildTar([{ name: Buffer.from([0x61, 0xff]) }, { name: 'b' }]);
    expect(read(tar).map(({ name }) => name)).toEqual(['a\ufffd', 'b']);
  });

  const spoiled = (spoil: (header: Buffer) => void) => buildTar([{ name: 'a', content: 'b', spoil }]);
  const withHeader = (type: string, content: string | Buffer) =>
    buildTar([{ name: 'x', type, content }, { name: 'a' }]);
  test.each<[problem: string, tar: Buffer]>([
    ['it ends in the middle', Buffer.alloc(0)],
    ['it ends in the middle', buildTar([{ name: 'a', content: 'b' }]).subarray(0, 1024 + 512 + 100)],
    ['it ends in the middle', buildTar([{ name: 'a', content: 'b' }]).subarray(0, -1024)],
    ['a header fails its checksum', Buffer.alloc(1024, 'x')],
    ['a header fails its checksum', Buffer.concat([Buffer.alloc(511), Buffer.from('x')])],
    ['the size of an entry is no number', spoiled((header) => header.write('8', 124))],
    ['the size of an entry is no number', spoiled((header) => header.writeUInt8(0x80, 124))],
    ['the size of an entry is no number', spoiled((header) => header.fill(0, 124, 136))],
    ['the size of an entry is no number', withHeader('x', record('size', '-1'))],
    ['the size of an entry is no number', withHeader('x', record('size', '9'.repeat(20)))],
    ['it has an entry of the type "1"', withHeader('1', '')],
    ['it has an entry of the type "S"', withHeader('S', '')],
    ['an extended header is damaged', withHeader('x', 'path=a\n')],
    ['an extended header is damaged', withHeader('x', '8 path=a\n')],
    ['an extended header is damaged', withHeader('x', '11 path=a\n')],
    ['an extended header is damaged', withHeader('x', '0 a=\n')],
    ['an extended header is damaged', withHeader('x', 'x')],
    ['an extended header has 1048577 bytes', withHeader('x', Buffer.alloc(1024 * 1024 + 1))],
  ])('is refused: %s', (problem, tar) => {
    expect(() => read(tar)).toThrow(`example.com/m@v1.0.0: malformed tar archive: ${problem}`);
  });

  test('of any bytes is read or refused', () => {
    const edits = fc.array(fc.tuple(fc.nat({ max: 5000 }), fc.nat({ max: 255 })), { maxLength: 3 });
    fc.assert(
      fc.property(fc.array(drafts, { maxLength: 4 }), edits, fc.nat({ max: 3000 }), (list, bytes, cut) => {
        const tar = buildTar(list);
        for (const [at, value] of bytes) tar[at % tar.length] = value;
        try {
          read(tar.subarray(0, tar.length - (cut % tar.length)), [700]);
        } catch (error) {
          if (!isStoaError(error, 'integrity')) throw error;
        }
      }),
      { numRuns: 500 },
    );
  });

  test.skipIf(git === undefined)('by git is read', async () => {
    await using repos = await openGitRepos();
    const long = `${'a'.repeat(80)}/${'b'.repeat(90)}/${'c'.repeat(200)}/${'d'.repeat(120)}.go`;
    const files = {
      'go.mod': 'module example.com/m\n',
      [long]: 'package d\n',
      [`é/${'e'.repeat(98)}`]: '',
      x: { executable: '#!' },
    };
    const repo = await repos.create('m', [
      { commit: 'one', files: { ...files, l: { link: 'f'.repeat(300) } } },
    ]);
    const tar = execFileSync(git!, ['-C', repo.folder, 'archive', '--format=tar', repo.hash('one')]);
    const entries = read(tar, [1000]).filter(({ type }) => type !== 'folder');
    const shown = entries.map(({ name, type, content }) => [name, type, content]);
    expect(new Set(shown)).toEqual(
      new Set([
        ['go.mod', 'file', 'module example.com/m\n'],
        [long, 'file', 'package d\n'],
        [`é/${'e'.repeat(98)}`, 'file', ''],
        ['l', 'link', ''],
        ['x', 'file', '#!'],
      ]),
    );
  });
});
