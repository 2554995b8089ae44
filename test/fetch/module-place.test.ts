import { describe, expect, test } from 'vitest';
import { findModuleDir } from '../../src/fetch/module-dir.ts';
import { placeModule, revisionOf, versionOfTag } from '../../src/fetch/module-place.ts';

describe('the place of a module', () => {
  test.each<[path: string, root: string, subdir: string, codeDir: string, pathMajor: string, why?: string]>([
    ['example.com/m', 'example.com/m', '', '', ''],
    ['example.com/m/v2', 'example.com/m', '', '', '/v2'],
    ['example.com/m/sub', 'example.com/m', '', 'sub', ''],
    ['example.com/m/sub/v3', 'example.com/m', '', 'sub', '/v3', 'which folder it is, the commit says'],
    ['example.com/m/v2', 'example.com/m/v2', '', '', '/v2', 'a page may lead from the whole path'],
    ['gopkg.in/yaml.v2', 'gopkg.in/yaml.v2', '', '', '.v2'],
    ['gopkg.in/yaml.v2-unstable', 'gopkg.in/yaml.v2-unstable', '', '', '.v2-unstable'],
    ['example.com/m', 'example.com/m', 'go/sub', 'go/sub', '', 'the page names the folder (Go 1.25)'],
    [
      'example.com/m/x/v2',
      'example.com/m',
      'go',
      'x/go',
      '/v2',
      'behind the rest of the path, as cmd/go has it',
    ],
    ['example.com/m', 'example.com/m', 'go/', 'go', ''],
    ['example.com/m', 'example.com/m', 'go/..', '', ''],
  ])('of %s in %s %s is %j, %j', (path, root, subdir, codeDir, pathMajor) => {
    const place = placeModule(path, root, subdir);
    expect(place).toMatchObject({ codeDir, pathMajor, tagPrefix: codeDir === '' ? '' : `${codeDir}/` });
  });

  test.each<[path: string, root: string, subdir: string, problem: string]>([
    ['example.com/m', 'example.com/other', '', 'mismatched repo: found example.com/other'],
    ['example.com/mm', 'example.com/m', '', 'mismatched repo: found example.com/m'],
    ['example.com/m/v2', 'example.com/m/v', '', 'mismatched repo: found example.com/m/v'],
    ['gopkg.in/yaml.v2/abc', 'gopkg.in/yaml.v2', '', 'invalid module path'],
    [
      'example.com/m/sub',
      'example.com/m',
      '../../etc',
      'its folder ../../etc lies outside of its repository',
    ],
    ['example.com/m', 'example.com/m', '..', 'its folder .. lies outside of its repository'],
  ])('there is none for %s in %s %s', (path, root, subdir, problem) => {
    const message = `${path}: ${problem}`;
    expect(() => placeModule(path, root, subdir)).toThrow(
      expect.objectContaining({ kind: 'notFound', message }),
    );
  });

  test.each<[path: string, version: string, revision: string, why?: string]>([
    ['example.com/m', 'v1.2.3', 'v1.2.3'],
    ['example.com/m/sub', 'v1.2.3', 'sub/v1.2.3'],
    ['example.com/m/sub/v2', 'v2.2.3', 'sub/v2.2.3', 'the major version is in no tag'],
    ['example.com/m', 'v2.0.0+incompatible', 'v2.0.0'],
    ['example.com/m', 'v1.0.0+meta', 'v1.0.0+meta'],
    ['example.com/m/sub', 'v1', 'sub/v1', 'half a version is a tag too'],
    ['example.com/m/sub', 'main', 'main'],
    ['example.com/m/sub', 'v1.2.4-0.20240101000000-0123456789ab', '0123456789ab'],
    ['example.com/m', 'v2.0.0-20240101000000-0123456789ab+incompatible', '0123456789ab', 'wrong, but found'],
  ])('of %s calls %s %s', (path, version, revision) => {
    expect(revisionOf(placeModule(path, 'example.com/m'), version)).toBe(revision);
  });

  test('a pseudo-version with an impossible time is no revision', () => {
    const version = 'v0.0.0-20241301000000-0123456789ab';
    const place = placeModule('example.com/m', 'example.com/m');
    expect(() => revisionOf(place, version)).toThrow(expect.objectContaining({ kind: 'malformed' }));
  });

  test.each<[path: string, tag: string, version: string | undefined, isCanonical?: boolean]>([
    ['example.com/m', 'v1.2.3', 'v1.2.3', true],
    ['example.com/m', 'v1.2.3+meta', 'v1.2.3', false],
    ['example.com/m', 'v2.0.0+incompatible', 'v2.0.0', false],
    ['example.com/m', 'v1.2', undefined],
    ['example.com/m', '1.2.3', undefined],
    ['example.com/m', 'sub/v1.2.3', undefined],
    ['example.com/m/sub', 'sub/v1.2.3', 'v1.2.3', true],
    ['example.com/m/sub', 'v1.2.3', undefined],
    ['example.com/m', 'v1.0.1-0.20240101000000-0123456789ab', undefined],
    [
      'example.com/m/sub',
      'sub/v1.0.1-0.20240101000000-0123456789ab',
      'v1.0.1-0.20240101000000-0123456789ab',
      true,
    ],
  ])('of %s takes the tag %s for %s', (path, tag, version, isCanonical) => {
    const place = placeModule(path, 'example.com/m');
    expect(versionOfTag(place, tag)).toEqual(version === undefined ? undefined : { version, isCanonical });
  });
});

