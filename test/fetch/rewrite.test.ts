import { describe, expect, test } from 'vitest';
import { parseRewrites, rewriteHosts, rewriteUrl } from '../../src/fetch/rewrite.ts';

const rules = parseRewrites(
  ' https://github.com/=>https://git.corp.example/mirror/ , https://github.com/corp/=>file:///srv/git/,' +
    'https://github.com/corp/one=>ssh://git@git.corp.example:2222/one,',
);

describe('a rewrite', () => {
  test.each([
    ['https://github.com/user/name', 'https://git.corp.example/mirror/user/name'],
    ['https://github.com/corp/name', 'file:///srv/git/name'], // the longest prefix wins
    ['https://github.com/corp/one', 'ssh://git@git.corp.example:2222/one'],
    ['https://github.com/corporation/x', 'https://git.corp.example/mirror/corporation/x'],
    ['https://github.com.evil.example/user/name', 'https://github.com.evil.example/user/name'],
    ['https://gitlab.com/user/name', 'https://gitlab.com/user/name'],
    ['ssh://git@github.com/user/name', 'ssh://git@github.com/user/name'], // another URL, as for git
  ])('makes of %s: %s', (url, rewritten) => {
    expect(rewriteUrl(url, rules)).toBe(rewritten);
  });

  test('names the hosts it leads to', () => {
    expect(rewriteHosts(rules)).toEqual(['git.corp.example', 'git.corp.example:2222']);
  });

  test('is none in an empty list', () => {
    expect(parseRewrites('')).toEqual([]);
  });

  test.each([
    ['https://github.com/', 'it is not of the form from=>to'],
    ['https://a.example/=>https://b.example/=>https://c.example/', 'it is not of the form from=>to'],
    ['github.com/=>https://b.example/', 'the left side is no https or ssh URL up to a slash'],
    ['http://github.com/=>https://b.example/', 'the left side is no https or ssh URL up to a slash'],
    ['https://github.com=>https://b.example/', 'the left side is no https or ssh URL up to a slash'],
    [
      'https://github.com/=>https://b.example',
      'the right side is no https, http, ssh or file URL up to a slash',
    ],
    ['https://github.com/=>/srv/git/', 'the right side is no https, http, ssh or file URL up to a slash'],
    [
      'https://github.com/=>file:///srv/git',
      'the right side is no https, http, ssh or file URL up to a slash',
    ],
    [
      'https://github.com/=>file://host/srv/',
      'the right side is no https, http, ssh or file URL up to a slash',
    ],
    ['https://github.com/=>ext::sh -c x/', 'the right side is no https, http, ssh or file URL up to a slash'],
    [
      'https://github.com/=>https://b.example/ x',
      'the right side is no https, http, ssh or file URL up to a slash',
    ],
    ['https://github.com/=>https://user@b.example/', 'it holds a user or password'],
    ['https://user:hush@github.com/=>https://b.example/', 'it holds a user or password'],
    ['https://github.com/=>ssh://git:hush@b.example/', 'it holds a user or password'],
  ])('%s is refused', (text, why) => {
    expect(() => parseRewrites(text)).toThrow(
      expect.objectContaining({ kind: 'config', message: expect.stringContaining(`: ${why}`) }),
    );
    expect(() => parseRewrites(text)).toThrow(expect.not.objectContaining({ message: /hush/ }));
  });
});
