// Repositories over which the go command judges: some for a rule each, many made at random from all rules at once.
import type { Change, Step } from '../fakes/git-repos.ts';
import { pick, randomFrom } from '../faults/random.ts';
import { scripts } from '../fetch/coderepo-scripts.ts';

/** A repository, and what is asked about it. */
export interface JudgedRepo {
  /** Where it is: the import path of its root, below which modules are looked for. */
  readonly root: string;
  /** The folder that a page names for the root. */
  readonly subdir?: string;
  readonly script: readonly Step[];
  readonly objectFormat?: 'sha1' | 'sha256';
  /** Module paths in it, of modules and of none. */
  readonly paths: readonly string[];
  /** Branches and tags to ask for. */
  readonly names: readonly string[];
}

/** As many repositories as that, the same ones for a seed. */
export function randomRepos(count: number, seed: number): JudgedRepo[] {
  const random = randomFrom(seed);
  return Array.from({ length: count }, (_, i) =>
    writeRepo(`github.com/acme/r${i}`, (end) => pick(random, end)),
  );
}

/** A whole number from 0 up to but not including `end`. */
type Draw = (end: number) => number;

function writeRepo(root: string, draw: Draw): JudgedRepo {
  const one = <T>(of: readonly T[]): T => of[draw(of.length)]!;
  const maybe = (percent: number): boolean => draw(100) < percent;
  const goLine = () => one(['', '', '\ngo 1.16\n', '\ngo 1.21\n', '\ngo 1.24\n']);
  const retract = () =>
    maybe(25) ? `\nretract ${one(['v1.0.0', '[v1.0.0, v1.2.0]', 'v0.1.0', 'v1.1.0-rc.1'])}\n` : '';
  const goMod = (path: string): string => `module ${path}\n${goLine()}${retract()}`;

  const changes: readonly (() => Record<string, Change>)[] = [
    () => ({ 'go.mod': goMod(root) }),
    () => ({ 'go.mod': goMod(root), 'sub/go.mod': goMod(`${root}/sub`) }),
    () => ({ 'sub/go.mod': goMod(`${root}/sub`) }),
    () => ({ 'go.mod': goMod(`${root}/v2`) }),
    () => ({
      'go.mod': one<Change>([null, '', goMod('example.org/fork'), goMod('gopkg.in/x.v1'), '// nothing\n']),
    }),
    () => ({ 'v2/go.mod': one<Change>([goMod(`${root}/v2`), goMod(`${root}/v2`), goMod(root), null]) }),
    () => ({ 'sub/go.mod': one<Change>([goMod(`${root}/sub`), goMod(`${root}/sub/v2`), null]) }),
    () => ({ 'sub/v2/go.mod': one<Change>([goMod(`${root}/sub/v2`), null]) }),
    () => ({ 'sub/deep/go.mod': goMod(`${root}/sub/deep`), 'sub/deep/d.go': 'package deep\n' }),
    () => ({ 'sub/s.go': `package sub // ${draw(100)}\n`, 'm.go': `package m // ${draw(100)}\n` }),
    () => ({ LICENSE: one<Change>([`licence ${draw(9)}\n`, { link: 'sub/LICENSE' }, null]) }),
    () => ({ 'sub/LICENSE': one<Change>(['licence of sub\n', { link: '../LICENSE' }, null]) }),
    () => ({
      'vendor/modules.txt': '# none\n',
      'vendor/x.go': 'package x\n',
      'vendor/a/a.go': 'package a\n',
    }),
    () => ({
      'sub/vendor/b/b.go': 'package b\n',
      'sub/vendor/y.go': 'package y\n',
      'sub/pkg/vendor/c/c.go': 'package c\n',
    }),
    () => ({
      link: { link: one(['m.go', '/etc/passwd', '../outside']) },
      'sub/run.sh': { executable: '#!/bin/sh\n' },
    }),
    () => ({ 'sub/other': { submodule: '1234567890123456789012345678901234567890' } }),
    () => ({ '.gitattributes': one(attributes), 'id.txt': '$Id$ $Format:%H$\n', 'text.txt': 'one\ntwo\n' }),
    () => ({ 'sub/.gitattributes': one(attributes), 'sub/id.txt': '$Id$\n', 'sub/text.txt': 'one\r\ntwo\n' }),
    () => ({ 'größe.go': 'package m\n', 'a b.txt': 'spaces\n', '.hidden/.x': '' }),
    () => ({ 'sub/CASE/GO.MOD': 'module x\n', 'sub/CASE/x.go': 'package x\n', '.hg_archival.txt': 'node\n' }),
    () =>
      maybe(20)
        ? { [one(['aux.txt', 'bad*name', 'M.go', 'GO.mod'])]: 'refused\n' }
        : { 'plain.txt': 'plain\n' },
  ];

  const tagOf = (tree: Tree): string => {
    if (maybe(15)) return one(oddTags);
    const rest = `${draw(3)}.${one([0, 0, 1])}${one(['', '', '', '-rc.1'])}`;
    const [prefix, majors] = maybe(70) ? one(modulesIn(root, tree)) : one(anyModules);
    return `${prefix}v${one(majors)}.${rest}`;
  };

  const script: Step[] = [];
  const trees = new Map<string, Tree>();
  const tips = new Map<string, string>();
  const names = new Set(['main']);
  const used = new Set<string>();
  for (let i = 0; i < 5 + draw(5); i++) {
    const label = `c${i}`;
    const on = i > 1 && maybe(25) ? one(['dev', 'dev', 'v1.9.0', 'v3.4.5']) : 'main';
    const tip = tips.get(on) ?? one([...trees.keys(), undefined]);
    const merged = tip !== undefined && maybe(15) ? one([...trees.keys()]) : tip;
    const files: Record<string, Change> = { 'n.txt': `${i}\n` };
    for (let j = 0; j < 1 + draw(4); j++) Object.assign(files, one(changes)());
    const parents = [...new Set([tip, merged].filter((parent) => parent !== undefined))];
    script.push({ commit: label, on, files, parents });
    names.add(on);
    tips.set(on, label);
    trees.set(label, { ...(tip === undefined ? {} : trees.get(tip)), ...files });
    for (let j = draw(4); j > 0; j--) {
      const tag = tagOf(trees.get(label)!);
      if (used.has(tag)) continue;
      used.add(tag);
      if (!tag.includes('/')) names.add(tag);
      script.push({ tag, at: label, ...(maybe(20) && { message: `tag ${tag}` }) });
    }
  }
  return {
    root,
    script,
    paths: ['', '/v2', '/v3', '/sub', '/sub/v2', '/sub/deep', '/none'].map((below) => `${root}${below}`),
    names: [...names],
  };
}

