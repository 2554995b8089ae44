import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { isStoaError } from '../../src/errors.ts';
import { createZipWriteJob, type ZipOrder } from '../../src/fetch/zip-write-job.ts';
import { maxZipBytes } from '../../src/module/zip.ts';
import type { TreeFile } from '../../src/module/zip-files.ts';
import { hashZip } from '../module/read-zip.ts';
import { judge } from '../oracle/agree.ts';
import { type Answer, type Oracle, openOracle } from '../oracle/oracle.ts';
import { type ArchiveFile, modulesInTrees } from '../oracle/trees.ts';
import { requireTool } from '../setup/require.ts';
import { buildTar } from './build-tar.ts';

const version = { path: 'example.com/m', version: 'v1.0.0' };
const plain: ZipOrder = { version, folder: '', maxBytes: maxZipBytes };

interface Content {
  readonly name: string;
  readonly kind?: TreeFile['kind'];
  readonly content?: string | Uint8Array;
}

/** The archive of these files; a place of another repository is a folder in it, and a link has no content. */
function tarOf(files: readonly Content[]): Buffer {
  return buildTar(
    files.map(({ name, kind = 'file', content = '' }) => {
      if (kind === 'file') return { name, content };
      return kind === 'link' ? { name, type: '2' } : { name: `${name}/`, type: '5' };
    }),
  );
}

/** The zip that a job makes of a tree and its archive, which comes in pieces of these sizes, over and over. */
function make(
  order: ZipOrder,
  files: readonly Content[],
  sizes: readonly number[] = [64 * 1024],
  tar = tarOf(files),
): { zip: Buffer; h1: string } {
  const job = createZipWriteJob(order);
  job.list(files.map(({ name, kind = 'file' }) => ({ name, kind })));
  job.select();
  const pieces: Uint8Array[] = [];
  for (let at = 0, i = 0; at < tar.length; i++) {
    const size = sizes[i % sizes.length]!;
    pieces.push(job.write(Uint8Array.from(tar.subarray(at, at + size))));
    at += size;
  }
  const { bytes, zip } = job.finish();
  const whole = Buffer.concat([...pieces, bytes]);
  expect(zip.size).toBe(whole.length);
  return { zip: whole, h1: zip.h1 };
}

describe('the zip of a tree', () => {
  const large = 1024 * 1024;
  test.each([0, 1, large - 1, large, large + 1, large + 100, 2 * large, 2 * large + 40_000])(
    'has a file of %i bytes as it was, whatever can be deflated of it',
    (size) => {
      const text = Buffer.alloc(size, 'some text that is repeated, and is not what deflate keeps as it is\n');
      const noise = randomBytes(size);
      const mixed = Buffer.concat([
        noise.subarray(0, size / 2),
        text.subarray(0, size - Math.floor(size / 2)),
      ]);
      for (const content of [text, noise, mixed]) {
        const files = [{ name: 'before', content: 'x' }, { name: 'f', content }, { name: 'go.mod' }];
        const { zip, h1 } = make(plain, files, [60_000, 1, 99_999]);
        expect(hashZip(version, zip)).toBe(h1);
        expect(make(plain, files).zip.equals(zip)).toBe(true);
      }
    },
  );

  test('is not larger than what is in it by more than its headers', () => {
    const content = randomBytes(500_000);
    expect(make(plain, [{ name: 'f', content }]).zip.length).toBeLessThan(500_200);
    expect(make(plain, [{ name: 'f', content: Buffer.alloc(3_000_000) }]).zip.length).toBeLessThan(5_000);
  });

  test('is the same however the archive is cut', () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 3000 }), { minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(modulesInTrees, sizes, ({ files }, cuts) => {
        const clean = files.filter(({ name }) => /^[a-z./]+$/.test(name) && !/vendor/.test(name));
        const outcome = (list?: number[]) => outcomeOf(() => make(plain, clean, list).zip.toString('latin1'));
        expect(outcome(cuts)).toEqual(outcome());
      }),
      { numRuns: 200 },
    );
  });

  test.each<[problem: string, order: Partial<ZipOrder>, files: Content[]]>([
    [
      'create zip: "A": case-insensitive file name collision: "a" and "A"',
      {},
      [{ name: 'a' }, { name: 'A' }],
    ],
    [
      'create zip: "a:": malformed file path "a:": invalid char \':\'; "b:": malformed file path "b:": invalid char \':\'; "c:": malformed file path "c:": invalid char \':\'; and 2 more',
      {},
      ['a:', 'b:', 'c:', 'd:', 'e:'].map((name) => ({ name })),
    ],
    [
      'create zip: module source tree too large (max size is 1000 bytes)',
      { maxBytes: 1000 },
      [
        { name: 'a', content: 'x'.repeat(600) },
        { name: 'b', content: 'x'.repeat(401) },
      ],
    ],
    [
      'create zip: module zip file is too large (limit is 1000 bytes)',
      { maxBytes: 1000 },
      [{ name: 'a', content: randomBytes(1000) }],
    ],
    [
      'create zip: "LICENSE": LICENSE file too large (max size is 16777216 bytes)',
      { folder: 'sub', licence: Buffer.alloc(16 * large + 1) },
      [{ name: 'sub/a' }],
    ],
    [
      'create zip: "go.mod": go.mod file too large (max size is 16777216 bytes)',
      {},
      [{ name: 'go.mod', content: Buffer.alloc(16 * large + 1) }],
    ],
  ])('is not made: %s', (problem, order, files) => {
    expect(outcomeOf(() => make({ ...plain, ...order }, files))).toEqual({
      kind: 'integrity',
      message: `example.com/m@v1.0.0: ${problem}`,
    });
  });

  test('is not made of what is no module version', () => {
    const order = { ...plain, version: { path: 'example.com/m', version: 'v2.0.0' } };
    expect(outcomeOf(() => make(order, []))).toMatchObject({ kind: 'malformed' });
  });

  test.each<[problem: string, archive: Content[]]>([
    ['the archive lacks "b"', [{ name: 'a' }]],
    ['the archive has "c" once more than the tree', [{ name: 'a' }, { name: 'b' }, { name: 'c' }]],
    ['the archive has "a" once more than the tree', [{ name: 'a' }, { name: 'a' }]],
    ['"b" is a file in the tree and a link in the archive', [{ name: 'a' }, { name: 'b', kind: 'link' }]],
  ])('is not made of another archive: %s', (problem, archive) => {
    const files = [{ name: 'a' }, { name: 'b' }];
    expect(outcomeOf(() => make(plain, files, undefined, tarOf(archive)))).toEqual({
      kind: 'integrity',
      message: `example.com/m@v1.0.0: create zip: ${problem}`,
    });
  });
});

