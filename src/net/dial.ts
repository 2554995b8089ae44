import type { LookupFunction } from 'node:net';
import type { SecureContext } from 'node:tls';
import { buildConnector } from 'undici';
import { parseAddress } from './address.ts';
import { portOf } from './authority.ts';
import { privateRange, refusal } from './guard.ts';
import type { Resolve } from './lookup.ts';

/** Opens connections as undici asks for them. */
export type Dialer = buildConnector.connector;

export interface DialOptions {
  readonly connectMs: number;
  /** Hosts whose addresses may be private. */
  readonly isNamed: (hostname: string, port: number) => boolean;
  readonly lookup: Resolve;
  readonly trust: () => SecureContext;
  /** Over TLS any certificate will do. */
  readonly anybody?: boolean;
}

/**
 * A dialer that looks names up itself and connects to nothing but what it checked: of a name's addresses only
 * the public ones are tried, so that an answer that changes between look-up and connection has no effect.
 */
export function createDialer(options: DialOptions): Dialer {
  const guarded = createConnectors(options, lookupPublic(options.lookup));
  const open = createConnectors(options, lookupAny(options.lookup));

  return (asked, callback) => {
    // undici takes the name for TLS from the Host header, which names another host than the proxy it is sent to.
    const target = { ...asked, servername: '' };
    const port = portOf(target);
    // undici takes the brackets off an IPv6 host, settings and URLs have them.
    const host = target.hostname.includes(':') ? `[${target.hostname}]` : target.hostname;
    if (options.isNamed(host, port)) return open(target, callback);
    const range = parseAddress(host) && privateRange(host);
    if (range !== undefined) return queueMicrotask(() => callback(refusal(host, range), null));
    return guarded(target, callback);
  };
}

/** Milliseconds for one address of several before the next is tried; Node's 250 are too few for far hosts. */
const attemptMs = 1_000;

function createConnectors(
  { connectMs, trust, anybody = false }: DialOptions,
  lookup: LookupFunction,
): Dialer {
  const common = {
    timeout: connectMs,
    allowH2: false,
    autoSelectFamily: true,
    autoSelectFamilyAttemptTimeout: attemptMs,
    lookup,
  };
  const plain = buildConnector(common as buildConnector.BuildOptions);
  let secure: Dialer | undefined;
  return (target, callback) => {
    if (target.protocol !== 'https:') return plain(target, callback);
    const tls = anybody ? { rejectUnauthorized: false } : { secureContext: trust() };
    secure ??= buildConnector({ ...common, ...tls } as buildConnector.BuildOptions);
    return secure(target, callback);
  };
}

function lookupAny(resolve: Resolve): LookupFunction {
  return (name, _, callback) => {
    resolve(name).then(
      (addresses) => callback(null, [...addresses]),
      (error) => callback(error, []),
    );
  };
}

function lookupPublic(resolve: Resolve): LookupFunction {
  return (name, _, callback) => {
    resolve(name).then(
      (addresses) => {
        const open = addresses.filter(({ address }) => privateRange(address) === undefined);
        const range = open.length === 0 && addresses[0] ? privateRange(addresses[0].address) : undefined;
        callback(range === undefined ? null : refusal(name, range), open);
      },
      (error) => callback(error, []),
    );
  };
}
