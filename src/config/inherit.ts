import { isStoaError } from '../errors.ts';
import type { RouteEntry } from '../fetch/route-list.ts';
import type { Machine } from './machine.ts';
import type { Settings } from './schema.ts';
import { formatUpstreams, parseInherited } from './upstream.ts';

/** An upstream list that nobody set for Stoa. */
export interface Inherited {
  readonly upstream: readonly RouteEntry[];
  /** `GOPROXY`, `go env GOPROXY` */
  readonly source: string;
}

/** What decides whether a URL is this server's own. */
export type Own = Pick<Settings, 'port' | 'host' | 'socket'>;

/**
 * The upstream list the machine has for its go commands: GOMODULES_PROXYURL, else GOPROXY, else what an installed go
 * command says. An entry that names this server is left out; a list that has then no other URL is passed over, since whoever
 * wrote `http://localhost:3000,direct` said nothing about where this server should fetch from. Undefined where nothing is left.
 */
export function inheritUpstream(machine: Machine, own: Own, warnings: string[]): Inherited | undefined {
  const { env } = machine;
  const candidates: readonly (readonly [string, () => string | undefined])[] = [
    ['GOMODULES_PROXYURL', () => env.GOMODULES_PROXYURL],
    ['GOPROXY', () => env.GOPROXY],
    ['go env GOPROXY', () => machine.goEnvProxy(env)],
  ];
  for (const [source, ask] of candidates) {
    const text = ask()?.trim();
    if (!text) continue;
    const entries = parse(source, text, warnings);
    const [mine, others] = partition(entries, (entry) => isOwn(entry, own, machine.hostname));
    for (const entry of mine)
      warnings.push(`${source}: ${formatUpstreams([entry])} is this server itself; it is skipped`);
    const isUseful = mine.length === 0 ? others.length > 0 : others.some(({ kind }) => kind === 'upstream');
    if (isUseful) return { upstream: others, source };
  }
  return undefined;
}

/** A list that Stoa can't use was not written for it: it is no reason not to start. */
function parse(source: string, text: string, warnings: string[]): readonly RouteEntry[] {
  try {
    return parseInherited(text).entries;
  } catch (error) {
    if (!isStoaError(error, 'config')) throw error;
    warnings.push(`${source}: ${error.message}; it is not used`);
    return [];
  }
}

function isOwn(entry: RouteEntry, { port, host, socket }: Own, hostname: string): boolean {
  if (entry.kind !== 'upstream' || socket !== undefined) return false;
  const url = new URL(entry.url);
  const asked = url.port === '' ? (url.protocol === 'https:' ? 443 : 80) : Number(url.port);
  const name = url.hostname.replace(/^\[|\]$/g, '').replace(/\.$/, '');
  const isHere =
    ['localhost', '::1', '::', '0.0.0.0', hostname.toLowerCase(), host.toLowerCase()].includes(name) ||
    /^127(\.\d{1,3}){3}$/.test(name);
  return asked === port && isHere;
}

function partition<T>(list: readonly T[], test: (entry: T) => boolean): [T[], T[]] {
  return [list.filter(test), list.filter((entry) => !test(entry))];
}
