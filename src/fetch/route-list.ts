import { StoaError } from '../errors.ts';

/** An entry of a GOPROXY-style list. */
export type RouteEntry =
  | {
      readonly kind: 'upstream';
      /** Without credentials and trailing slash; the name of the source everywhere. */
      readonly url: string;
      readonly credentials?: Credentials;
      /** After `|`: any failure leads to the next entry; after `,` only absence does. */
      readonly onError: 'next' | 'stop';
    }
  | { readonly kind: 'direct' }
  | { readonly kind: 'off' };

/** What the userinfo of a URL said. For the HTTP client's settings only, never for a message. */
interface Credentials {
  readonly username: string;
  readonly password: string;
}

export interface RouteList {
  /** At least one; `direct` and `off` can only be the last. */
  readonly entries: readonly RouteEntry[];
  /** Entries behind `direct` or `off`, which the go command passes over in silence; without credentials. */
  readonly ignored: readonly string[];
}

/**
 * Reads a list as the go command reads GOPROXY (cmd/go modfetch/proxy.go): entries separated by `,` or `|`, spaces
 * around them and empty ones passed over, `https://` put before what has no scheme. Throws `config` with the entry and
 * what is wrong with it.
 */
export function parseRouteList(text: string): RouteList {
  const entries: RouteEntry[] = [];
  const ignored: string[] = [];
  for (const [, raw, separator] of text.matchAll(/([^,|]*)([,|]?)/g)) {
    const entry = raw!.trim();
    const last = entries.at(-1);
    if (entry === '') continue;
    if (last !== undefined && last.kind !== 'upstream') ignored.push(redact(entry));
    else if (entry === 'direct' || entry === 'off') entries.push({ kind: entry });
    else entries.push({ ...parseUpstream(entry), onError: separator === '|' ? 'next' : 'stop' });
  }
  if (entries.length === 0) throw new StoaError('config', 'the list of upstreams is empty');
  return { entries, ignored };
}

function parseUpstream(entry: string): { kind: 'upstream'; url: string; credentials?: Credentials } {
  const shown = redact(entry);
  const wrong = (why: string): StoaError => new StoaError('config', `upstream ${shown}: ${why}`);
  if (/[\s\p{C}]/u.test(entry)) throw wrong('a URL has no spaces or control characters in it');
  if (!/[.:/]/.test(entry)) throw wrong('neither a URL nor one of the words direct and off');
  const full = entry.includes(':/') || entry.startsWith('/') ? entry : `https://${entry}`;
  if (!/^https?:\/\/[^/]/i.test(full))
    throw wrong('an upstream is a URL that begins with https:// or http://');
  if (!URL.canParse(full)) throw wrong('not a valid URL');
  const url = new URL(full);
  if (full.includes('?') || full.includes('#')) throw wrong('an upstream has no query and no fragment');
  if (url.pathname.includes('@')) throw wrong('an @ stands behind the host; credentials stand before it');
  const base = `${url.origin}${url.pathname.replace(/\/+$/, '')}`;
  if (url.username === '' && url.password === '') return { kind: 'upstream', url: base };
  if (url.protocol === 'http:') throw wrong('credentials are not sent over plain http; use https');
  return { kind: 'upstream', url: base, credentials: parseCredentials(url, wrong) };
}

function parseCredentials(url: URL, wrong: (why: string) => StoaError): Credentials {
  try {
    return { username: decodeURIComponent(url.username), password: decodeURIComponent(url.password) };
  } catch {
    throw wrong('the percent-encoding of its credentials is broken');
  }
}

/** An entry as it may be shown: what stands before an @ in place of a host could be a secret. */
function redact(entry: string): string {
  const at = entry.lastIndexOf('@');
  const scheme = /^[a-z][a-z0-9+.-]*:\/+/i.exec(entry)?.[0] ?? '';
  return JSON.stringify(at < 0 ? entry : `${scheme}…${entry.slice(at)}`);
}