/** What came out, or the error without its stack. */
function outcomeOf<T>(work: () => T): T | { kind: string; message: string } {
  try {
    return work();
  } catch (error) {
    if (!isStoaError(error)) throw error;
    return { kind: error.kind, message: error.message };
  }
}

describe.skipIf(requireTool('go') === undefined)('x/mod agrees', () => {
  let oracle: Oracle;
  beforeAll(async () => {
    oracle = await openOracle();
  });
  afterAll(() => oracle?.close());

  type Case = { folder: string; licence: string | undefined; files: ArchiveFile[] };

  const ours = ({ folder, licence, files }: Case) => {
    const root = folder === '' ? '' : `${folder}/`;
    const goMod = files.find(({ name, kind }) => name === `${root}go.mod` && kind === 'file');
    const order = {
      ...plain,
      folder,
      ...(goMod && { goMod: Buffer.from(goMod.content) }),
      ...(licence !== undefined && { licence: Buffer.from(licence) }),
    };
    return outcomeOf(() => make(order, files, [700]));
  };
  const goSays = (answer: Answer) => (answer as { ok: { h1: string; createError: string } }).ok;

  test('whether a module can be made of a tree, and its h1 hash', async () => {
    const encode = (content: string) => Buffer.from(content).toString('base64');
    const question = ({ folder, licence, files }: Case) =>
      [
        'createZip',
        version.path,
        version.version,
        files.map((file) => ({ ...file, content: encode(file.content) })),
        folder,
        licence === undefined ? null : encode(licence),
      ] as const;
    const seen = { made: 0, refused: 0 };
    await judge(oracle, 4000, { cases: modulesInTrees, question }, (input, answer) => {
      const { h1, createError } = goSays(answer);
      const made = ours(input);
      if (createError === '') seen.made++;
      else seen.refused++;
      const agrees = 'h1' in made ? made.h1 === h1 : createError !== '';
      return agrees ? undefined : `ours says ${JSON.stringify(made)}`;
    });
    expect(Math.min(seen.made, seen.refused)).toBeGreaterThan(500);
  });

  test('that what is made is a zip of this module, and has this h1 hash', async () => {
    const zips = modulesInTrees.map(ours).filter((made) => 'h1' in made);
    const question = ({ zip }: { zip: Buffer }) =>
      ['checkZip', version.path, version.version, zip.toString('base64')] as const;
    await judge(oracle, 1000, { cases: zips, question }, ({ h1, zip }, answer) => {
      const go = (answer as { ok: Record<string, string> }).ok;
      const agrees = go.checkError === '' && go.h1 === h1 && hashZip(version, zip) === h1;
      return agrees ? undefined : `ours says ${h1}`;
    });
  });

  test('that a zip may have more entries than its old end record can count', async () => {
    const files = Array.from({ length: 70_000 }, (_, i) => ({ name: `f${i}` }));
    const { zip, h1 } = make(plain, files);
    const [answer] = await oracle.ask([['checkZip', version.path, version.version, zip.toString('base64')]]);
    expect(answer).toEqual({ ok: { h1, hashError: '', checkError: '' } });
    expect(hashZip(version, zip)).toBe(h1);
  });
});
