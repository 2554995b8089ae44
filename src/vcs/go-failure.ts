import { StoaError } from '../errors.ts';
import { DamageError, type Meaning, named, saidFailure } from './git-failure.ts';
import type { Note } from './go-programs.ts';
import type { GoRemote } from './go-remote.ts';

/**
 * What it means that programs which the go command ran have failed; undefined where all that they said is that a revision or
 * file does not exist. A copy that they find broken is a DamageError.
 */
export function notedFailure(remote: GoRemote, notes: readonly Note[]): StoaError | DamageError | undefined {
  const failures = notes.flatMap((note) => noteFailure(remote, note) ?? []);
  return failures.find((failure) => failure instanceof DamageError) ?? failures[0];
}

function noteFailure(remote: GoRemote, { status, verb, said }: Note): StoaError | DamageError | undefined {
  const { vcs } = remote;
  // A pull of Fossil fails without saying so; of a clock that is wrong it complains all the same.
  const complaint = vcs === 'fossil' && verb === 'pull' ? said.replaceAll(/^\*\*\*.*$/gm, '').trim() : '';
  if (status === 0 && complaint === '') return undefined;
  if (status === fileTooLarge) return named(remote, 'integrity', tooLarge);
  if (damages.test(said)) return new DamageError(said);
  return absences[vcs].test(said) ? undefined : saidFailure(remote, complaintIn(said), meanings);
}

/**
 * What it means that the go command gave this reason, while no program had failed. An absence is only what it says about
 * versions from what is in the repository; it says the same words before the failure of a program.
 */
export function verdict(remote: GoRemote, reason: string): StoaError {
  const [line = '', ...more] = reason.replaceAll(/[^\n\x20-\x7e]/g, '').split('\n');
  if (more.length === 0 && statement.test(line))
    return new StoaError('notFound', line.replace(/^module /, ''));
  const [, needed, installed] = /requires go >= (\S+) \(running go ([^;)\s]+)/.exec(line) ?? [];
  if (needed !== undefined)
    return named(remote, 'upstream', `its go.mod wants go ${needed}, and vcs.go is go ${installed}`);
  if (/create zip: |zip file /.test(line)) return named(remote, 'integrity', line.slice(0, maxLine));
  return saidFailure(remote, reason, meanings);
}

/** Characters of what the go command says that are passed on. */
const maxLine = 300;

/** The sentences of cmd/go/internal/modfetch/coderepo.go and modload/query.go about a version or a module that is not there. */
const statement = new RegExp(
  `(?:^|: )(?:${[
    'unknown revision \\S+',
    'no matching versions for query .*',
    'no commits',
    '(?!reading ).* at revision \\S+',
    'module path includes a major version suffix.*',
    'module contains a go\\.mod file.*',
    '\\+incompatible suffix not allowed.*',
    'resolves to version .*',
    'syntax error',
    'revision is (?:longer|shorter) than canonical .*',
    'does not match (?:short name of revision|version-control timestamp) .*',
    'major version without preceding tag .*',
    'tag \\(\\S+\\) found on revision .*',
    'preceding tag \\(\\S+\\) not found',
    '(?:revision \\S+ is )?not a descendent of preceding tag .*',
    'mismatched repo: .*',
    'repository rooted at .*',
  ].join('|')})$`,
);

/** 128 and the number of SIGXFSZ. */
const fileTooLarge = 153;
const tooLarge = 'it is larger than the limit for repositories';

/** A program found its own copy of the repository broken. */
const damages =
  /abandoned transaction found|integrity check failed|database disk image is malformed|file is not a database|not a valid repository|default repository not configured/;

/** What each system says of a revision or a file that is not there, and of nothing else. */
const absences: Readonly<Record<GoRemote['vcs'], RegExp>> = {
  hg: /^abort: (?:unknown revision|ambiguous revision identifier|hidden revision|filtered revision|no files match)|^hg: parse error|: no such file in rev [0-9a-f]+$/m,
  svn: /^svn: (?:E160013|E160006|E205000|warning: W160013|E170000: URL '.*' non-existent)/m,
  fossil: /^(?:cannot resolve name|no such object|file .* does not exist in check-in)/m,
};

/** Without the advice that hg gives, and what fossil says of every failure. */
function complaintIn(said: string): string {
  return /^abort: (.*)/m.exec(said)?.[1] ?? said.replace(/^server returned an error .*$/m, '');
}

/** By what hg, svn and fossil write, before what ssh and libraries do. */
const meanings: readonly Meaning[] = [
  [
    /HTTP Error 401|authorization (?:failed|required)|E170001|E215004|not authorized to (?:clone|pull|sync)|missing or incorrect password|login failed/i,
    'login',
    'it refused our credential, which may have expired or lack the right to read',
  ],
  [
    /(?:HTTP Error|server says:|HTTP status) 403|E175013/,
    'upstream',
    'it refused us (403): no right to read, or too many requests',
  ],
  [/(?:HTTP Error|server says:|HTTP status) 429/, 'upstream', 'it has too many requests from here (429)'],
  [
    /(?:HTTP Error|server says:|HTTP status) (5\d\d)/,
    'upstream',
    'it answered with a failure of its own ($1)',
  ],
  [/(?:HTTP Error|server says:|HTTP status) (?:404|410)/, 'notFound', 'there is no such repository'],
  [
    /does not appear to be an hg repository|E175003|E200007/,
    'upstream',
    'what answers there is no server of such repositories',
  ],
  [/File too large/, 'integrity', tooLarge],
];
