import { StoaError } from '../errors.ts';
import { portOf } from './authority.ts';
import type { Head } from './exchange.ts';

/** One station of a chain of redirects. */
export interface Hop {
  /** Without user, password and fragment. */
  readonly url: URL;
  /** The caller's headers that may go there, names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** A station before it was another host, or another port; or a stranger chose the first one. */
  readonly redirected: boolean;
}

/** Where a request begins. Throws `upstream` for a URL that is not http or https. */
export function firstHop(url: URL, headers: Readonly<Record<string, string>>, redirected = false): Hop {
  const lower = Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]);
  return { url: bareUrl(url), headers: Object.fromEntries(lower), redirected };
}

/**
 * Where an answer sends us; undefined when it is no redirect. Once the host or port changed, the caller's
 * credentials stay behind, also when a later redirect leads back. Throws `upstream` for a redirect that is
 * not followed: from https to http (unless that is allowed), to another scheme, or to what is no URL.
 */
export function nextHop(
  hop: Hop,
  { status, headers: { location } }: Head,
  toPlainHttp = false,
): Hop | undefined {
  if (!redirectStatuses.has(status) || typeof location !== 'string') return undefined;
  const { url: from } = hop;
  if (!URL.canParse(location, from)) {
    throw new StoaError('upstream', `${from.host}: redirected to what is no URL`);
  }
  const url = bareUrl(new URL(location, from));
  if (from.protocol === 'https:' && url.protocol === 'http:' && !toPlainHttp) {
    throw new StoaError('upstream', `${from.host}: refused its redirect from https to http at ${url.host}`);
  }
  if (url.hostname === from.hostname && portOf(url) === portOf(from)) return { ...hop, url };
  const headers = Object.entries(hop.headers).filter(
    ([name]) => name !== 'authorization' && name !== 'cookie',
  );
  return { url, headers: Object.fromEntries(headers), redirected: true };
}

const redirectStatuses: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

function bareUrl(url: URL): URL {
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw new StoaError('upstream', `${url.host || url.protocol}: only http and https URLs can be fetched`);
  }
  const bare = new URL(url);
  bare.username = bare.password = bare.hash = '';
  return bare;
}
