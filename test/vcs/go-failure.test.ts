import { describe, expect, test } from 'vitest';
import { DamageError } from '../../src/vcs/git-failure.ts';
import { notedFailure, verdict } from '../../src/vcs/go-failure.ts';
import type { GoRemote, GoVcs } from '../../src/vcs/go-remote.ts';

function remote(vcs: GoVcs, more: Partial<GoRemote> = {}): GoRemote {
  return { vcs, url: `https://${vcs}.example.com/r`, fetchUrl: 'http://10.1.2.3/r', key: '', ...more };
}

describe('what a program complains of', () => {
  test.each<[vcs: GoVcs, said: string]>([
    ['hg', "abort: unknown revision 'v9.9.9'\n"],
    ['hg', 'abort: ambiguous revision identifier: 12345678\n'],
    ['hg', 'hg: parse error at 3: unexpected token: end\n(a(b\n    ^ here)\n'],
    ['hg', 'go.mod: no such file in rev 1d2ae1d0a0b0\n'],
    [
      'svn',
      "svn: E205000: Try 'svn help log' for more information\nsvn: E205000: Syntax error parsing peg revision 'v1'\n",
    ],
    ['svn', 'svn: E160006: No such revision 999\n'],
    ['svn', "svn: E160013: File not found: revision 4, path '/nothing'\n"],
    ['svn', "svn: warning: W160013: Path '/tags' not found\nsvn: E200009: Could not list all targets\n"],
    ['fossil', 'cannot resolve name: v9.9.9\n'],
    ['fossil', 'file go.mod does not exist in check-in trunk\n'],
  ])('of %s is no failure where something is only not there: %j', (vcs, said) => {
    expect(notedFailure(remote(vcs), [{ status: 1, verb: '', said }])).toBeUndefined();
  });

  test.each<[vcs: GoVcs, said: string, kind: string, message: string]>([
    ['hg', 'abort: error: Connection refused\n', 'upstream', 'connection refused'],
    ['hg', 'abort: error: Name or service not known\n', 'upstream', 'Name or service not known'],
    ['hg', 'abort: HTTP Error 404: Not Found\n', 'notFound', 'there is no such repository'],
    ['hg', 'abort: HTTP Error 403: Forbidden\n', 'upstream', 'it refused us (403)'],
    ['hg', 'abort: HTTP Error 429: Too Many Requests\n', 'upstream', 'too many requests from here'],
    ['hg', 'abort: HTTP Error 503: Service Unavailable\n', 'upstream', 'a failure of its own (503)'],
    ['hg', 'abort: http authorization required for https://x/\n', 'notFound', 'only for who logs in'],
    [
      'hg',
      "abort: 'https://x/' does not appear to be an hg repository:\n---%<---\n",
      'upstream',
      'no server of such',
    ],
    ['hg', 'abort: repository /srv/r not found\n', 'notFound', 'there is no such repository'],
    ['hg', 'abort: No space left on device: /x\n', 'storage', 'is full'],
    ['hg', 'abort: File too large: /x\n', 'integrity', 'larger than the limit'],
    [
      'hg',
      'remote: Host key verification failed.\nabort: no suitable response from remote hg\n',
      'upstream',
      'no suitable response',
    ],
    [
      'svn',
      'svn: E170013: Unable to connect\nsvn: E000111: Connection refused\n',
      'upstream',
      'connection refused',
    ],
    [
      'svn',
      'svn: E170013: Unable to connect\nsvn: E215004: No more credentials\n',
      'notFound',
      'only for who logs in',
    ],
    ['svn', 'svn: E170001: Authorization failed ( http://x )\n', 'notFound', 'only for who logs in'],
    ['svn', "svn: E175013: Access to '/x' forbidden\n", 'upstream', 'it refused us (403)'],
    [
      'svn',
      "svn: E175002: Unexpected HTTP status 502 'Bad Gateway' on '/x'\n",
      'upstream',
      'a failure of its own (502)',
    ],
    [
      'svn',
      'svn: E230001: Server SSL certificate verification failed: issuer is not trusted\n',
      'upstream',
      'is not trusted here',
    ],
    [
      'fossil',
      'cannot connect to host fossil.example.com:80\nserver returned an error - clone aborted\n',
      'upstream',
      'cannot connect to host',
    ],
    [
      'fossil',
      'server says: 404 Not Found\nserver returned an error - clone aborted\n',
      'notFound',
      'no such repository',
    ],
    ['fossil', 'Error: not authorized to clone\n', 'notFound', 'only for who logs in'],
    // Of what nobody knows, nothing follows but that it failed.
    ['hg', 'abort: the moon is full\n', 'upstream', 'the moon is full'],
    ['svn', '', 'upstream', 'the connection ended without an answer'],
  ])('of %s is what it is: %j', (vcs, said, kind, message) => {
    const failure = notedFailure(remote(vcs), [{ status: 1, verb: '', said }]);
    expect(failure).toMatchObject({ kind, message: expect.stringContaining(message) });
    expect(failure!.message).toMatch(`https://${vcs}.example.com/r: `);
    expect(failure!.message).not.toContain('10.1.2.3');
  });

  test('is our credential where one was sent', () => {
    const note = { status: 255, verb: 'pull', said: 'abort: authorization failed\n' };
    const credential = { username: 'u', password: 'p' };
    for (const more of [{ credential }, { hgrcFile: '/hgrc' }]) {
      expect(notedFailure(remote('hg', more), [note])).toMatchObject({
        kind: 'upstream',
        message: expect.stringContaining('it refused our credential'),
      });
    }
  });

  test('is a failure of a pull of Fossil that says it was none', () => {
    const pull = (said: string) => notedFailure(remote('fossil'), [{ status: 0, verb: 'pull', said }]);
    expect(pull('cannot connect to host 10.1.2.3:80\n')).toMatchObject({ kind: 'upstream' });
    expect(pull('*** time skew *** server is fast by 2 hours\n')).toBeUndefined();
    expect(notedFailure(remote('fossil'), [{ status: 0, verb: 'clone', said: 'x' }])).toBeUndefined();
  });

  test.each<[vcs: GoVcs, said: string]>([
    ['hg', "abort: abandoned transaction found\n(run 'hg recover' to clean up transaction)\n"],
    ['fossil', 'SQLITE_CORRUPT(11): database disk image is malformed\n'],
  ])('of %s about its own copy is no word about the remote: %j', (vcs, said) => {
    const notes = [
      { status: 1, verb: '', said: 'abort: HTTP Error 404: Not Found\n' },
      { status: 1, verb: '', said },
    ];
    expect(notedFailure(remote(vcs), notes)).toBeInstanceOf(DamageError);
  });

  test('that was ended for writing too much is too large', () => {
    expect(notedFailure(remote('fossil'), [{ status: 153, verb: 'clone', said: '' }])).toMatchObject({
      kind: 'integrity',
    });
  });
});

