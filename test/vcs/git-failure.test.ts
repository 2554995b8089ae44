import { describe, expect, test } from 'vitest';
import { brokenObjects, DamageError, remoteFailure, saidFailure } from '../../src/vcs/git-failure.ts';
import type { Remote } from '../../src/vcs/remote.ts';

const remote: Remote = {
  url: 'https://example.com/x',
  fetchUrl: 'https://mirror.example.org/y',
  key: 'y',
  credential: { header: 'PRIVATE-TOKEN: t0ps3cret' },
};
const { credential: _, ...anonymous } = remote;

describe('what git says', () => {
  test.each([
    [
      'upstream',
      `fatal: unable to access 'https://mirror.example.org/y/': Could not resolve host: mirror.example.org`,
      'no such host',
    ],
    [
      'upstream',
      `fatal: unable to access 'https://mirror.example.org/y/': Failed to connect to mirror.example.org port 443 after 12 ms: Couldn't connect to server`,
      'no connection could be made',
    ],
    [
      'timeout',
      `fatal: unable to access 'https://mirror.example.org/y/': Failed to connect to mirror.example.org port 443 after 131072 ms: Connection timed out`,
      'no answer in time',
    ],
    [
      'timeout',
      `error: RPC failed; curl 28 Operation too slow. Less than 1 bytes/sec transferred the last 60 seconds`,
      'no answer in time',
    ],
    [
      'upstream',
      `fatal: could not read Username for 'https://mirror.example.org': terminal prompts disabled`,
      'it refused our credential, which may have expired or lack the right to read',
    ],
    [
      'upstream',
      `remote: HTTP Basic: Access denied\nfatal: Authentication failed for 'https://mirror.example.org/y/'`,
      'it refused our credential, which may have expired or lack the right to read',
    ],
    [
      'upstream',
      `git@example.com: Permission denied (publickey).\nfatal: Could not read from remote repository.`,
      'it refused our SSH key, or the key lacks the right to read',
    ],
    [
      'upstream',
      `Host key verification failed.\nfatal: Could not read from remote repository.`,
      'the key of the SSH host is not among the known hosts, or another one than there',
    ],
    [
      'notFound',
      `ERROR: Repository not found.\nfatal: Could not read from remote repository.`,
      'there is no such repository',
    ],
    [
      'notFound',
      `fatal: repository 'https://mirror.example.org/y/' not found`,
      'there is no such repository',
    ],
    ['notFound', `fatal: '/srv/git/y' does not appear to be a git repository`, 'there is no such repository'],
    [
      'upstream',
      `fatal: unable to access 'https://mirror.example.org/y/': The requested URL returned error: 500`,
      'it answered with a failure of its own (500)',
    ],
    [
      'upstream',
      `error: RPC failed; HTTP 502 curl 22 The requested URL returned error: 502\nfatal: the remote end hung up unexpectedly`,
      'it answered with a failure of its own (502)',
    ],
    [
      'upstream',
      `error: RPC failed; curl 18 transfer closed with outstanding read data remaining\nfatal: early EOF`,
      'the connection broke off',
    ],
    [
      'upstream',
      `fatal: unable to access 'https://mirror.example.org/y/': server certificate verification failed. CAfile: none CRLfile: none`,
      'its certificate is not trusted here; a file with extra authorities can name its own',
    ],
    [
      'upstream',
      `fatal: unable to access 'https://mirror.example.org/y/': SSL certificate problem: self-signed certificate`,
      'its certificate is not trusted here; a file with extra authorities can name its own',
    ],
    [
      'upstream',
      `fatal: unable to access 'https://mirror.example.org/y/': gnutls_handshake() failed: An unexpected TLS packet was received.`,
      'the TLS handshake failed',
    ],
    ['integrity', `fatal: pack is corrupted (SHA1 mismatch)`, 'what it sent is broken'],
    ['integrity', `fatal: inflate returned -3`, 'what it sent is broken'],
    [
      'storage',
      `error: file write error: No space left on device\nfatal: unable to write file`,
      'the disk of the local copy is full',
    ],
    [
      'storage',
      `fatal: cannot store pack file: Read-only file system`,
      'the disk of the local copy is read-only',
    ],
    [
      'upstream',
      `fatal: something new about https://mirror.example.org/y`,
      'something new about https://example.com/x',
    ],
    [
      'upstream',
      `remote: \u001b[31mtoken t0ps3cret\u0007 is odd\nPRIVATE-TOKEN: t0ps3cret is odd for https://u:p@mirror.example.org/`,
      '[hidden] is odd for https://mirror.example.org/',
    ],
    ['upstream', '', 'the connection ended without an answer'],
  ] as const)('%s: %j', (kind, said, text) => {
    expect(saidFailure(remote, said)).toMatchObject({ kind, message: `https://example.com/x: ${text}` });
  });

  test('about a login means that there is none for who has no credential', () => {
    const said = `fatal: could not read Username for 'https://mirror.example.org': terminal prompts disabled`;
    expect(saidFailure(anonymous, said)).toMatchObject({ kind: 'notFound' });
    const ssh = { ...anonymous, ssh: { hostName: '192.0.2.1', hostKeyAlias: 'x' } };
    expect(saidFailure(ssh, 'git@x: Permission denied (publickey).')).toMatchObject({ kind: 'upstream' });
  });

  test('is less than why it was ended from here', () => {
    const stopped = saidFailure(anonymous, 'Operation too slow');
    const failed = remoteFailure(remote, { code: null, stderr: 'fatal: early EOF', stopped });
    expect(failed).toMatchObject({ kind: 'timeout', cause: stopped });
  });

  test('of a broken copy does not say where it lies', () => {
    const file = '/var/lib/stoa/git/repos/0a1b/objects/a3/59';
    const said = `fatal: loose object a359 (stored in ${file}) is corrupt\nfatal: more`;
    expect(brokenObjects(remote, new DamageError(said))).toMatchObject({
      kind: 'integrity',
      message: 'https://example.com/x: its objects cannot be read: loose object a359 is corrupt',
    });
    expect(brokenObjects(remote, new DamageError(`error: packfile ${file} is bad`)).message).not.toContain(
      '/var',
    );
  });
});

test('no form of a credential is told', () => {
  const said = 'fatal: odd: Basic dDBw, t0ps3cret, pass-word';
  const told = (credential: Remote['credential']) =>
    saidFailure({ ...anonymous, credential: credential! }, said).message;
  expect(told({ header: 'Authorization: Basic dDBw' })).not.toContain('dDBw');
  expect(told({ header: 'X-Token: t0ps3cret' })).not.toContain('t0ps3cret');
  expect(told({ username: 'gopher', password: 'pass-word' })).not.toContain('pass-word');
});
