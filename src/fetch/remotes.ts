import { isStoaError, StoaError } from '../errors.ts';
import { matchesPatterns } from '../module/pattern.ts';
import { quote } from '../module/quote.ts';
import { parseAddress } from '../net/address.ts';
import type { HttpClient, HttpReply } from '../net/client.ts';
import type { Credentials } from '../net/credentials.ts';
import type { Login } from '../net/login.ts';
import type { Reach } from '../net/reach.ts';
import type { Remote, RemoteSsh } from '../vcs/remote.ts';
import { createShare } from '../work/share.ts';
import type { Gate } from './gate.ts';
import type { IsInsecure } from './meta-page.ts';
import { namedError } from './named-error.ts';
import { createRecent } from './recent.ts';
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
    const chosen = credentials.choose(target, { module: path, redirected: true });
    const login = await chosen?.login(signal);
    if (chosen === undefined || login === undefined || 'none' in login) return { ...remote, key: fetchUrl };
    return withLogin({ ...remote, key: `${fetchUrl} ${chosen.id}` }, login);
  }

  async function overSsh(asked: RepoUrl, url: string, path: string, signal: AbortSignal): Promise<Remote> {
    const target = new URL(formatRepoUrl(asked));
    const chosen = credentials.choose(target, { module: path, redirected: true });
    if (chosen?.secret.kind !== 'ssh') {
      throw new StoaError('notFound', `${url}: we have no SSH key that serves this module`);
    }
    const way = await reach(target, signal);
    if ('proxy' in way) throw new StoaError('internal', `${url}: ssh has no proxy`);
    const { identityFile, agentSocket, knownHostsFile } = chosen.secret;
    const ssh: RemoteSsh = {
      hostName: way.addresses[0],
      hostKeyAlias: aliasOf(asked),
      ...(identityFile !== undefined && { identityFile }),
      ...(agentSocket !== undefined && { agentSocket }),
      ...(knownHostsFile !== undefined && { knownHostsFile }),
    };
    // Who runs this server is nobody there; the large hosts all have this user.
    const fetchUrl = formatRepoUrl(asked).replace('://', `://${asked.user || 'git'}@`);
    return { url, fetchUrl, key: `${fetchUrl} ${chosen.id}`, ssh };
  }

  return async (url, path, signal) => {
    try {
      const stated = parsed(url);
      if (stated.scheme === 'file' || (stated.scheme === 'http' && !isInsecure(path))) {
        throw new StoaError('notFound', `${url} is no URL that is safe to read from`);
      }
      const asked = parsed(rewriteUrl(url, rewrites));
      if (asked.scheme === 'ssh') return await overSsh(asked, url, path, signal);
      if (asked.scheme !== 'file') return await overHttp(asked, url, path, signal);
      // A folder has no credential that could be missing, and may hold what is private.
      const isPrivate = matchesPatterns(privatePatterns, importPathOf(stated));
      if (isPrivate && !matchesPatterns(privatePatterns, path)) {
        throw new StoaError('notFound', `${url} is a private repository, and this module is not private`);
      }
      const fetchUrl = formatRepoUrl(asked);
      return { url, fetchUrl, key: fetchUrl };
    } catch (error) {
      throw namedError(error, path, signal);
    }
  };
}

function parsed(url: string): RepoUrl {
  const found = parseRepoUrl(url);
  if ('problem' in found) throw new StoaError('notFound', `${quote(url)} is ${found.problem}`);
  return found;
}

/** What a repository would be called as a module, however its URL is written. */
function importPathOf({ host, path }: RepoUrl): string {
  return (
    host +
    decodeURIComponent(path)
      .replace(/\/+/g, '/')
      .replace(/\.git$/, '')
  );
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

/** The remote as who has this login asks it. */
function withLogin(remote: Remote, login: Login): Remote {
  const { header, basic } = login;
  return {
    ...remote,
    credential: basic ?? { header: `${header.name}: ${header.value}` },
    async renew(signal) {
      const other = await login.refused(signal);
      return other && withLogin(remote, other);
    },
  };
}

/** None where the host is written as an address: there is nothing to look up. */
function resolveEntries({ scheme, host, port }: RepoUrl, addresses: readonly string[]): string[] {
  if (parseAddress(host) !== undefined) return [];
  const shown = addresses.map((address) => (address.includes(':') ? `[${address}]` : address));
  return [`${host}:${port.slice(1) || (scheme === 'https' ? 443 : 80)}:${shown.join(',')}`];
}

/** The name of a host in a file of known hosts. */
function aliasOf({ host, port }: RepoUrl): string {
  const bare = host.replace(/^\[|\]$/g, '');
  return port === '' || port === ':22' ? bare : `[${bare}]${port}`;
}
