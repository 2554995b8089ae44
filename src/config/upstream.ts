import { StoaError } from '../errors.ts';
import { parseRouteList, type RouteEntry } from '../fetch/route-list.ts';

/** The entries of a list of upstreams. Throws `config` also for entries that stand behind `direct` or `off` and would never be asked. */
export function parseUpstreams(text: string): readonly RouteEntry[] {
  const { entries, ignored } = parseRouteList(text);
  if (ignored.length === 0) return entries;
  throw new StoaError('config', `nothing behind direct or off is ever asked: ${ignored.join(', ')}`);
}

/** The list in the syntax of GOPROXY; users and passwords are replaced by `***`. */
export function formatUpstreams(entries: readonly RouteEntry[]): string {
  return entries
    .map((entry, index) => {
      if (entry.kind !== 'upstream') return entry.kind;
      const url = entry.credentials === undefined ? entry.url : entry.url.replace('://', '://***@');
      return index === entries.length - 1 ? url : `${url}${entry.onError === 'next' ? '|' : ','}`;
    })
    .join('');
}

/** The text with everything hidden that may be the user and password of a URL in it; for what could not be parsed. */
export function withoutUserinfo(text: string): string {
  return text.replace(/(\w+:\/\/)?[^,|;\s"']*@/g, (_, scheme = '') => `${scheme}***@`);
}
