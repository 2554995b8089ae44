import { isStoaError, StoaError } from '../errors.ts';
import { parseAddress } from './address.ts';
import { portOf } from './authority.ts';
import { describeLookup } from './failure.ts';
import { createNamedHosts, privateRange, privateRangeByName, refusal } from './guard.ts';
import { createLookup, type Resolve } from './lookup.ts';
import { createProxyChoice, type ProxySettings } from './proxy-env.ts';
import { untilAborted } from './until-aborted.ts';

/** How another program may connect to a host: through a proxy, or at addresses that were checked. */
type Reached =
  | { readonly proxy: URL }
  /** At least one. */
  | { readonly addresses: readonly [string, ...string[]] };

/**
 * The private-address guard for programs that dial themselves: it looks a host up and answers what alone may be
 * dialled, so that an answer that changes later has no effect. Takes http, https and ssh URLs whose host is written as
 * the URLs of http have it. ssh knows no proxy. Behind a proxy, which looks names up itself, the name must be one of the
 * public internet. The hosts that the settings name may be private. Throws `upstream` for a host that is refused or can't
 * be looked up, `canceled` on abort.
 */
export type Reach = (url: URL, signal: AbortSignal) => Promise<Reached>;

export interface ReachOptions {
  /** As for the HTTP client. */
  readonly namedHosts?: readonly string[];
  readonly proxy?: ProxySettings;
  readonly now?: () => number;
  readonly resolve?: Resolve;
}

/** Makes a guard. Throws `config` for a named host or proxy that can't be one. */
export function createReach(options: ReachOptions): Reach {
  const { namedHosts = [], proxy = {}, now = Date.now, resolve } = options;
  const isNamed = createNamedHosts(namedHosts);
  const { proxyFor } = createProxyChoice(proxy);
  const lookup = createLookup({ now, ...(resolve && { resolve }) });

  return async (url, signal) => {
    const { hostname } = url;
    const isOpen = isNamed(hostname, portOf(url));
    const proxyUrl = url.protocol === 'ssh:' ? undefined : proxyFor(url);
    if (proxyUrl !== undefined) {
      const range = privateRangeByName(hostname);
      if (range !== undefined && !isOpen) throw refusal(url.host, range);
      return { proxy: proxyUrl };
    }
    const addresses = await addressesOf(hostname, lookup, signal);
    const allowed = isOpen ? addresses : addresses.filter((address) => privateRange(address) === undefined);
    const [first, ...others] = allowed;
    if (first !== undefined) return { addresses: [first, ...others.slice(0, maxAddresses - 1)] };
    const range = addresses[0] && privateRange(addresses[0]);
    throw range ? refusal(url.host, range) : new StoaError('upstream', `${url.host}: it has no address`);
  };
}

/** More of them are no help, and make a long command. */
const maxAddresses = 8;

async function addressesOf(hostname: string, lookup: Resolve, signal: AbortSignal): Promise<string[]> {
  if (parseAddress(hostname) !== undefined) return [hostname.replace(/^\[|\]$/g, '')];
  try {
    const found = await untilAborted(() => lookup(hostname), hostname, signal);
    return found.map(({ address }) => address);
  } catch (error) {
    throw isStoaError(error) ? error : describeLookup(error, hostname);
  }
}
