import { readFile } from 'node:fs/promises';
import type { Settings } from '../config/schema.ts';
import { rewriteHosts } from '../fetch/rewrite.ts';
import type { RouteEntry } from '../fetch/route-list.ts';
import { type Credential, netrcCredentials } from '../net/credentials.ts';
import { parseNetrc } from '../net/netrc.ts';
import type { ProxySettings } from '../net/proxy-env.ts';
import { databasesOf } from '../sumdb/database-list.ts';

/** What the settings say about everything outside of the house: the same for our client and for git. */
export interface Outside {
  readonly credentials: readonly Credential[];
  /** GOPRIVATE patterns, separated by commas. */
  readonly privatePatterns: string;
  /** The hosts that may have private addresses. */
  readonly namedHosts: readonly string[];
  readonly proxy: ProxySettings;
  /** PEM texts. */
  readonly extraCa: readonly string[];
}

/** Reads the files that the settings name. Throws the file system's error where one can't be read any more. */
export async function readOutside(settings: Settings): Promise<Outside> {
  const { net, vcs, upstream, routes, credentials, sumdb } = settings;
  const entries = [...upstream, ...routes.flatMap((route) => route.entries)];
  const netrc = net.netrcFile === undefined ? [] : parseNetrc(await readFile(net.netrcFile, 'utf8'));
  const further = net.netrcModules.join(',');
  return {
    credentials: [
      ...credentials,
      ...userinfoCredentials(entries),
      ...netrcCredentials(netrc),
      ...(further === '' ? [] : netrcCredentials(netrc, further)),
    ],
    privatePatterns: settings.private.join(','),
    namedHosts: [
      ...hostsOf(entries),
      ...rewriteHosts(vcs.rewrite),
      ...databasesOf(sumdb).flatMap(({ url }) => (url === undefined ? [] : [new URL(url).host])),
      ...net.privateHosts,
      ...credentials.flatMap(({ host, secret }) =>
        secret.kind === 'app' ? [host, new URL(secret.api).host] : [host],
      ),
    ],
    proxy: {
      ...(net.httpProxy !== undefined && { http: net.httpProxy }),
      ...(net.httpsProxy !== undefined && { https: net.httpsProxy }),
      no: net.noProxy.join(','),
    },
    extraCa: net.caFile === undefined ? [] : [await readFile(net.caFile, 'utf8')],
  };
}

function hostsOf(entries: readonly RouteEntry[]): string[] {
  return entries.flatMap((entry) => (entry.kind === 'upstream' ? [new URL(entry.url).host] : []));
}

/** What stood before the @ of an upstream's URL, for requests below that URL alone. */
function userinfoCredentials(entries: readonly RouteEntry[]): Credential[] {
  return entries.flatMap((entry) => {
    if (entry.kind !== 'upstream' || entry.credentials === undefined) return [];
    const { host, pathname } = new URL(entry.url);
    return [{ host, prefix: pathname, secret: { kind: 'basic', ...entry.credentials } }];
  });
}
