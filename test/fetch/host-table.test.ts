import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isStoaError } from '../../src/errors.ts';
import { tableRoot } from '../../src/fetch/host-table.ts';
import { modulePaths } from '../oracle/cases.ts';

describe('the table of hosts', () => {
  test.each<[path: string, root: string]>([
    ['github.com/golang/groupcache', 'github.com/golang/groupcache'],
    ['github.com/golang/groupcache/lru/v2', 'github.com/golang/groupcache'],
    ['bitbucket.org/workspace/name', 'bitbucket.org/workspace/name'],
    ['hub.jazz.net/git/user1/name', 'hub.jazz.net/git/user1/name'],
    ['hub.jazz.net/git/user1/name/sub/sub', 'hub.jazz.net/git/user1/name'],
    ['hub.jazz.net/git/user/name.x', 'hub.jazz.net/git/user/name.x'],
    ['git.openstack.org/openstack/swift', 'git.openstack.org/openstack/swift'],
    ['git.openstack.org/openstack/swift.git', 'git.openstack.org/openstack/swift.git'],
    ['git.openstack.org/openstack/swift/go/hummingbird', 'git.openstack.org/openstack/swift'],
    ['git.apache.org/name.git', 'git.apache.org/name.git'],
    ['git.apache.org/name_2.x.git/path/to/lib', 'git.apache.org/name_2.x.git'],
  ])('%s is in the git repository of %s', (path, root) => {
    expect(tableRoot(path)).toEqual({ root, vcs: 'git', urls: [`https://${root}`] });
  });

  test('has hosts of other systems', () => {
    const root = 'chiselapp.com/user/kyle/repository/fossilgg';
    expect(tableRoot(root)).toEqual({ root, vcs: 'fossil', urls: [`https://${root}`] });
  });

  test.each<[path: string, problem?: string]>([
    ['github.com', 'invalid github.com import path'],
    ['github.com/user', 'invalid github.com import path'],
    ['github.com/user/unicode/испытание', 'invalid github.com import path'],
    ['github.com/user/name~', 'invalid github.com import path'],
    ['github.com/user/name.git', 'invalid version control suffix in github.com/ path'],
    ['github.com/user/name.git/sub', 'invalid version control suffix in github.com/ path'],
    ['bitbucket.org/user/name.hg', 'invalid version control suffix in bitbucket.org/ path'],
    ['hub.jazz.net/git/User 1/name'],
    ['hub.jazz.net/git/user1/some name'],
    ['hub.jazz.net/git/user.1/name'],
    ['hub.jazz.net/git/USER/name'],
    ['git.openstack.org'],
    ['git.openstack.org/openstack'],
    ['git.apache.org/some name/path'],
    ['git.apache.org/name/path/to/lib'],
    ['chiselapp.com/kyle/repository/fossilgg'],
    ['chiselapp.com/user/kyle/fossilgg'],
  ])('%s cannot be', (path, problem = 'invalid') => {
    expect(() => tableRoot(path)).toThrow(
      expect.objectContaining({ kind: 'notFound', message: expect.stringContaining(`${path}: ${problem}`) }),
    );
  });

  test.each([
    'gitlab.com/group/name', // not in the table, as golang.org and gopkg.in
    'gopkg.in/yaml.v3',
    'golang.org/x/mod',
    'github.community/user/name', // another host, however it begins
    'hubajazz.net',
    'hub2.jazz.net',
    'hub.jazz.net',
    'hub.jazz.net/other/user1/name',
    'gitbapache.org',
  ])('%s is not in it', (path) => {
    expect(tableRoot(path)).toBeUndefined();
  });
});

describe('a path that names its system', () => {
  test.each<[path: string, root: string, vcs: string, urls: string[]]>([
    [
      'git.example/team/m.git/sub/v2',
      'git.example/team/m.git',
      'git',
      ['https://git.example/team/m', 'git+ssh://git.example/team/m', 'ssh://git.example/team/m'],
    ],
    [
      'git.example/~user/m.git',
      'git.example/~user/m.git',
      'git',
      ['https://git.example/~user/m', 'git+ssh://git.example/~user/m', 'ssh://git.example/~user/m'],
    ],
    [
      'a.example/b.git/c.git/d', // the last of several
      'a.example/b.git/c.git',
      'git',
      ['https://a.example/b.git/c', 'git+ssh://a.example/b.git/c', 'ssh://a.example/b.git/c'],
    ],
    ['a.example/m.hg', 'a.example/m.hg', 'hg', ['https://a.example/m', 'ssh://a.example/m']],
    ['a.example/m.svn/x', 'a.example/m.svn', 'svn', ['https://a.example/m', 'svn+ssh://a.example/m']],
    ['a.example/m.fossil', 'a.example/m.fossil', 'fossil', ['https://a.example/m']],
  ])('%s is in %s, by the schemes that are secure', (path, root, vcs, urls) => {
    expect(tableRoot(path)).toEqual({ root, vcs, urls });
  });

  test.each([
    'a.example/m.gitx',
    'a.example/.git', // no name before it
    'a.example.git', // the host itself
    'a.example/m.git/a~b', // a tilde only begins an element
    'a.example/m.bzr',
    'localhost/m.git',
  ])('%s does not', (path) => {
    expect(tableRoot(path)).toBeUndefined();
  });

  test('is read at once, however it is written', () => {
    const began = performance.now();
    for (const part of ['a.', 'a.a/', 'a.git/', 'x.git', '.git']) tableRoot(`${part.repeat(50_000)}/~`);
    expect(performance.now() - began).toBeLessThan(2_000);
  });
});

test('a root is the path or above it, and no path makes it throw anything else', () => {
  fc.assert(
    fc.property(modulePaths, (path) => {
      try {
        const found = tableRoot(path);
        expect(found === undefined || `${path}/`.startsWith(`${found.root}/`)).toBe(true);
      } catch (error) {
        expect(isStoaError(error, 'notFound')).toBe(true);
      }
    }),
  );
});
