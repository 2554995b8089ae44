import { isStoaError, StoaError } from '../errors.ts';
import { parseAddress } from '../net/address.ts';
import type { HttpClient, HttpReply } from '../net/client.ts';
import type { Credentials } from '../net/credentials.ts';
import type { Reach } from '../net/reach.ts';
import type { Remote } from '../vcs/remote.ts';
import { createShare } from '../work/share.ts';
import type { Gate } from './gate.ts';
import type { IsInsecure } from './meta-page.ts';
import { namedError } from './named-error.ts';
import { createRecent } from './recent.ts';
import { folderRemote, inOurName, parsePublicUrl, parseUrl, sshRemote } from './remote-ways.ts';
import { formatRepoUrl, parseRepoUrl, type RepoUrl } from './repo-url.ts';
import { type Rewrite, rewriteUrl } from './rewrite.ts';
import { statusError } from './status-error.ts';

/**
 * Decides how the git repository at a public URL is read for a request for the module `path`: from which mirror, after
 * which redirects, at which addresses and with which credential. A credential goes only where it serves that module, so
 * the URL may be a stranger's. Over HTTP the repository is asked whether it is there; that is kept for some minutes.
 *
 * Throws `notFound` for a URL that no repository can have, and when its host says that it is not there for us; `upstream`
 * or `timeout` when the host refuses our credential, redirects to where we do not go, has a private address that
 * the settings do not name, or does not answer.
 */
export type ResolveRemote = (url: string, path: string, signal: AbortSignal) => Promise<Remote>;

export interface RemotesOptions {
  readonly client: HttpClient;
  readonly credentials: Credentials;
  /** To it, as to the client, the hosts of `rewrites` are named ones (see `rewriteHosts`). */
  readonly reach: Reach;
  readonly rewrites: readonly Rewrite[];
  /** GOPRIVATE patterns. */
  readonly privatePatterns: string;
  readonly gate: Gate;
  /** Whether the repository of a module may be at an http URL, as GOINSECURE says; default: that of none. */
  readonly isInsecure?: IsInsecure;
  readonly now?: () => number;
  /** Milliseconds for which it is not asked again where a repository is; default 5 min. */
  readonly keepMs?: number;
  /** Milliseconds for which a repository is remembered not to be there; default 10 s. */
  readonly absentMs?: number;
  /** Milliseconds that one question may take; default 60 s. */
  readonly deadlineMs?: number;
}

/** Characters of addresses that are kept, and of absences. */
const maxKept = 1024 * 1024;

const infoRefs = '/info/refs';
const service = '?service=git-upload-pack';

export function createRemotes(options: RemotesOptions): ResolveRemote {
  const { client, credentials, reach, rewrites, privatePatterns, gate } = options;
  const {
    isInsecure = () => false,
    now = Date.now,
    keepMs = 300_000,
    absentMs = 10_000,
    deadlineMs = 60_000,
  } = options;
  const places = createRecent<RepoUrl>({ maxSize: maxKept, lifetimeMs: keepMs, now });
  const absences = createRecent<StoaError>({ maxSize: maxKept, lifetimeMs: absentMs, now });
  const share = createShare<RepoUrl>({
    deadlineMs,
    late: (key) => `${new URL(key.split(' ', 1)[0]!).host}: no answer`,
  });

  /** Where a repository is after redirects. */
  async function locate(url: string, path: string, signal: AbortSignal): Promise<RepoUrl> {
    const key = `${url} ${credentials.audience(path)}`;
    const absence = absences.get(key);
    if (absence !== undefined) throw absence;
    const known = places.get(key);
    if (known !== undefined) return known;
    try {
      const place = await share(key, signal, (work) => probe(url, path, work));
      places.set(key, place, place.path.length + place.host.length);
      return place;
    } catch (error) {
      if (isStoaError(error, 'notFound')) absences.set(key, error, error.message.length);
      throw error;
    }
  }

  async function probe(url: string, path: string, signal: AbortSignal): Promise<RepoUrl> {
    const { host } = new URL(url);
    const leave = await gate.enter(host, 'file', signal);
    try {
      const reply = await client.get(new URL(`${url}${infoRefs}${service}`), {
        signal,
        module: path,
        stranger: true,
        // Without it every ref would be sent, which nobody reads here.
        headers: { 'git-protocol': 'version=2' },
        maxBytes: Number.MAX_SAFE_INTEGER,
      });
      reply.body.destroy();
      return placeOf(url, reply);
    } finally {
      leave();
    }
  }

  async function overHttp(asked: RepoUrl, url: string, path: string, signal: AbortSignal): Promise<Remote> {
    const place = await locate(formatRepoUrl(asked), path, signal);
    const fetchUrl = formatRepoUrl(place);
    const target = new URL(`${fetchUrl}${infoRefs}`);
    const way = await reach(target, signal);
    const remote = {
      url,
      fetchUrl,
      ...('proxy' in way ? { proxy: way.proxy.href } : { resolve: resolveEntries(place, way.addresses) }),
    };
    return inOurName(credentials, remote, target, path, signal);
  }

  return async (url, path, signal) => {
    try {
      const stated = parsePublicUrl(url, isInsecure(path));
      const asked = parseUrl(rewriteUrl(url, rewrites));
      // Who runs this server is nobody there; the large hosts all have this user.
      if (asked.scheme === 'ssh') return await sshRemote(options, { asked, url, path, user: 'git' }, signal);
      if (asked.scheme !== 'file') return await overHttp(asked, url, path, signal);
      return folderRemote(privatePatterns, { stated, asked, url, path });
    } catch (error) {
      throw namedError(error, path, signal);
    }
  };
}

/** The address of the repository that answered. */
function placeOf(url: string, reply: HttpReply): RepoUrl {
  if (reply.status !== 200) throw statusError(url, reply);
  if (/^text\/html\b/i.test(String(reply.headers['content-type'] ?? ''))) {
    throw new StoaError('notFound', `${url} is a page for browsers and no git repository`);
  }
  const { origin, pathname, search, host } = reply.url;
  const place = parseRepoUrl(origin + pathname.slice(0, -infoRefs.length));
  if (!pathname.endsWith(infoRefs) || search !== service || 'problem' in place) {
    throw new StoaError('upstream', `${url} redirects to ${host}, to what can be no git repository`);
  }
  return place;
}

/** None where the host is written as an address: there is nothing to look up. */
function resolveEntries({ scheme, host, port }: RepoUrl, addresses: readonly string[]): string[] {
  if (parseAddress(host) !== undefined) return [];
  const shown = addresses.map((address) => (address.includes(':') ? `[${address}]` : address));
  return [`${host}:${port.slice(1) || (scheme === 'https' ? 443 : 80)}:${shown.join(',')}`];
}
