import { describe, expect, test } from 'vitest';
import { isStoaError } from '../../src/errors.ts';
import { createCheckVcs } from '../../src/fetch/govcs.ts';
import type { VcsName } from '../../src/fetch/repo-root.ts';

function allows(govcs: string, root: string, vcs: VcsName): boolean {
  try {
    createCheckVcs(govcs, 'private.example')(root, root, vcs);
    return true;
  } catch (error) {
    if (isStoaError(error, 'notFound')) return false;
    throw error;
  }
}

describe('the rules of GOVCS', () => {
  test.each<[govcs: string, root: string, vcs: VcsName, allowed: boolean]>([
    ['', 'public.example/m', 'git', true],
    ['', 'public.example/m', 'hg', true],
    ['', 'public.example/m', 'svn', false],
    ['', 'public.example/m', 'fossil', false],
    ['', 'private.example/m', 'fossil', true],
    ['public:all', 'public.example/m', 'svn', true],
    ['private:none', 'private.example/m', 'git', false],
    ['private:none', 'public.example/m', 'git', true], // what no rule says, the default says
    ['*:all', 'public.example/m', 'svn', true],
    ['golang.org:git', 'golang.org/x/text', 'hg', false],
    ['golang.org:git', 'golang.org/x/text', 'git', true],
    ['golang.org:svn', 'golang.org/x/text', 'git', false],
    ['golang.org:git|hg', 'golang.org/x/text', 'hg', true],
    ['golang.org:git|hg', 'golang.org/x/text', 'svn', false],
    ['golang.org:all', 'golang.org/x/text', 'svn', true],
    ['other.example/p:none,golang.org/x:svn', 'other.example/p/x', 'git', false], // the first that matches decides
    ['other.example/p:none,golang.org/x:svn', 'golang.org/x/text', 'svn', true],
    ['other.example/p:none,golang.org/x:svn', 'golang.org/y/text', 'svn', false],
    [' golang.org : git | svn ', 'golang.org/x/text', 'svn', true],
  ])('%j, for %s: %s is allowed: %j', (govcs, root, vcs, allowed) => {
    expect(allows(govcs, root, vcs)).toBe(allowed);
  });

  test('refuse in the words of the go command', () => {
    const check = createCheckVcs('', 'private.example');
    expect(() => check('a.example/m/x', 'a.example/m', 'svn')).toThrow(
      "a.example/m/x: GOVCS disallows using svn for public a.example/m; see 'go help vcs'",
    );
    const strict = createCheckVcs('private:git', 'private.example');
    expect(() => strict('private.example/m', 'private.example/m', 'hg')).toThrow(
      'GOVCS disallows using hg for private private.example/m',
    );
  });

  test.each([
    [',', 'empty entry in GOVCS'],
    [',x', 'empty entry in GOVCS'],
    ['x,', 'malformed entry in GOVCS (missing colon): "x"'],
    ['x:y,', 'empty entry in GOVCS'],
    ['x', 'malformed entry in GOVCS (missing colon): "x"'],
    ['x:', 'empty VCS list in GOVCS: "x:"'],
    [':y', 'empty pattern in GOVCS: ":y"'],
    ['x:|y', 'empty VCS name in GOVCS: "x:|y"'],
    ['x:y|', 'empty VCS name in GOVCS: "x:y|"'],
    ['x:y,z:w||v', 'empty VCS name in GOVCS: "z:w||v"'],
    ['./x:y', 'relative pattern not allowed in GOVCS: "./x"'],
    ['..:y', 'relative pattern not allowed in GOVCS: ".."'],
    ['x:y,x:z', 'unreachable pattern in GOVCS: "x:z" after "x:y"'],
  ])('%j are none: %s', (govcs, message) => {
    expect(() => createCheckVcs(govcs, '')).toThrow(expect.objectContaining({ kind: 'config', message }));
  });
});
