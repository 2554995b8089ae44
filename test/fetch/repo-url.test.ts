import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatRepoUrl, parseRepoUrl } from '../../src/fetch/repo-url.ts';

describe('the URL of a repository', () => {
  test.each<[url: string, plain: string]>([
    ['https://git.example/team/r', 'https://git.example/team/r'],
    ['HTTPS://Git.Example/team/R.git/', 'https://git.example/team/R.git'],
    ['https://gopher@git.example:8443/r', 'https://git.example:8443/r'],
    ['https://git.example', 'https://git.example'],
    ['https://git.example/a@b/c', 'https://git.example/a@b/c'],
    ['https://[2001:DB8::1]:443/r', 'https://[2001:db8::1]:443/r'],
    ['https://0x7f.1/r', 'https://127.0.0.1/r'],
    ['http://localhost:3000/r', 'http://localhost:3000/r'],
    ['ssh://git@git.example:2222/~user/r', 'ssh://git.example:2222/~user/r'],
    ['git+ssh://git.example/r', 'ssh://git.example/r'],
    ['file:///srv/git/r', 'file:///srv/git/r'],
    ['https://git.example/%41/r', 'https://git.example/%41/r'],
    ['https://git.example/..r/r.../.r', 'https://git.example/..r/r.../.r'],
  ])('%s is %s', (url, plain) => {
    const found = parseRepoUrl(url);
    expect('problem' in found ? found.problem : formatRepoUrl(found)).toBe(plain);
  });

  test('has a user where ssh needs one', () => {
    expect(parseRepoUrl('ssh://git@git.example/r')).toMatchObject({ user: 'git' });
    expect(parseRepoUrl('https://gopher@git.example/r')).toMatchObject({ user: '' });
  });

  test.each([
    ['git.example/r', 'no URL of a repository'],
    ['git@git.example:r', 'no URL of a repository'],
    ['-u://git.example/r', 'no URL of a repository'],
    [`https://git.example/${'r'.repeat(2048)}`, 'no URL of a repository'],
    ['https://git.example/r?x', 'no URL of a repository'],
    ['https://git.example/r#x', 'no URL of a repository'],
    ['https://git.example/a b', 'no URL of a repository'],
    ['https://git.example/a\nb', 'no URL of a repository'],
    ['https://git.example/a\\..\\b', 'no URL of a repository'],
    ['https://git.example/é', 'no URL of a repository'],
    ['ext::sh -c x', 'no URL of a repository'],
    ['ext://sh/x', 'a URL of the scheme ext'],
    ['git://git.example/r', 'a URL of the scheme git'],
    ['https://a:b@git.example/r', 'a URL with a password in it'],
    ['ssh://-oProxyCommand=x@git.example/r', 'a URL with an odd user in it'],
    ['ssh://-oProxyCommand=x/r', 'a URL without a proper host'],
    ['ssh:///r', 'a URL without a proper host'],
    ['https://git.example:x/r', 'a URL without a proper host'],
    ['https://git.example%2f.x/r', 'a URL without a proper host'],
    ['file://git.example/r', 'a URL without a proper host'],
    ['https://git.example/../r', 'a URL whose path leads upwards'],
    ['https://git.example/a/..', 'a URL whose path leads upwards'],
    ['https://git.example/./a', 'a URL whose path leads upwards'],
    ['https://git.example/%2E./r', 'a URL whose path leads upwards'],
    ['https://git.example/a%2F..%2fr', 'a URL whose path is not plain'],
    ['https://git.example/a%5c..%5Cr', 'a URL whose path is not plain'],
    ['https://git.example/a%00', 'a URL whose path is not plain'],
    ['https://git.example/a%0Ab', 'a URL whose path is not plain'],
    ['https://git.example/a%', 'a URL whose path cannot be decoded'],
    ['https://git.example/%ff', 'a URL whose path cannot be decoded'],
  ])('is not %s', (url, problem) => {
    expect(parseRepoUrl(url)).toEqual({ problem });
  });

  test('is read the same again', () => {
    const parts = fc.record({
      scheme: fc.constantFrom('https', 'http', 'ssh', 'git+ssh', 'file', 'git'),
      user: fc.constantFrom('', 'git@', 'a:b@', '-x@'),
      host: fc.constantFrom('', 'git.example', 'GIT.example:80', '[::1]:2222', '-x', '127.1'),
      path: fc.stringMatching(/^(\/[a-z%@.~:-]{0,4}){0,4}$/),
    });
    fc.assert(
      fc.property(parts, ({ scheme, user, host, path }) => {
        const found = parseRepoUrl(`${scheme}://${user}${host}${path}`);
        if ('problem' in found) return;
        const again = parseRepoUrl(formatRepoUrl(found));
        expect(again).toEqual({ ...found, user: '' });
      }),
    );
  });
});
