import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { quote } from '../../src/module/quote.ts';
import { maxGoModBytes, maxZipBytes } from '../../src/module/zip.ts';
import {
  createSizeCheck,
  dependOnGoVersion,
  filesBelow,
  lacksLicence,
  selectFiles,
  type TreeFile,
} from '../../src/module/zip-files.ts';
import { judge } from '../oracle/agree.ts';
import { type Oracle, openOracle } from '../oracle/oracle.ts';
import { type ArchiveFile, anyTrees, goMods } from '../oracle/trees.ts';
import { requireTool } from '../setup/require.ts';

const file = (name: string): TreeFile => ({ name, kind: 'file' });
const goMod = (version: string): Buffer => Buffer.from(`module example.com/m\n\ngo ${version}\n`);

describe('of a tree', () => {
  test.each<[name: string, reason?: string]>([
    ['a/go.mod', 'a submodule begins with its go.mod'],
    ['a/x.go'],
    ['a/b/x.go'],
    ['B/x.go', 'on some systems B/GO.MOD is its go.mod'],
    ['vendor/example.com/x/x.go'],
    ['x/vendor/y/y.go'],
    ['.hg_archival.txt', 'whatever the system'],
    ['link'],
    ['submodule'],
  ])('%s stays out', (name) => {
    const tree: TreeFile[] = [
      file('a/go.mod'),
      file('B/GO.MOD'),
      { name: 'link', kind: 'link' },
      { name: 'submodule', kind: 'other' },
    ];
    const rest = ['a/x.go', 'a/b/x.go', 'B/x.go', 'vendor/example.com/x/x.go', 'x/vendor/y/y.go'];
    const { included, problems } = selectFiles(
      [...tree, ...rest.map(file), file('.hg_archival.txt'), file('go.mod'), file('ab/x.go')],
      undefined,
    );
    expect(problems).toEqual([]);
    expect(included).toEqual(['go.mod', 'ab/x.go']);
    expect(included).not.toContain(name);
  });

  test.each<[problem: string, tree: TreeFile[]]>([
    ['"./a": file path is not clean', [file('./a')]],
    ['"/a": file path is not relative', [file('/a')]],
    [`"a:b": malformed file path "a:b": invalid char ':'`, [file('a:b')]],
    ['"Go.mod": go.mod files must have lowercase names', [file('Go.mod')]],
    ['"A": case-insensitive file name collision: "a" and "A"', [file('a'), file('A')]],
    ['"A/y": case-insensitive file name collision: "a" and "A"', [file('a/x'), file('A/y')]],
    ['"a/b": entry "a" is both a file and a directory', [file('a'), file('a/b')]],
    ['"a": multiple entries for file "a"', [file('a'), file('a')]],
    ['"A": case-insensitive file name collision: "a" and "A"', [file('a'), { name: 'A', kind: 'link' }]],
  ])('no module can be made: %s', (problem, tree) => {
    expect(selectFiles(tree, undefined).problems).toEqual([problem]);
  });

  test('files in folders named vendor, and the list of vendored modules, depend on the go version', () => {
    const tree = ['go.mod', 'vendor/modules.txt', 'vendor/x.go', 'a/vendor/x.go', 'a/vendor/b/x.go'].map(
      file,
    );
    expect(selectFiles(tree, goMod('1.23.9')).included).toEqual([
      'go.mod',
      'vendor/modules.txt',
      'vendor/x.go',
    ]);
    expect(selectFiles(tree, goMod('1.24')).included).toEqual(['go.mod', 'vendor/x.go', 'a/vendor/x.go']);
  });

  test('a go.mod that is a link has no go version', () => {
    const tree: TreeFile[] = [{ name: 'go.mod', kind: 'link' }, file('vendor/modules.txt')];
    expect(selectFiles(tree, goMod('1.24')).included).toEqual(['vendor/modules.txt']);
  });

  test('only those below a folder are of its module, and places of other repositories are none', () => {
    const tree: TreeFile[] = [
      file('sub/a'),
      file('sub/b/c'),
      file('subs/a'),
      file('a'),
      { name: 'sub/x', kind: 'other' },
    ];
    expect(filesBelow(tree, 'sub')).toEqual([file('a'), file('b/c')]);
    expect(filesBelow(tree, '')).toHaveLength(4);
  });

  test('the LICENSE of the root is for modules below it that have none, not even a link', () => {
    expect(lacksLicence([file('a'), file('license'), file('b/LICENSE')], 'sub')).toBe(true);
    expect(lacksLicence([file('a')], '')).toBe(false);
    expect(lacksLicence([{ name: 'LICENSE', kind: 'link' }], 'sub')).toBe(false);
  });

  test('depend on the go version exactly when two contents of its go.mod can select other files', () => {
    const contents = goMods.map((text) => Buffer.from(text));
    fc.assert(
      fc.property(anyTrees, contents, contents, (tree, one, other) => {
        const withGoMod = [file('go.mod'), ...tree];
        const differs =
          JSON.stringify(selectFiles(withGoMod, one)) !== JSON.stringify(selectFiles(withGoMod, other));
        // It may say so where a file is in the way either way.
        if (differs) expect(dependOnGoVersion(withGoMod)).toBe(true);
      }),
      { numRuns: 500 },
    );
    const tree = [file('go.mod'), file('a/b.go')];
    expect(dependOnGoVersion(tree)).toBe(false);
    expect(dependOnGoVersion([...tree, file('vendor/modules.txt')])).toBe(true);
  });
});