type Tree = Readonly<Record<string, Change>>;

/** What stands before the version in the tags of a module, and the major versions it may have. */
type Tagged = readonly [prefix: string, majors: readonly number[]];

const anyModules: readonly Tagged[] = [
  ['', [0, 1, 2, 3]],
  ['sub/', [0, 1, 2, 3]],
];

/** The modules that a commit with these files holds. */
function modulesIn(root: string, tree: Tree): readonly Tagged[] {
  const declares = (file: string, path: string): boolean =>
    typeof tree[file] === 'string' && tree[file].startsWith(`module ${path}\n`);
  const found: Tagged[] = typeof tree['go.mod'] === 'string' ? [] : [['', [0, 1, 2, 3]]];
  for (const [prefix, path] of [
    ['', root],
    ['sub/', `${root}/sub`],
  ] as const) {
    if (declares(`${prefix}go.mod`, path)) found.push([prefix, [0, 1, 1]]);
    if (declares(`${prefix}go.mod`, `${path}/v2`) || declares(`${prefix}v2/go.mod`, `${path}/v2`))
      found.push([prefix, [2]]);
  }
  return found.length === 0 ? anyModules : found;
}

/** Tags that are none of a version, or not of one that can be recorded. */
const oddTags = [
  'v1',
  'v1.2',
  '1.2.3',
  'nightly',
  'v1.0.5+meta',
  'v2.0.9+incompatible',
  'sub/v1.2',
  'v0.0.0-20200101000000-0123456789ab',
  'v1.2.3.4',
  'V1.0.0',
];

const attributes = [
  '*.txt text eol=crlf\n',
  '*.txt ident\n',
  '*.txt export-subst\n*.go export-ignore\n',
  '*.txt text working-tree-encoding=UTF-16LE\n',
  '* text=auto\n',
  '*.txt filter=lfs diff=lfs merge=lfs -text\n',
  '[attr]mine text eol=crlf\nid.txt mine ident\n',
];

