import type { ErrorKind } from '../errors.ts';
import { isStoaError, StoaError } from '../errors.ts';
import type { Remote } from './remote.ts';
import type { Ended } from './run.ts';

/** The remote answered, and will not send what it was asked for. */
export class RefusedError extends Error {}

/** The remote did not take our credential or key. */
export class LoginError extends StoaError {
  constructor(remote: Remote, text: string) {
    super('upstream', messageOf(remote, text));
    this.name = 'LoginError';
  }
}

/** The local copy lacks what it should have, or cannot be read; the message is what git said of it. */
export class DamageError extends Error {}

/** What it means that even a new copy of a remote's objects is broken. */
export function brokenObjects(remote: Remote, error: DamageError): StoaError {
  // Where the copy lies is nobody's business.
  const [line = ''] = error.message.replaceAll(/ \(stored in [^)]*\)|\S*\/repos\/\S*/g, '').split('\n');
  return named(remote, 'integrity', `its objects cannot be read: ${plain(line)}`, error);
}

/**
 * What it means that a command that talked to a remote ended early: what git and ssh said on the way, in plain words and
 * without anything that only they understand.
 */
export function remoteFailure(remote: Remote, ended: Ended): StoaError {
  if (ended.stopped !== undefined)
    return named(remote, ended.stopped.kind, ended.stopped.message, ended.stopped);
  return saidFailure(remote, ended.stderr);
}

/** The same, of a text that says what went wrong; `more` comes before what git means. */
export function saidFailure(remote: Remote, said: string, more: readonly Meaning[] = []): StoaError {
  const { credential, ssh, hgrcFile } = remote;
  const needsLogin = credential === undefined && ssh === undefined && hgrcFile === undefined;
  for (const [pattern, kind, text] of [...more, ...meanings]) {
    const match = pattern.exec(said);
    if (match === null) continue;
    if (kind === 'login') {
      return needsLogin
        ? named(
            remote,
            'notFound',
            'there is none, or only for who logs in, and no credential here serves it',
          )
        : new LoginError(remote, text);
    }
    return named(remote, kind, text.replace('$1', match[1] ?? ''));
  }
  return named(remote, 'upstream', lastLine(remote, said) ?? 'the connection ended without an answer');
}

/**
 * What it means that a command of the local copy, which was given what a remote sent, ended early: nothing that it says is
 * about the remote's repository being there.
 */
export function packFailure(remote: Remote, ended: Ended): StoaError | DamageError {
  if (ended.stopped !== undefined) return remoteFailure(remote, ended);
  const disk = meanings.find(([pattern, kind]) => kind === 'storage' && pattern.test(ended.stderr));
  if (disk !== undefined) return named(remote, 'storage', disk[2]);
  if (/not a git repository/.test(ended.stderr)) return new DamageError(ended.stderr);
  return named(
    remote,
    'integrity',
    `what it sent is broken: ${lastLine(remote, ended.stderr) ?? 'no reason was told'}`,
  );
}

/** A failure of the file system under the local copies; any other error as it is. */
export function localFailure(error: unknown): unknown {
  if (!(error instanceof Error) || !('syscall' in error)) return error;
  return new StoaError('storage', `the local copies of repositories: ${error.message}`, { cause: error });
}

/** The error, with the remote named in its message, unless that is so or nobody reads it. */
export function about(remote: Remote, error: unknown): unknown {
  if (!isStoaError(error) || error.kind === 'canceled' || error.message.startsWith(remote.url)) return error;
  return named(remote, error.kind, error.message, error);
}

/** An error about a remote; in its message the public URL stands for the one that is asked. */
export function named(remote: Remote, kind: ErrorKind, text: string, cause?: unknown): StoaError {
  return new StoaError(kind, messageOf(remote, text), cause === undefined ? {} : { cause });
}

function messageOf({ url, fetchUrl }: Remote, text: string): string {
  return `${url}: ${text.replaceAll(fetchUrl, url)}`;
}

/**
 * What it means that somebody says this; `$1` in the text is the first group. `login` means that the remote wants to know
 * who asks, or does not let in who asked.
 */
export type Meaning = readonly [pattern: RegExp, kind: ErrorKind | 'login', text: string];

