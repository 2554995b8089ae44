import type { HttpReply } from '../net/client.ts';
import type { ChosenCredential, CredentialAsk, Credentials } from '../net/credentials.ts';
import { HelperError } from '../vcs/git-credential.ts';
import type { Outside } from './outside.ts';

/** One step of the way to a module, and what came of it. */
export interface Finding {
  /** A word or two, such as `route`. */
  readonly step: string;
  /** A line; it holds no secret. */
  readonly said: string;
}

/**
 * Tells which credential is used for a URL, by what the settings say of it, or why none is. Who gives the login of one is
 * asked for it; a failure is thrown after what is known of it was told.
 */
export async function* examineCredential(
  outside: Outside,
  credentials: Credentials,
  target: URL,
  ask: CredentialAsk,
  signal: AbortSignal,
): AsyncGenerator<Finding> {
  const chosen = credentials.choose(target, ask);
  if (chosen === undefined) {
    yield { step: 'credential', said: whyNone(outside, target) };
    return;
  }
  const { kind } = chosen.secret;
  yield { step: 'credential', said: formatEntry(chosen) };
  if (kind !== 'helper' && kind !== 'app') return;
  try {
    const login = await chosen.login(signal);
    yield {
      step: 'login',
      said: 'none' in login ? `none: ${login.none}` : `there is one${untilText(login.expiresAt)}`,
    };
  } catch (error) {
    if (error instanceof HelperError && error.said !== '') yield { step: 'helper said', said: error.said };
    throw error;
  }
}

/** What a refusal most likely means, as the end of a sentence; empty for other answers. */
export function meaningOf({ status, authorized = false, lacking }: HttpReply): string {
  if (lacking !== undefined && refusals.includes(status)) return `: nothing was sent, since ${lacking}`;
  switch (status) {
    case 401:
      return authorized
        ? ': the credential is wrong or has expired'
        : ': it wants a login, and none was sent';
    case 403:
      return authorized
        ? ': the credential has no right to read it'
        : ': nobody may read it who does not log in';
    case 404:
      return authorized
        ? ': there is no such repository, or the credential has no right to see it'
        : ': there is no such repository, or only for who logs in';
    default:
      return '';
  }
}

const refusals: readonly number[] = [401, 403, 404];

function formatEntry({ id, secret }: ChosenCredential): string {
  const [kind, host, port, prefix] = JSON.parse(id) as [string, string, number, string];
  const name = secret.kind === 'app' ? `GitHub App ${secret.app}` : kind;
  return `${name} for ${host}${port === 0 ? '' : `:${port}`}${prefix}`;
}

function untilText(expiresAt: number | undefined): string {
  return expiresAt === undefined ? '' : `, until ${new Date(expiresAt).toISOString()}`;
}

function whyNone({ credentials, privatePatterns }: Outside, { hostname }: URL): string {
  const others = credentials.filter(({ host }) => host.replace(/:\d+$/, '').toLowerCase() === hostname);
  if (others.length === 0) return `none: the settings have none for ${hostname}`;
  const served = others.map(({ modules, prefix = '/', secret }) => {
    const whom = modules ?? (privatePatterns === '' ? 'private modules, and none is' : privatePatterns);
    return `that of the kind ${secret.kind} below ${prefix} serves ${whom}`;
  });
  return `none that serves this module at this URL: ${served.join('; ')}`;
}