/** Attributes that give a go.mod another text in a zip, or seem to; which vendored files go in depends on its go version there. */
const goModAttributes = [
  'go.mod text eol=crlf',
  'go.mod eol=crlf',
  'go.mod crlf eol=crlf',
  'go.mod -text eol=crlf',
  '* text=auto eol=crlf',
  '[attr]windows text eol=crlf\ngo.mod windows',
  'go.mod ident',
  '/go.mod text eol=crlf ident',
  'go.mod export-subst export-ignore',
  ...[
    'UTF-8',
    'UTF-16',
    'UTF-16LE',
    'UTF-16LE-BOM',
    'UTF-32BE',
    'UTF-7',
    'ISO-8859-1',
    'EBCDIC-US',
    'NO-SUCH',
  ].map((encoding) => `go.mod text working-tree-encoding=${encoding}`),
  'go.mod ident eol=crlf working-tree-encoding=UTF-16BE',
];

const vendored = {
  'm.go': 'package m\n',
  'vendor/modules.txt': '# none\n',
  'vendor/x.go': 'package x\n',
  'vendor/a/a.go': 'package a\n',
  'pkg/vendor/y.go': 'package y\n',
  'pkg/vendor/b/b.go': 'package b\n',
};

const go = (path: string, line = ''): string => `module ${path}\n${line}`;
const rebuilt = Object.entries(scripts)
  .filter(([root]) => !root.startsWith('gopkg.in/'))
  .map(([root, script]): JudgedRepo => {
    const here = `github.com/rebuilt/${root.split('/').at(-1)!.replace('.git', '')}`;
    return {
      root: here,
      script,
      paths: ['', '/v2', '/v3', '/submod', '/v54321'].map((below) => `${here}${below}`),
      names: ['main', 'v2', 'v2.3', 'v1.0.0', 'v3.0.0-devel', 'v0.1.0+build-metadata', 'mytag'],
    };
  });

