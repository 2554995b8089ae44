import { isIPv4, isIPv6 } from 'node:net';

/** An IP address as a number. An IPv4-mapped IPv6 address (`::ffff:1.2.3.4`) is the IPv4 address in it. */
export interface Address {
  readonly family: 4 | 6;
  readonly value: bigint;
}

/** The addresses that agree in their first `bits` bits. */
export interface Network {
  readonly family: 4 | 6;
  readonly value: bigint;
  readonly bits: number;
}

/** The address a text is, with or without brackets or an IPv6 zone; undefined when it is none. */
export function parseAddress(text: string): Address | undefined {
  if (isIPv4(text)) return { family: 4, value: parseIPv4(text) };
  const bare = text.startsWith('[') && text.endsWith(']') ? text.slice(1, -1) : text;
  if (!isIPv6(bare)) return undefined;
  const value = parseIPv6(bare.replace(/%.*$/s, ''));
  return value >> 32n === mapped ? { family: 4, value: value & 0xffff_ffffn } : { family: 6, value };
}

/**
 * The network `address/bits` names; bits of the address beyond the prefix are ignored, as Go's ParseCIDR
 * does.
 */
export function parseNetwork(text: string): Network | undefined {
  const match = /^([^/[\]%]+)\/(\d{1,3})$/.exec(text);
  const address = match && parseAddress(match[1]!);
  if (!address) return undefined;
  const isWide = match[1]!.includes(':');
  const bits = Number(match[2]) - (isWide && address.family === 4 ? 96 : 0);
  return bits >= 0 && bits <= (address.family === 4 ? 32 : 128) ? { ...address, bits } : undefined;
}

/** True when the network holds the address. */
export function contains(network: Network, address: Address): boolean {
  if (network.family !== address.family) return false;
  const rest = BigInt((network.family === 4 ? 32 : 128) - network.bits);
  return network.value >> rest === address.value >> rest;
}

/** `::ffff:0:0/96`, without its last 32 bits. */
const mapped = 0xffffn;

function parseIPv4(text: string): bigint {
  return text.split('.').reduce((value, part) => (value << 8n) | BigInt(part), 0n);
}

function parseIPv6(text: string): bigint {
  const [head = '', tail] = text.split('::').map(parseGroups);
  if (tail === undefined) return join(head as bigint[]);
  const zeros = Array<bigint>(8 - head.length - tail.length).fill(0n);
  return join([...(head as bigint[]), ...zeros, ...tail]);
}

/** The 16-bit groups of one side of the `::`; a dotted quad at the end is two of them. */
function parseGroups(text: string): bigint[] {
  if (text === '') return [];
  return text.split(':').flatMap((group) => {
    if (!group.includes('.')) return [BigInt(`0x${group}`)];
    const value = parseIPv4(group);
    return [value >> 16n, value & 0xffffn];
  });
}

function join(groups: readonly bigint[]): bigint {
  return groups.reduce((value, group) => (value << 16n) | group, 0n);
}
