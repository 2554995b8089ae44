import { StoaError } from '../errors.ts';
import type { HttpReply } from '../net/client.ts';
import { formatStatus } from '../net/refusal.ts';

/**
 * What a status other than success says of what was asked for, as an error whose message begins with the
 * URL. That it is not there for us (`notFound`) is what a host says that does not find it or, as
 * the large ones do for what is private, wants a login: the go command takes both for absence. A host that has no time,
 * is broken, or refuses the credential we sent has not said so (`upstream`).
 */
export function statusError(url: string, reply: HttpReply): StoaError {
  const { status, retryAfter, authorized = false, lacking } = reply;
  const text = `${url} answered ${formatStatus(status)}`;
  const wantsLogin = status === 401 || status === 403;
  if (wantsLogin && authorized)
    return new StoaError('upstream', `${text} to the credential that we have for it`);
  if (wantsLogin)
    return new StoaError(
      'notFound',
      `${text}, and ${lacking ?? 'we have no credential that serves this module'}`,
    );
  if (status >= 500 || passing.has(status)) {
    return new StoaError('upstream', text, retryAfter === undefined ? {} : { retryAfter });
  }
  return new StoaError('notFound', lacking === undefined ? text : `${text}, and ${lacking}`);
}

/** Statuses below 500 that say: not now. */
const passing: ReadonlySet<number> = new Set([408, 425, 429]);