describe('sizes', () => {
  test.each<[problem: string | undefined, sizes: [name: string, size: number][]]>([
    [
      undefined,
      [
        ['go.mod', maxGoModBytes],
        ['LICENSE', maxGoModBytes],
        ['a', maxZipBytes - 2 * maxGoModBytes],
      ],
    ],
    [undefined, [['a/LICENSE', maxGoModBytes + 1]]],
    ['"go.mod": go.mod file too large (max size is 16777216 bytes)', [['go.mod', maxGoModBytes + 1]]],
    ['"LICENSE": LICENSE file too large (max size is 16777216 bytes)', [['LICENSE', maxGoModBytes + 1]]],
    [
      'module source tree too large (max size is 524288000 bytes)',
      [
        ['a', maxZipBytes],
        ['b', 1],
      ],
    ],
  ])('of all files are held against bounds: %s', (problem, sizes) => {
    const check = createSizeCheck(Number.MAX_SAFE_INTEGER);
    const problems = sizes.map(([name, size]) => check(name, size));
    expect(problems.find((found) => found !== undefined)).toBe(problem);
  });

  test('have a lower bound where the house has one', () => {
    const check = createSizeCheck(1000);
    expect(check('a', 1000)).toBeUndefined();
    expect(check('b', 1)).toBe('module source tree too large (max size is 1000 bytes)');
  });
});

describe.skipIf(requireTool('go') === undefined)('x/mod agrees', () => {
  let oracle: Oracle;
  beforeAll(async () => {
    oracle = await openOracle();
  });
  afterAll(() => oracle?.close());

  const question = (tree: readonly (ArchiveFile & { declared?: number })[]) =>
    [
      'createZip',
      'example.com/m',
      'v1.0.0',
      tree.map((entry) => ({ ...entry, content: Buffer.from(entry.content).toString('base64') })),
      '',
      null,
    ] as const;

  test('whether a tree can be a module, which of its files go in, and what is wrong first', async () => {
    await judge(oracle, 6000, { cases: anyTrees, question }, (tree, answer) => {
      const { valid, invalid } = (answer as { ok: { valid: string[]; invalid: [string, string][] } }).ok;
      const ours = selectFiles(filesBelow(tree, ''), contentOf(tree));
      const [problem] = ours.problems;
      const agrees =
        problem === undefined
          ? invalid.length === 0 && isDeepStrictEqual(ours.included, valid)
          : isSameProblem(problem, invalid[0]);
      return agrees ? undefined : `ours says ${JSON.stringify(ours)}`;
    });
  });

  /** Of several files named go.mod at the root, the go command reads the last. */
  function contentOf(tree: readonly ArchiveFile[]): Buffer | undefined {
    const last = tree.findLast(({ name, kind }) => name === 'go.mod' && kind === 'file');
    return last && Buffer.from(last.content);
  }

  /** Malformed paths have reasons in words of our own. */
  function isSameProblem(ours: string, go: [path: string, text: string] | undefined): boolean {
    if (go === undefined) return false;
    const [path, text] = go;
    const malformed = `${quote(path)}: malformed file path ${quote(path)}: `;
    return text.startsWith('malformed file path ')
      ? ours.startsWith(malformed)
      : ours === `${quote(path)}: ${text}`;
  }

  test.each([
    [[['go.mod', maxGoModBytes]]],
    [[['go.mod', maxGoModBytes + 1]]],
    [[['LICENSE', maxGoModBytes + 1]]],
    [[['a/LICENSE', maxGoModBytes + 1]]],
    [[['a', maxZipBytes]]],
    [
      [
        ['a', maxZipBytes],
        ['b', 1],
      ],
    ],
    [[['a', maxZipBytes + 1]]],
  ] as [[name: string, size: number][]][])('what is too large: %j', async (sizes) => {
    const tree = sizes.map(([name, declared]) => ({ name, kind: 'file' as const, content: '', declared }));
    const [answer] = await oracle.ask([question(tree)]);
    const { sizeError, invalid } = (answer as { ok: { sizeError: string; invalid: [string, string][] } }).ok;
    const check = createSizeCheck(maxZipBytes);
    const problem = sizes.map(([name, size]) => check(name, size)).find((found) => found !== undefined);
    expect(problem ?? '').toBe(sizeError || invalid.map(([path, text]) => `${quote(path)}: ${text}`).join());
  });
});
