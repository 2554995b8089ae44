import { BlockList, isIP } from 'node:net';
import { StoaError } from '../errors.ts';
import type { Asker } from '../stash/modules.ts';
import { type Connection, header, type Incoming } from './exchange.ts';

/** Tells who asks. */
export type AskerOf = (incoming: Incoming) => Asker;

/**
 * The asker's address is the peer's; where the peer is a trusted proxy, the last address of X-Forwarded-For that is
 * none itself. `trusted` names addresses, networks (`10.0.0.0/8`) and `unix` for whoever connects through the unix
 * socket. Throws `config` for a name that is none of these.
 */
export function createAskerOf(trusted: readonly string[]): AskerOf {
  const isTrusted = createTrust(trusted);
  const peers = new WeakMap<Connection, Asker>();

  const peerOf = (connection: Connection): Asker => {
    let peer = peers.get(connection);
    if (peer === undefined) {
      peer = { address: plainAddress(connection.remoteAddress ?? unixPeer) };
      peers.set(connection, peer);
    }
    return peer;
  };

  return (incoming) => {
    const peer = peerOf(incoming.socket);
    if (trusted.length === 0) return peer;
    const forwarded = header(incoming, 'x-forwarded-for');
    if (forwarded === undefined || !isTrusted(peer.address)) return peer;
    return { address: clientOf(peer.address, forwarded, isTrusted) };
  };
}

const unixPeer = 'unix';

function createTrust(trusted: readonly string[]): (address: string) => boolean {
  const list = new BlockList();
  for (const name of trusted) {
    if (name === unixPeer) continue;
    const [address = '', bits, ...rest] = name.split('/');
    const family = isIP(address);
    const most = family === 4 ? 32 : 128;
    const width = bits === undefined ? most : /^\d{1,3}$/.test(bits) ? Number(bits) : Number.NaN;
    if (family === 0 || rest.length > 0 || !(width <= most))
      throw new StoaError('config', `trusted proxy "${name}" is no address, no network and not "unix"`);
    list.addSubnet(address, width, family === 4 ? 'ipv4' : 'ipv6');
  }
  const trustsUnix = trusted.includes(unixPeer);
  return (address) =>
    address === unixPeer ? trustsUnix : list.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4');
}

/** Proxies append the peer they saw, so the list is read from its end, as long as trusted ones wrote it. */
function clientOf(peer: string, forwarded: string, isTrusted: (address: string) => boolean): string {
  let client = peer;
  for (const hop of forwarded.split(',').slice(-maxHops).reverse()) {
    const address = plainAddress(hop.trim());
    if (isIP(address) === 0) break;
    client = address;
    if (!isTrusted(address)) break;
  }
  return client;
}

const maxHops = 32;

/** An IPv4 peer of a socket that listens for IPv6 too is written as IPv4. */
function plainAddress(address: string): string {
  return address.startsWith('::ffff:') && address.includes('.') ? address.slice(7) : address;
}
