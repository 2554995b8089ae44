import { isStoaError, StoaError } from '../errors.ts';
import { parseRouteList, type RouteEntry, type RouteList } from '../fetch/route-list.ts';

/** The entries of a list of upstreams. Throws `config` also for entries that stand behind `direct` or `off` and would never be asked. */
export function parseUpstreams(text: string): readonly RouteEntry[] {
  const { entries, ignored } = parseInherited(text);
  if (ignored.length === 0) return entries;
  throw new StoaError('config', `nothing behind direct or off is ever asked: ${ignored.join(', ')}`);
}

/** The same for a list that was not written for Stoa, with what the go command passes over. */
export function parseInherited(text: string): RouteList {
  try {
    return parseRouteList(text);
  } catch (error) {
    // An entry without an @ may be the first half of a password that holds a comma.
    if (!isStoaError(error, 'config') || !text.includes('@') || error.message.includes('@')) throw error;
    throw new StoaError('config', 'an entry is malformed; it is not shown, since the list holds a password');
  }
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

/** The text without what may be user and password in it: all up to the last @, but for the scheme at its beginning. */
export function withoutUserinfo(text: string): string {
  const at = text.lastIndexOf('@');
  if (at === -1) return text;
  const scheme = /^"?\w+:\/\//.exec(text)?.[0] ?? '';
  return `${scheme}***${text.slice(at)}`;
}
