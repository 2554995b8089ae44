// The cases of the go command's own tests (cmd/go/internal/modfetch/coderepo_test.go), on repositories built like theirs.
import { hash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { isPseudoVersion } from '../../src/module/pseudo.ts';
import { scripts } from './coderepo-scripts.ts';
import { openBed } from './direct-bed.ts';

/** What a query comes out as: `v0.0.0-…` stands for the short hash of the commit with this label. */
interface Case {
  readonly root: string;
  /** The root where it is not told. */
  readonly path?: string;
  readonly rev: string | { readonly hashOf: string; readonly digits: number };
  readonly version?: string;
  readonly error?: string;
}

const vgotest1 = 'github.com/rsc/vgotest1';
const semverBranch = 'example.com/git/semver-branch.git';
const v2sub = 'example.com/git/v2sub.git';
const oddTags = 'example.com/git/odd-tags.git';
const gitrepo1 = 'example.com/git/gitrepo1';

const cases: readonly Case[] = [
  { root: vgotest1, rev: 'v0.0.0', version: 'v0.0.0' },
  {
    root: vgotest1,
    rev: 'v0.0.0-20180219231006-<plain>',
    version: 'v0.0.0-20180219231006-<plain>',
  },
  {
    root: vgotest1,
    rev: 'v0.0.1-0.20180219231006-<plain>',
    error:
      'github.com/rsc/vgotest1@v0.0.1-0.20180219231006-<plain>: invalid pseudo-version: tag (v0.0.0) found on revision <plain> is already canonical, so should not be replaced with a pseudo-version derived from that tag',
  },
  { root: vgotest1, rev: 'v1.0.0', version: 'v1.0.0' },
  {
    root: vgotest1,
    path: `${vgotest1}/v2`,
    rev: 'v2.0.0',
    error: 'missing github.com/rsc/vgotest1/go.mod and .../v2/go.mod at revision v2.0.0',
  },
  { root: vgotest1, rev: { hashOf: 'plain', digits: 7 }, version: 'v1.0.0' },
  { root: vgotest1, rev: { hashOf: 'plain', digits: 40 }, version: 'v1.0.0' },
  { root: vgotest1, rev: 'mytag', version: 'v1.0.0' },
  {
    root: vgotest1,
    path: `${vgotest1}/v2`,
    rev: { hashOf: 'two', digits: 9 },
    error: 'missing github.com/rsc/vgotest1/go.mod and .../v2/go.mod at revision v2.0.0',
  },
  {
    root: vgotest1,
    path: `${vgotest1}/v54321`,
    rev: { hashOf: 'plain', digits: 7 },
    error: 'missing github.com/rsc/vgotest1/go.mod and .../v54321/go.mod at revision <plain>',
  },
  {
    root: vgotest1,
    path: `${vgotest1}/submod`,
    rev: 'v1.0.0',
    error: 'invalid version: unknown revision submod/v1.0.0',
  },
  { root: vgotest1, path: `${vgotest1}/submod`, rev: 'v1.0.4', version: 'v1.0.4' },
  { root: vgotest1, rev: 'v1.1.0', version: 'v1.1.0' },
  { root: vgotest1, path: `${vgotest1}/v2`, rev: 'v2.0.1', version: 'v2.0.1' },
  {
    root: vgotest1,
    path: `${vgotest1}/v2`,
    rev: 'v2.0.3',
    error:
      'github.com/rsc/vgotest1/v2/go.mod has non-.../v2 module path "github.com/rsc/vgotest" at revision v2.0.3',
  },
  {
    root: vgotest1,
    path: `${vgotest1}/v2`,
    rev: 'v2.0.4',
    error:
      'github.com/rsc/vgotest1/go.mod and .../v2/go.mod both have .../v2 module paths at revision v2.0.4',
  },
  { root: vgotest1, path: `${vgotest1}/v2`, rev: 'v2.0.5', version: 'v2.0.5' },
  { root: 'gopkg.in/yaml.v2', rev: 'v2.0.0', version: 'v2.0.0' },
  {
    root: 'gopkg.in/yaml.v2',
    rev: { hashOf: 'untagged', digits: 8 },
    version: 'v2.0.1-0.20180109114331-<untagged>',
  },
  { root: gitrepo1, rev: 'main', version: 'v1.2.4-annotated' },
  // Only a whole version can be recorded, and `v2` comes from the path.
  {
    root: 'gopkg.in/natefinch/lumberjack.v2',
    rev: 'v2.1',
    version: 'v2.0.0-20170531160350-<one>',
  },
  // A branch with the name of a version is none, with or without a go.mod.
  {
    root: gitrepo1,
    rev: 'v2.3.4+incompatible',
    error: 'resolves to version v2.0.1+incompatible (v2.3.4 is not a tag)',
  },
  {
    root: semverBranch,
    rev: 'v1.0.0',
    error: 'resolves to version v0.1.1-0.20240101000100-<toward> (v1.0.0 is not a tag)',
  },
  {
    root: semverBranch,
    rev: 'v2.0.0+incompatible',
    error: 'resolves to version v0.1.0 (v2.0.0 is not a tag)',
  },
  { root: semverBranch, rev: 'v2.0.0', error: 'resolves to version v0.1.0 (v2.0.0 is not a tag)' },
  // v4.0.0-beta.1 is on the same commit, but is not allowed there.
  {
    root: semverBranch,
    rev: 'v3.0.0-devel',
    error: 'resolves to version v0.1.1-0.20240101000200-<devel> (v3.0.0-devel is not a tag)',
  },
  // With a v2/go.mod the tags of v2 are the nested module's, unless the suffix is asked for (go.dev/issue/51324).
  { root: v2sub, rev: { hashOf: 'readme', digits: 12 }, version: 'v0.0.0-20220222205507-<readme>' },
  {
    root: v2sub,
    rev: 'v2.0.0',
    error:
      'module contains a go.mod file, so module path must match major version ("example.com/git/v2sub.git/v2")',
  },
  {
    root: v2sub,
    rev: 'v2.0.1-0.20220222205507-<readme>',
    error:
      'module contains a go.mod file, so module path must match major version ("example.com/git/v2sub.git/v2")',
  },
  { root: v2sub, rev: 'v2.0.0+incompatible', version: 'v2.0.0+incompatible' },
  {
    root: v2sub,
    rev: 'v2.0.1-0.20220222205507-<readme>+incompatible',
    version: 'v2.0.1-0.20220222205507-<readme>+incompatible',
  },
  { root: v2sub, path: `${v2sub}/v2`, rev: 'v2.0.0', version: 'v2.0.0' },
  // Build metadata makes a tag a base, not a version.
  { root: oddTags, rev: 'v0.1.0+build-metadata', version: 'v0.1.1-0.20220223184835-<migrate>' },
  { root: oddTags, rev: { hashOf: 'migrate', digits: 12 }, version: 'v0.1.1-0.20220223184835-<migrate>' },
  { root: oddTags, rev: 'latest', version: 'v0.1.1-0.20220223184835-<migrate>' },
  // The suffix is no part of any tag, but a tag that has it is a base.
  { root: oddTags, rev: 'v2.0.0+incompatible', error: 'unknown revision v2.0.0' },
  {
    root: oddTags,
    rev: { hashOf: 'initial', digits: 12 },
    version: 'v2.0.1-0.20220223184802-<initial>+incompatible',
  },
  // A pseudo-version is its commit, whatever tag has that name.
  {
    root: oddTags,
    rev: 'v3.0.0-20220223184802-<initial>',
    version: 'v3.0.0-20220223184802-<initial>+incompatible',
  },
  // The newest commit.
  { root: 'example.com/git/empty.git', rev: 'latest', error: 'example.com/git/empty.git: no commits' },
  {
    root: vgotest1,
    path: `${vgotest1}/subdir`,
    rev: 'latest',
    error:
      'github.com/rsc/vgotest1/subdir@v0.0.0-20180220000459-<newest>: invalid version: missing github.com/rsc/vgotest1/subdir/go.mod at revision <newest>',
  },
  { root: 'example.com/git/no-tags.git', rev: 'latest', version: 'v0.0.0-20190715212047-<one>' },
  { root: 'example.com/git/commit-after-tag.git', rev: 'latest', version: 'v1.0.0' },
  {
    root: 'example.com/git/commit-after-tag.git',
    rev: 'HEAD',
    version: 'v1.0.1-0.20190715211727-<two>',
  },
  {
    root: vgotest1,
    rev: 'HEAD',
    error:
      'github.com/rsc/vgotest1@v1.1.1-0.20180220000459-<newest>: invalid version: go.mod has post-v1 module path "github.com/rsc/vgotest1/v2" at revision <newest>',
  },
  {
    root: vgotest1,
    path: `${vgotest1}/v2`,
    rev: 'HEAD',
    error:
      'github.com/rsc/vgotest1/go.mod and .../v2/go.mod both have .../v2 module paths at revision <newest>',
  },
];

describe('a query', () => {
  test.each(cases)('$root $path $rev', async ({ root, path = root, rev, version, error }) => {
    const bed = openBed(scripts[root]!, root);
    const named = (text: string): string =>
      text.replace(/<(.+?)>/g, (_, label: string) => bed.repo.hash(label).slice(0, 12));
    const query = typeof rev === 'string' ? named(rev) : bed.repo.hash(rev.hashOf).slice(0, rev.digits);
    const answer = bed.query(path, query);
    if (error !== undefined) {
      await expect(answer).rejects.toMatchObject({
        kind: 'notFound',
        message: expect.stringContaining(named(error)),
      });
      return;
    }
    const { version: resolved, bytes } = await answer;
    expect(resolved).toBe(named(version!));
    // What it came out as is a version that can be fetched, and with the same info.
    expect(isPseudoVersion(resolved)).toBe(/<.+>/.test(version!));
    const fetched = await bed.fetch(path, resolved, 'info');
    expect(fetched.text).toBe(Buffer.from(bytes).toString());
  });
});

test.each<[root: string, path: string, versions: string[]]>([
  [vgotest1, vgotest1, ['v0.0.0', 'v1.0.0', 'v1.0.1', 'v1.1.0']],
  [vgotest1, `${vgotest1}/v2`, ['v2.0.0', 'v2.0.1', 'v2.0.2', 'v2.0.3', 'v2.0.4', 'v2.0.5']],
  [vgotest1, `${vgotest1}/submod`, ['v1.0.4']],
  [oddTags, oddTags, []],
  ['gopkg.in/yaml.v2', 'gopkg.in/yaml.v2', ['v2.0.0']],
  [gitrepo1, gitrepo1, ['v1.2.3', 'v1.2.4-annotated', 'v2.0.1+incompatible', 'v2.0.2+incompatible']],
])('the list of %s %s', async (root, path, versions) => {
  expect((await openBed(scripts[root]!, root).list(path)).versions).toEqual(versions);
});

test('the list has only tags in canonical form', async () => {
  const tags = ['huh?', '1.0.1', 'v1.🐕.🐄', 'v1', 'v0.1', 'v1.0.1', 'sub/v1.0.2'];
  const bed = openBed([{ commit: 'one', tags }], 'example.com/issue24476');
  expect((await bed.list('example.com/issue24476')).versions).toEqual(['v1.0.1']);
});

describe('a tag of a module in a folder that looks like a pseudo-version', () => {
  const root = 'example.com/pseudo-tags';
  const path = `${root}/sub`;
  const short = (label: string): string => hash('sha1', label).slice(0, 12);
  const version = (seconds: string, revision: string): string => `v0.0.0-202401010000${seconds}-${revision}`;
  const bed = openBed(
    [
      {
        commit: 'one',
        files: { 'sub/go.mod': `module ${path}\n` },
        tags: [`sub/${version('07', short('one'))}`],
      },
      { commit: 'two', tags: [`sub/${version('00', short('one'))}`] },
      { commit: 'three', tags: [`sub/${version('00', '0123456789ab')}`] },
      { commit: 'four', tags: [`v0.0.0-20240101000000-0123456789ab`] },
    ],
    root,
  );

  test('is not in the list', async () => {
    expect((await bed.list(path)).versions).toEqual([]);
  });

  test('means the commit in its name', async () => {
    const { bytes, version: found } = await bed.query(path, short('two'));
    expect(found).toBe(version('00', short('one')));
    expect(Buffer.from(bytes).toString()).toBe((await bed.fetch(path, found, 'info')).text);
  });

  test('is none where it says the wrong time of that commit, or one that is not there', async () => {
    await expect(bed.query(path, short('one'))).rejects.toMatchObject({
      kind: 'notFound',
      message: `${path}@${version('07', short('one'))}: invalid pseudo-version: does not match version-control timestamp (expected 20240101000000)`,
    });
    await expect(bed.query(path, short('three'))).rejects.toMatchObject({
      kind: 'notFound',
      message: `${path}@${version('00', '0123456789ab')}: invalid version: reading ${path}/go.mod at revision 0123456789ab: unknown revision 0123456789ab`,
    });
  });

  test('comes before the versions of the commits after it', async () => {
    const resolved = await bed.resolve(path, 'HEAD');
    expect(resolved).toBe(`${version('07', short('one'))}.0.20240101000300-${short('four')}`);
    await bed.fetch(path, resolved, 'info');
  });
});