describe('what the go command says', () => {
  test.each([
    'example.com/m@v9: invalid version: unknown revision v9',
    'module example.com/m/x: no matching versions for query "latest"',
    'example.com/m/x@v1.0.0: invalid version: missing example.com/m/x/go.mod at revision v1.0.0',
    'example.com/m@v2.0.0+incompatible: invalid version: module contains a go.mod file, so module path must match major version ("example.com/m/v2")',
    'example.com/m@v0.0.0-20240101000000-abcdef123456: invalid pseudo-version: does not match version-control timestamp (expected 20240101000100)',
    'example.com/m@v1.0.1-0.20240101000000-abcdef123456: invalid pseudo-version: preceding tag (v1.0.0) not found',
    'example.com/m@v1.0.0: invalid version: go.mod has post-v1 module path "example.com/m/v2" at revision v1.0.0',
  ])('of a version is an absence: %s', (reason) => {
    expect(verdict(remote('hg'), reason)).toMatchObject({
      kind: 'notFound',
      message: reason.replace(/^module /, ''),
    });
  });

  test.each<[reason: string, kind: string]>([
    [
      'example.com/m@v9: invalid version: hg pull -f in /data/x: exit status 255:\n\tabort: error: Connection refused',
      'upstream',
    ],
    [
      'example.com/m@v9: invalid version: reading example.com/m/go.mod at revision v9: disk on fire',
      'upstream',
    ],
    ['example.com/m@v9: invalid version: something new', 'upstream'],
    ['example.com/m@v9: invalid version: something\nunknown revision v9', 'upstream'],
    ['unrecognized import path "example.com/m": no secure protocol found for repository', 'upstream'],
    ['mkdir /data: no space left on device', 'storage'],
    ['create zip: a.go: malformed file path "a.go": invalid char', 'integrity'],
    ['example.com/m@v9 requires go >= 1.99 (running go 1.26.8; GOTOOLCHAIN=local)', 'upstream'],
    ['example.com/m@latest: unexpected response from fossil info: "hash: 0123"', 'upstream'],
    ['the go command gave no answer', 'upstream'],
  ])('of anything else is a failure: %s', (reason, kind) => {
    const failure = verdict(remote('fossil'), reason);
    expect(failure).toMatchObject({ kind });
    expect(failure.message).not.toContain('/data');
  });

  test('names the version that is needed', () => {
    const reason = 'example.com/m@v9 requires go >= 1.99 (running go 1.26.8; GOTOOLCHAIN=local)';
    expect(verdict(remote('hg'), reason).message).toContain(
      'its go.mod wants go 1.99, and vcs.go is go 1.26.8',
    );
  });
});
