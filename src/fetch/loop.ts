import { StoaError } from '../errors.ts';

/**
 * Loops: a server whose upstream leads back to itself, at once or through others, would wait for its own answer. Each
 * request that leaves carries the ids of the servers it came through, and a server refuses a request that carries
 * its own id. The refusal is no 404: the go command must stop and show it, not take it for absence.
 */

/** The header that carries the chain: ids separated by commas, the server the asking began at first. */
export const viaHeader = 'stoa-via';

/** More servers than anybody puts in a row. */
const maxHops = 16;

/** The value of the header for a request that leaves: the chain of the request it serves, where it had one, and this server. */
export function formatVia(instanceId: string, via: string | undefined): string {
  return [...parseVia(via), instanceId].join(', ');
}

/** Throws `config` when a request with this header value came through this server before, or through too many. */
export function checkLoop(via: string | undefined, instanceId: string): void {
  if (via === undefined) return;
  const hops = parseVia(via);
  if (hops.includes(instanceId)) {
    throw new StoaError(
      'config',
      'loop: an upstream of this server leads back to this server; take one of the two out of the settings',
    );
  }
  if (hops.length > maxHops) {
    throw new StoaError('config', `loop: the request came through more than ${maxHops} servers`);
  }
}

/** What a stranger wrote into the header is passed on only in the shape of an id. */
function parseVia(via: string | undefined): string[] {
  if (via === undefined) return [];
  return via
    .split(',', 2 * maxHops)
    .map((hop) => hop.trim())
    .filter((hop) => /^[0-9A-Za-z-]{1,64}$/.test(hop));
}