/** Repositories for what chance would seldom make; those outside of github.com are found by a page. */
export const ruledRepos: readonly JudgedRepo[] = [
  ...rebuilt,
  {
    root: 'gopkg.in/acme/plain.v2',
    script: [
      { commit: 'a', files: { 'p.go': 'package p\n' }, tags: ['v1.0.0', 'v2.0.0', 'v2.1', 'v3.0.0'] },
      { commit: 'b', files: { 'go.mod': go('gopkg.in/acme/plain.v2') }, tags: ['v2.2.0-rc.1'] },
      { commit: 'c', files: { 'go.mod': go('gopkg.in/acme/plain.v3') }, tags: ['v2.3.0'] },
      { commit: 'd', files: { 'go.mod': go('gopkg.in/acme/plain.v2') } },
    ],
    paths: ['gopkg.in/acme/plain.v2'],
    names: ['main', 'v2.1'],
  },
  {
    root: 'gopkg.in/acme/old.v1',
    script: [{ commit: 'a', files: { 'p.go': 'package p\n' }, time: '2015-05-05T05:05:05Z' }],
    paths: ['gopkg.in/acme/old.v1'],
    names: ['main'],
  },
  {
    root: 'gopkg.in/acme/edge.v2-unstable',
    script: [
      { commit: 'a', files: { 'p.go': 'package p\n' }, tags: ['v2.0.0'] },
      { commit: 'b', files: { 'p.go': 'package p // b\n' } },
    ],
    paths: ['gopkg.in/acme/edge.v2-unstable'],
    names: ['main'],
  },
  {
    // The page leads from the whole path, so `v2` is no folder.
    root: 'vanity.example.com/whole/v2',
    script: [
      { commit: 'a', files: { 'go.mod': go('vanity.example.com/whole/v2') }, tags: ['v2.0.0', 'v1.0.0'] },
      { commit: 'b', files: { 'v2/go.mod': go('vanity.example.com/whole/v2') } },
    ],
    paths: ['vanity.example.com/whole/v2'],
    names: ['main'],
  },
  {
    root: 'vanity.example.com/folder',
    subdir: 'go/src',
    script: [
      {
        commit: 'a',
        files: {
          LICENSE: 'of the root\n',
          'go/src/go.mod': go('vanity.example.com/folder'),
          'go/src/f.go': 'package f\n',
        },
        tags: ['v1.0.0', 'go/src/v1.1.0', 'go/src/v2.0.0'],
      },
      {
        commit: 'b',
        files: { 'go/src/v2/go.mod': go('vanity.example.com/folder/v2') },
        tags: ['go/src/v2.0.1'],
      },
    ],
    paths: ['vanity.example.com/folder', 'vanity.example.com/folder/v2'],
    names: ['main'],
  },
  {
    root: 'github.com/acme/sha256',
    objectFormat: 'sha256',
    script: [
      { commit: 'a', files: { 'go.mod': go('github.com/acme/sha256') }, tags: ['v1.0.0'] },
      { commit: 'b', files: { 'b.go': 'package b\n' } },
    ],
    paths: ['github.com/acme/sha256'],
    names: ['main'],
  },
  {
    root: 'github.com/acme/attributes',
    script: attributes.map((text, i) => ({
      commit: `a${i}`,
      files: {
        'go.mod': go('github.com/acme/attributes', '\ngo 1.21\n'),
        '.gitattributes': text,
        'id.txt': `$Id$ $Format:%H %an$\nü ${i}\n`,
        'crlf.txt': `one\r\ntwo\r\n${i}\r\n`,
        'lf.txt': `one\ntwo\n${i}\n`,
        'a.go': 'package a\n',
      },
      tags: [`v1.0.${i}`],
    })),
    paths: ['github.com/acme/attributes'],
    names: [],
  },
  {
    // The text of a go.mod in a zip may be another than that of the .mod.
    root: 'github.com/acme/odd-mod',
    script: [
      {
        commit: 'a',
        files: {
          '.gitattributes': 'go.mod text eol=crlf\n',
          'go.mod': go('github.com/acme/odd-mod', '\ngo 1.24\n'),
        },
        tags: ['v1.0.0'],
      },
      {
        commit: 'b',
        files: { '.gitattributes': 'go.mod text working-tree-encoding=UTF-16LE\n' },
        tags: ['v1.0.1'],
      },
      {
        commit: 'c',
        files: {
          '.gitattributes': null,
          'go.mod': { link: 'real.mod' },
          'real.mod': go('github.com/acme/odd-mod'),
        },
        tags: ['v1.0.2'],
      },
      { commit: 'd', files: { 'go.mod': { executable: go('github.com/acme/odd-mod') } }, tags: ['v1.0.3'] },
    ],
    paths: ['github.com/acme/odd-mod'],
    names: ['main'],
  },
  {
    root: 'github.com/acme/vendor-mod',
    script: goModAttributes.flatMap((text, i) =>
      // What is behind the second changes with `ident`: then it is no go version any more.
      ['1.23', '1.24$Id$', '1.25 // ü'].map(
        (version, j): Step => ({
          commit: `${i}-${j}`,
          files: {
            ...vendored,
            '.gitattributes': `${text}\n`,
            'go.mod': go('github.com/acme/vendor-mod', `\ngo ${version}\n`),
          },
          tags: [`v1.${i}.${j}`],
        }),
      ),
    ),
    paths: ['github.com/acme/vendor-mod'],
    names: [],
  },
  {
    root: 'github.com/acme/vendor-sub',
    script: [
      {
        commit: 'a',
        files: {
          LICENSE: 'of the root\n',
          '.gitattributes': 'sub/go.mod text working-tree-encoding=UTF-16LE\n',
          'sub/go.mod': go('github.com/acme/vendor-sub/sub', '\ngo 1.24\n'),
          ...Object.fromEntries(Object.entries(vendored).map(([name, text]) => [`sub/${name}`, text])),
        },
        tags: ['sub/v1.0.0'],
      },
      {
        commit: 'b',
        files: { 'sub/.gitattributes': 'go.mod -working-tree-encoding\n' },
        tags: ['sub/v1.0.1'],
      },
      { commit: 'c', files: { '.gitattributes': { link: 'sub/.gitattributes' } }, tags: ['sub/v1.0.2'] },
      { commit: 'd', files: { 'sub/go.mod': { link: '../go.mod' } }, tags: ['sub/v1.0.3'] },
    ],
    paths: ['github.com/acme/vendor-sub', 'github.com/acme/vendor-sub/sub'],
    names: ['main'],
  },
  {
    // For the go command a tag of a module in a folder looks like a pseudo-version only where it is listed.
    root: 'github.com/acme/pseudo-tags',
    script: [
      {
        commit: 'a',
        files: {
          'go.mod': go('github.com/acme/pseudo-tags'),
          'sub/go.mod': go('github.com/acme/pseudo-tags/sub'),
        },
        tags: ['v0.0.0-20200101000000-0123456789ab', 'sub/v0.0.0-20200101000000-0123456789ab'],
      },
      { commit: 'b', files: { 'b.go': 'package b\n' } },
      { commit: 'c', files: { 'c.go': 'package c\n' }, tags: ['sub/v0.1.0-0.20200101000000-0123456789ab'] },
      { commit: 'd', files: { 'd.go': 'package d\n' }, tags: ['sub/v0.0.1', 'v0.0.1'] },
      { commit: 'e', files: { 'e.go': 'package e\n' } },
    ],
    paths: ['github.com/acme/pseudo-tags', 'github.com/acme/pseudo-tags/sub'],
    names: ['main'],
  },
  ...['', 'v1.2.0-rc.1'].map((later): JudgedRepo => {
    const root = `github.com/acme/all-retracted${later === '' ? '' : '-pre'}`;
    return {
      // Then the newest commit is the latest version, even where it is one of those that were taken back.
      root,
      script: [
        { commit: 'a', files: { 'go.mod': go(root) }, tags: ['v1.0.0-rc.1', 'v0.9.0'] },
        { commit: 'b', files: { 'go.mod': go(root, '\nretract [v0.0.0, v1.9.0]\n') }, tags: ['v1.1.0'] },
        { commit: 'c', files: { 'c.go': 'package c\n' }, ...(later !== '' && { tags: [later] }) },
      ],
      paths: [root],
      names: ['main'],
    };
  }),
  {
    // That is not said by what the go command asks for it.
    root: 'github.com/acme/retracted-module',
    script: [
      {
        commit: 'a',
        files: { 'go.mod': go('github.com/acme/retracted-module', '\nretract v1.0.0\n') },
        tags: ['v1.0.0'],
      },
      { commit: 'b', files: { 'go.mod': go('github.com/acme/retracted-module/v2') } },
    ],
    paths: ['github.com/acme/retracted-module', 'github.com/acme/retracted-module/v2'],
    names: ['main'],
  },
  {
    root: 'github.com/acme/licences',
    script: [
      {
        commit: 'a',
        files: { LICENSE: 'root\n', 'sub/go.mod': go('github.com/acme/licences/sub') },
        tags: ['sub/v1.0.0'],
      },
      { commit: 'b', files: { LICENSE: { link: 'COPYING' }, COPYING: 'copying\n' }, tags: ['sub/v1.0.1'] },
      { commit: 'c', files: { 'sub/LICENSE': { link: '../COPYING' } }, tags: ['sub/v1.0.2'] },
      {
        commit: 'd',
        files: { 'sub/LICENSE': { submodule: '1234567890123456789012345678901234567890' } },
        tags: ['sub/v1.0.3'],
      },
      { commit: 'e', files: { 'sub/LICENSE': null, 'sub/LICENSE/text': 'a folder\n' }, tags: ['sub/v1.0.4'] },
      {
        commit: 'f',
        files: { 'sub/LICENSE/text': null, 'sub/licence': 'l\n', LICENSE: null },
        tags: ['sub/v1.0.5'],
      },
      {
        commit: 'g',
        files: { LICENSE: 'root\n', '.gitattributes': 'LICENSE text eol=crlf\n' },
        tags: ['sub/v1.0.6'],
      },
    ],
    paths: ['github.com/acme/licences', 'github.com/acme/licences/sub'],
    names: ['main'],
  },
  {
    root: 'github.com/acme/Mixed-Case',
    script: [
      {
        commit: 'a',
        files: { 'go.mod': go('github.com/acme/Mixed-Case') },
        tags: ['v1.0.0-RC.1', 'v1.0.0-rc.1'],
      },
    ],
    paths: ['github.com/acme/Mixed-Case', 'github.com/acme/Mixed-Case/Sub'],
    names: ['main'],
  },
];