/** By what git (http.c, remote-curl.c, connect.c), curl, ssh and the large hosts write; the first that matches counts. */
const meanings: readonly Meaning[] = [
  [/No space left on device|Disk quota exceeded/i, 'storage', 'the disk of the local copy is full'],
  [/Read-only file system/i, 'storage', 'the disk of the local copy is read-only'],
  [/File size limit exceeded|died of signal 25/, 'integrity', 'it is larger than the limit for repositories'],
  [/exceeds maximum allowed size/, 'integrity', 'it is larger than the limit for repositories'],
  [
    /could not read (?:Username|Password)|Authentication failed|returned error: 401/,
    'login',
    'it refused our credential, which may have expired or lack the right to read',
  ],
  [
    /Permission denied \(|Too many authentication failures/,
    'login',
    'it refused our SSH key, or the key lacks the right to read',
  ],
  [/returned error: 403/, 'upstream', 'it refused us (403): no right to read, or too many requests'],
  [/returned error: 429/, 'upstream', 'it has too many requests from here (429)'],
  [/returned error: 3\d\d|unable to update url base from redirection/, 'upstream', 'it redirects elsewhere'],
  [/returned error: (5\d\d)/, 'upstream', 'it answered with a failure of its own ($1)'],
  [/repository corruption on the remote side/, 'integrity', 'its objects are broken, as it says itself'],
  [/not valid: is this a git repository/, 'upstream', 'what answers there is no git server'],
  [/repository .* not found|returned error: (?:404|410)/i, 'notFound', 'there is no such repository'],
  [
    /Repository not found|project you were looking for could not be found|does not appear to be a git repository|access denied or repository not exported|not a git repository/i,
    'notFound',
    'there is no such repository',
  ],
  [/detected dubious ownership/, 'upstream', 'its folder belongs to somebody else'],
  [
    /Host key verification failed/,
    'upstream',
    'the key of the SSH host is not among the known hosts, or another one than there',
  ],
  [/Could not resolve host/i, 'upstream', 'no such host'],
  [
    /Operation too slow|Operation timed out|Connection timed out|timed out after/,
    'timeout',
    'no answer in time',
  ],
  [/Connection refused/, 'upstream', 'connection refused'],
  [/Failed to connect|No route to host|Network is unreachable/, 'upstream', 'no connection could be made'],
  [/certificate has expired/i, 'upstream', 'its certificate has expired'],
  [
    /SSL certificate problem|certificate verification failed|unable to get local issuer|server certificate/i,
    'upstream',
    'its certificate is not trusted here; a file with extra authorities can name its own',
  ],
  [
    /gnutls_handshake|SSL_connect|SSL_ERROR|TLS connect|wrong version number/i,
    'upstream',
    'the TLS handshake failed',
  ],
  [
    /index-pack failed|unpack-objects|bad pack|pack is corrupted|pack has bad object|inflate|fsck|invalid object|pack signature/i,
    'integrity',
    'what it sent is broken',
  ],
  [
    /early EOF|hung up unexpectedly|unexpected disconnect|RPC failed|Connection reset|Broken pipe|Empty reply/i,
    'upstream',
    'the connection broke off',
  ],
];

/** What was said last; it may be anybody's words. */
function lastLine(remote: Remote, said: string): string | undefined {
  const line = plain(withoutSecrets(said.trim().split('\n').at(-1) ?? '', remote));
  return line === '' ? undefined : line;
}

/** A line of a program's, fit for a message. */
export function plain(line: string): string {
  return line
    .replaceAll(/[^\x20-\x7e]/g, '')
    .replace(/^(?:fatal|error|remote|ERR):? */, '')
    .replaceAll(/\/\/[^/@\s]*@/g, '//')
    .slice(0, 200);
}

function withoutSecrets(text: string, { credential }: Remote): string {
  if (credential === undefined) return text;
  const { password, header } = { password: '', header: '', ...credential };
  // Of a header also what stands behind its name, and behind `Bearer`.
  const secrets = [password, header, header.replace(/^[^:]*: */, ''), header.split(' ').at(-1)!];
  return secrets
    .filter((secret) => secret !== '')
    .reduce((shown, secret) => shown.replaceAll(secret, '[hidden]'), text);
}
