import { StoaError } from '../errors.ts';
import { matchesPatterns } from '../module/pattern.ts';
import { parseAddress } from './address.ts';
import { parseAuthority, portOf, userinfoOf } from './authority.ts';
import { privateRange } from './guard.ts';
import type { NetrcEntry } from './netrc.ts';

/** A credential, and what it may be used for. */
export interface Credential {
  /** `host` (at the default port of the scheme) or `host:port`. */
  readonly host: string;
  /** The path below which it is used, whole segments; absent: all. */
  readonly prefix?: string;
  /**
   * The module paths it serves, as GOPRIVATE patterns. Absent: every request that is made to the host, but
   * none that was redirected there by another host.
   */
  readonly modules?: string;
  /** Sent over plain HTTP too; always so to a loopback host. */
  readonly allowHttp?: boolean;
  readonly secret: Secret;
}

export type Secret =
  | { readonly kind: 'basic'; readonly username: string; readonly password: string }
  | { readonly kind: 'bearer'; readonly token: string }
  | { readonly kind: 'header'; readonly name: string; readonly value: string };

/** What a credential is asked for. */
export interface CredentialAsk {
  /** The module path asked for. */
  readonly module: string | undefined;
  /** Another host sent us to this URL. */
  readonly redirected: boolean;
}

/** The header that carries a credential; the name in lower case. */
export interface CredentialHeader {
  readonly name: string;
  readonly value: string;
}

/**
 * Chooses the credential for a URL: of those that may be used, the one with the longest prefix; of equals the
 * first. Throws `config` for one that names no host or that no header can carry; the message does not hold
 * the secret.
 */
export function createCredentials(
  credentials: readonly Credential[],
): (url: URL, ask: CredentialAsk) => CredentialHeader | undefined {
  const entries = credentials
    .map((credential) => ({
      ...parseAuthority(credential.host),
      prefix: (credential.prefix ?? '').replace(/^\/*/, '/').replace(/\/+$/, ''),
      modules: credential.modules,
      allowHttp: credential.allowHttp ?? false,
      header: headerOf(credential),
    }))
    .sort((a, b) => b.prefix.length - a.prefix.length);

  return (url, ask) => {
    const defaultPort = portOf({ protocol: url.protocol, port: '' });
    const entry = entries.find(
      (entry) =>
        entry.host === url.hostname &&
        (entry.port ?? defaultPort) === portOf(url) &&
        (url.pathname === entry.prefix || url.pathname.startsWith(`${entry.prefix}/`)) &&
        (url.protocol === 'https:' || entry.allowHttp || isLoopback(url.hostname)) &&
        (entry.modules === undefined
          ? !ask.redirected
          : ask.module !== undefined && matchesPatterns(entry.modules, ask.module)),
    );
    return entry?.header;
  };
}

/** The machines of a netrc file as credentials; `modules` as in `Credential`, for all of them. */
export function netrcCredentials(entries: readonly NetrcEntry[], modules?: string): Credential[] {
  return entries.map(({ machine, login, password }) => {
    const slash = machine.indexOf('/');
    return {
      host: slash === -1 ? machine : machine.slice(0, slash),
      ...(slash === -1 ? {} : { prefix: machine.slice(slash) }),
      ...(modules === undefined ? {} : { modules }),
      secret: { kind: 'basic', username: login, password },
    };
  });
}

/**
 * Takes user and password out of a URL from the settings. Over plain HTTP they are allowed: whoever wrote
 * them there meant it.
 */
export function splitUserinfo(url: URL): { readonly url: URL; readonly credential?: Credential } {
  const bare = new URL(url);
  bare.username = bare.password = '';
  const login = userinfoOf(url);
  if (login === undefined) return { url: bare };
  const credential: Credential = {
    host: url.port === '' ? url.hostname : url.host,
    prefix: url.pathname,
    allowHttp: url.protocol === 'http:',
    secret: { kind: 'basic', ...login },
  };
  return { url: bare, credential };
}

function headerOf({ host, secret }: Credential): CredentialHeader {
  const header = formatSecret(host, secret);
  if (!/^[\w!#$%&'*+.^`|~-]+$/.test(header.name) || !/^[\t\x20-\x7e\x80-\xff]+$/.test(header.value)) {
    throw new StoaError('config', `credential for ${host}: it holds a character that no header can carry`);
  }
  return header;
}

function formatSecret(host: string, secret: Secret): CredentialHeader {
  switch (secret.kind) {
    case 'basic':
      if (secret.username.includes(':')) {
        throw new StoaError('config', `credential for ${host}: a user name can't hold a colon`);
      }
      return { name: 'authorization', value: formatBasic(secret.username, secret.password) };
    case 'bearer':
      return { name: 'authorization', value: `Bearer ${secret.token}` };
    case 'header':
      return { name: secret.name.toLowerCase(), value: secret.value };
  }
}

/** The value of an `Authorization` or `Proxy-Authorization` header (RFC 7617). */
export function formatBasic(username: string, password: string): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
}

function isLoopback(hostname: string): boolean {
  return (
    hostname === 'localhost' ||
    (parseAddress(hostname) !== undefined && privateRange(hostname) === 'loopback')
  );
}