describe('the folder of a module', () => {
  const go = (path: string): string => `module ${path}\n`;

  test.each<[path: string, files: Record<string, string>, dir: string, why?: string]>([
    ['example.com/m', { 'go.mod': go('example.com/m') }, ''],
    ['example.com/m', {}, '', 'a go.mod is made up'],
    ['example.com/m', { 'go.mod': go('example.com/fork') }, '', 'only the major version counts'],
    ['example.com/m', { 'go.mod': go('gopkg.in/m.v1') }, ''],
    ['example.com/m', { 'go.mod': go('gopkg.in/m.v3') }, '', 'golang.org/issue/34254'],
    ['example.com/m/sub', { 'sub/go.mod': go('example.com/m/sub') }, 'sub'],
    ['example.com/m/v2', { 'go.mod': go('example.com/m/v2') }, ''],
    ['example.com/m/v2', { 'go.mod': go('example.com/m'), 'v2/go.mod': go('example.com/m/v2') }, 'v2'],
    ['example.com/m/v2', { 'v2/go.mod': go('x.org/y/v2') }, 'v2'],
    ['example.com/m/sub/v2', { 'sub/v2/go.mod': go('example.com/m/sub/v2') }, 'sub/v2'],
    ['example.com/m/v2', { 'go.mod': go('gopkg.in/m.v2') }, '', 'the number is the same'],
    ['example.com/m/v2', { 'go.mod': 'module "example.com/m/v2" // quoted\n' }, ''],
  ])('of %s with %j is %j', async (path, files, dir) => {
    expect(await find(path, 'example.com/m', files)).toEqual({
      dir,
      ...('go.mod' in files || dir !== '' ? { goMod: expect.any(Buffer) } : {}),
    });
  });

  test.each<[path: string, files: Record<string, string>, why?: string]>([
    ['gopkg.in/m.v2', {}, 'a go.mod is made up there too'],
    ['gopkg.in/m.v2', { 'go.mod': go('gopkg.in/m.v2') }],
    ['gopkg.in/m.v2-unstable', { 'go.mod': go('gopkg.in/m.v2-unstable') }],
    ['example.com/vanity/v2', { 'go.mod': go('example.com/vanity/v2') }],
    [
      'example.com/vanity/v2',
      { 'go.mod': go('example.com/vanity/v2'), 'v2/go.mod': go('example.com/vanity/v2') },
      'a folder of that name is just a folder',
    ],
  ])('of the whole repository %s with %j is its root', async (path, files) => {
    expect(await find(path, path, files)).toMatchObject({ dir: '' });
  });

  test.each<[path: string, files: Record<string, string>, problem: string]>([
    ['example.com/m/sub', {}, 'missing example.com/m/sub/go.mod'],
    ['example.com/m/v2', {}, 'missing example.com/m/go.mod and .../v2/go.mod'],
    ['example.com/m/sub/v2', {}, 'missing example.com/m/sub/go.mod and .../v2/go.mod'],
    ['example.com/m', { 'go.mod': '' }, 'go.mod is missing module path'],
    [
      'example.com/m',
      { 'go.mod': go('example.com/m/v2') },
      'go.mod has post-v1 module path "example.com/m/v2"',
    ],
    [
      'example.com/m',
      { 'go.mod': go('example.com/m/v1') },
      'go.mod has malformed module path "example.com/m/v1"',
    ],
    [
      'example.com/m/v2',
      { 'go.mod': go('example.com/m') },
      'go.mod has non-.../v2 module path "example.com/m" (and .../v2/go.mod does not exist)',
    ],
    [
      'example.com/m/v2',
      { 'go.mod': '' },
      'go.mod is missing module path (and .../v2/go.mod does not exist)',
    ],
    ['example.com/m/v2', { 'v2/go.mod': '' }, 'example.com/m/v2/go.mod is missing module path'],
    [
      'example.com/m/v2',
      { 'go.mod': go('example.com/m/v2'), 'v2/go.mod': go('example.com/m/v3') },
      'example.com/m/v2/go.mod has non-.../v2 module path "example.com/m/v3"',
    ],
    [
      'example.com/m/v2',
      { 'go.mod': go('example.com/m/v2'), 'v2/go.mod': go('example.com/m/v2') },
      'example.com/m/go.mod and .../v2/go.mod both have .../v2 module paths',
    ],
  ])('of %s is not found with %j', async (path, files, problem) => {
    expect(await find(path, 'example.com/m', files)).toEqual({ problem: `${problem} at revision REV` });
  });

  test('of a gopkg.in module must have its number', async () => {
    const problem = 'go.mod has non-....v2 module path "gopkg.in/m.v3" at revision REV';
    expect(await find('gopkg.in/m.v2', 'gopkg.in/m.v2', { 'go.mod': go('gopkg.in/m.v3') })).toEqual({
      problem,
    });
  });

  function find(path: string, root: string, files: Record<string, string>) {
    const read = async (file: string) => (files[file] === undefined ? undefined : Buffer.from(files[file]));
    return findModuleDir(placeModule(path, root), read, 'REV', 'v1.0.0');
  }
});
