import { StoaError } from '../errors.ts';

/** A host as settings name it. */
export interface Authority {
  /** As `URL.hostname` writes it: lower case, punycode, IPv6 in brackets. */
  readonly host: string;
  /** Absent when none was written. */
  readonly port?: number;
}

/** The host that `host`, `host:port`, `[::1]:port` or `::1` names. Throws `config` for anything else. */
export function parseAuthority(text: string): Authority {
  const match = /^(\[[^\]]+\]|[^:[\]@/?#\s\\]+)(?::(\d{1,5}))?$/.exec(text);
  const host = match?.[1] ?? (/^[\da-f:.]+$/i.test(text) ? `[${text}]` : '');
  const port = match?.[2] === undefined ? undefined : Number(match[2]);
  if (!URL.canParse(`http://${host}/`) || (port !== undefined && (port < 1 || port > 65_535))) {
    throw new StoaError('config', `not a host or host:port: ${JSON.stringify(text)}`);
  }
  const { hostname } = new URL(`http://${host}/`);
  return port === undefined ? { host: hostname } : { host: hostname, port };
}

/** The port an http, https or ssh URL is asked at, also where it is the default one of its scheme. */
export function portOf(url: { readonly protocol: string; readonly port: string }): number {
  return url.port === '' ? (defaultPorts[url.protocol] ?? 80) : Number(url.port);
}

const defaultPorts: Readonly<Record<string, number>> = { 'https:': 443, 'ssh:': 22 };

/** User and password of a URL, decoded where they are encoded; undefined when there are none. */
export function userinfoOf(url: URL): { readonly username: string; readonly password: string } | undefined {
  if (url.username === '' && url.password === '') return undefined;
  return { username: decode(url.username), password: decode(url.password) };
}

/** A `%` that encodes nothing is one that somebody forgot to encode. */
function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
