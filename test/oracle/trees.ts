/** Generated trees of repositories, near the rules about what goes into a module zip. */
import fc from 'fast-check';
import type { TreeFile } from '../../src/module/zip-files.ts';
import { mostly, oneOf } from './cases.ts';

/** An entry of an archive, with what is in it; a link's content is where it leads. */
export interface ArchiveFile extends TreeFile {
  readonly content: string;
}

const folders = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.constantFrom('', '', 'a/', 'a/b/', 'sub/', 'vendor/', 'vendor/x/', 'a/vendor/'),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      ...['A/', 'a/B/', 'Vendor/', 'vendor/vendor/', 'x/vendor/y/', 'a/vendor/b/vendor/', 'vendored/'],
      ...['é/', 'é/vendor/', 'vendor/é/', 'go.mod/', 'a/GO.MOD/', 'LICENSE/', '.git/', 'con/', 'ſ/', 'S/'],
    ),
  },
);

const bases = fc.oneof(
  { weight: 6, arbitrary: oneOf('a.go b.go go.mod LICENSE modules.txt vendor x sub') },
  {
    weight: 1,
    arbitrary: oneOf(
      'A.go GO.MOD Go.mod go.sum license .hg_archival.txt con.go a:b é.go É.go σ ς K \u212a a. 😀 e\u0301 vendor.go',
    ),
  },
);

/** Names that a tree of git has only when somebody made it by hand. */
const oddNames = oneOf('./a a/./b a/../b ../a .. . a//b a/ / /a //a vendor//a a/vendor/../b');

const kinds: fc.Arbitrary<TreeFile['kind']> = fc.oneof(
  { weight: 12, arbitrary: fc.constant('file') },
  { weight: 2, arbitrary: fc.constant('link') },
  { weight: 1, arbitrary: fc.constant('other') },
);

const goVersions = fc.oneof(
  oneOf('1.23 1.24 1.24.1 1.25 1.9 1.24rc1 2.0'),
  oneOf('1.24.0rc1 1.24rc01 1.24.01 1.024 v1.24 1.24-custom 1.24x 1 0.24 10.1 1.9999999999999999999999'),
);

/** What a go.mod says, of which the line with the go version counts. */
export const goMods = fc.oneof(
  { weight: 6, arbitrary: goVersions.map((version) => `module example.com/m\n\ngo ${version}\n`) },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      ...['', 'module example.com/m\n', 'go 1.24\ngo 1.25\n', 'go (\n1.24\n)\n', 'go 1.25 // go 1.9\n'],
      ...[
        'go 1.24\nrequire nonsense\n',
        'go 1.24\r\n',
        '\ufeffgo 1.24\n',
        'go "1.24"\n',
        'go 1.24\nfoo (\n',
        'go\n',
      ],
    ),
  },
);

function treeOf(names: fc.Arbitrary<string>): fc.Arbitrary<ArchiveFile[]> {
  const file = fc.record({ name: names, kind: kinds, content: fc.string({ maxLength: 30 }) });
  return fc
    .tuple(fc.array(file, { maxLength: 12 }), goMods)
    .map(([files, goMod]) =>
      files.map((entry) => (entry.name.endsWith('go.mod') ? { ...entry, content: goMod } : entry)),
    );
}

const plainNames = fc.tuple(folders, bases).map(([folder, base]) => folder + base);

/** Trees with names of every kind, some twice. */
export const anyTrees = treeOf(
  fc.oneof({ weight: 20, arbitrary: plainNames }, { weight: 1, arbitrary: oddNames }),
);

/** Trees that git could have, each with a folder of it, and perhaps the LICENSE of the root. */
export const modulesInTrees = fc
  .tuple(
    mostly(fc.constant(''), oneOf('sub a/b sub/v2 vendor')),
    treeOf(plainNames),
    fc.option(fc.constantFrom('a licence', ''), { nil: undefined }),
  )
  .map(([folder, files, licence]) => ({
    folder,
    licence,
    files: uniqueByName(
      files.map((file) => ({ ...file, name: folder === '' ? file.name : `${folder}/${file.name}` })),
    ),
  }));

function uniqueByName(files: readonly ArchiveFile[]): ArchiveFile[] {
  return [...new Map(files.map((file) => [file.name, file])).values()];
}
