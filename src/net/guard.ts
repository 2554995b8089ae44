import { StoaError } from '../errors.ts';
import type { Address, Network } from './address.ts';
import { contains, parseAddress, parseNetwork } from './address.ts';
import { parseAuthority } from './authority.ts';

/**
 * What keeps an address from being one of the public internet, in a word or two (`loopback`, `link-local`);
 * undefined for a public one. IPv4 addresses inside IPv6 ones (mapped, NAT64, 6to4) are judged as what they
 * reach. Follows the IANA registries of special-purpose addresses, and adds the metadata services of clouds
 * that live outside of them.
 */
export function privateRange(text: string): string | undefined {
  const address = parseAddress(text);
  return address === undefined ? 'unreadable' : rangeOf(address);
}

/**
 * As `privateRange` for a host that a proxy will look up, where its addresses are not known: an address is judged
 * as one, and a name is `private` when no public name service could know it (RFC 6761, RFC 6762 appendix G).
 */
export function privateRangeByName(hostname: string): string | undefined {
  if (parseAddress(hostname) !== undefined) return privateRange(hostname);
  const labels = hostname.replace(/\.$/, '').split('.');
  const isOwn =
    labels.length === 1 || ownDomains.has(labels.at(-1)!) || labels.slice(-2).join('.') === 'home.arpa';
  return isOwn ? 'private' : undefined;
}

/**
 * The error for a host whose address must not be dialled. It does not name the address: a client may read it.
 */
export function refusal(host: string, range: string): StoaError {
  return new StoaError(
    'upstream',
    `${host}: refused to connect to a ${range} address; only hosts named in the settings may have one`,
  );
}

/**
 * Tells whether the settings name a host, so that its addresses may be private. An entry without a port names
 * all of its ports. Throws `config` for an entry that is no host.
 */
export function createNamedHosts(entries: readonly string[]): (hostname: string, port: number) => boolean {
  const named = entries.map(parseAuthority);
  return (hostname, port) =>
    named.some((entry) => entry.host === hostname && (entry.port === undefined || entry.port === port));
}

function rangeOf(address: Address): string | undefined {
  if (address.family === 4) return ranges4.find(([network]) => contains(network, address))?.[1];
  if (contains(nat64, address)) return rangeOf({ family: 4, value: address.value & 0xffff_ffffn });
  if (contains(sixToFour, address))
    return rangeOf({ family: 4, value: (address.value >> 80n) & 0xffff_ffffn });
  const special = ranges6.find(([network]) => contains(network, address))?.[1];
  return special ?? (contains(globalUnicast, address) ? undefined : 'reserved');
}

const ranges4 = table([
  ['0.0.0.0/8', 'unspecified'],
  ['10.0.0.0/8', 'private'],
  ['100.64.0.0/10', 'shared (carrier-grade NAT)'],
  ['127.0.0.0/8', 'loopback'],
  ['168.63.129.16/32', 'cloud metadata'],
  ['169.254.0.0/16', 'link-local'],
  ['172.16.0.0/12', 'private'],
  ['192.0.0.0/24', 'reserved'],
  ['192.0.2.0/24', 'documentation'],
  ['192.88.99.0/24', 'reserved'],
  ['192.168.0.0/16', 'private'],
  ['198.18.0.0/15', 'benchmarking'],
  ['198.51.100.0/24', 'documentation'],
  ['203.0.113.0/24', 'documentation'],
  ['224.0.0.0/4', 'multicast'],
  ['240.0.0.0/4', 'reserved'],
]);

/**
 * Within and beside global unicast; what is in neither this table nor global unicast is refused as reserved.
 */
const ranges6 = table([
  ['::/128', 'unspecified'],
  ['::1/128', 'loopback'],
  ['64:ff9b:1::/48', 'private'],
  ['2001::/23', 'reserved'],
  ['2001:db8::/32', 'documentation'],
  ['3fff::/20', 'documentation'],
  ['fc00::/7', 'private'],
  ['fe80::/10', 'link-local'],
  ['fec0::/10', 'private'],
  ['ff00::/8', 'multicast'],
]);

/** Top-level domains that networks use for themselves. */
const ownDomains: ReadonlySet<string> = new Set([
  'corp',
  'home',
  'internal',
  'intranet',
  'lan',
  'local',
  'localdomain',
  'localhost',
  'private',
]);

const globalUnicast = network('2000::/3');
const nat64 = network('64:ff9b::/96');
const sixToFour = network('2002::/16');

function table(rows: readonly (readonly [string, string])[]): readonly (readonly [Network, string])[] {
  return rows.map(([text, name]) => [network(text), name]);
}

function network(text: string): Network {
  const parsed = parseNetwork(text);
  if (parsed === undefined) throw new Error(`not a network: ${text}`);
  return parsed;
}
