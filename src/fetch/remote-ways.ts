import { StoaError } from '../errors.ts';
import { matchesPatterns } from '../module/pattern.ts';
import { quote } from '../module/quote.ts';
import type { Credentials } from '../net/credentials.ts';
import type { Login } from '../net/login.ts';
import type { Reach } from '../net/reach.ts';
import type { Remote, RemoteSsh } from '../vcs/remote.ts';
import { formatRepoUrl, parseRepoUrl, type RepoUrl } from './repo-url.ts';

/** Takes a URL apart. Throws `notFound` for one that no repository can have. */
export function parseUrl(url: string): RepoUrl {
  const found = parseRepoUrl(url);
  if ('problem' in found) throw new StoaError('notFound', `${quote(url)} is ${found.problem}`);
  return found;
}

/** The same for a public URL, where nobody on the way may change what is read, unless that is allowed. */
export function parsePublicUrl(url: string, isInsecure: boolean): RepoUrl {
  const stated = parseUrl(url);
  if (stated.scheme !== 'file' && (stated.scheme !== 'http' || isInsecure)) return stated;
  throw new StoaError('notFound', `${url} is no URL that is safe to read from`);
}

/** A repository as it is asked for by a module. */
export interface RemoteAsk {
  /** After rewrites. */
  readonly asked: RepoUrl;
  /** The public URL. */
  readonly url: string;
  readonly path: string;
}

/** A repository behind ssh; `user` where the URL names none. Throws `notFound` where we have no key that serves the module. */
export async function sshRemote(
  { credentials, reach }: { readonly credentials: Credentials; readonly reach: Reach },
  { asked, url, path, user }: RemoteAsk & { readonly user: string },
  signal: AbortSignal,
): Promise<Remote> {
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
  const fetchUrl = formatRepoUrl(asked).replace('://', `://${asked.user || user}@`);
  return { url, fetchUrl, key: `${fetchUrl} ${chosen.id}`, ssh };
}

/** A repository in a folder, which has no credential that could be missing, and may hold what is private. */
export function folderRemote(
  privatePatterns: string,
  { stated, asked, url, path }: RemoteAsk & { readonly stated: RepoUrl },
): Remote {
  const isPrivate = matchesPatterns(privatePatterns, importPathOf(stated));
  if (isPrivate && !matchesPatterns(privatePatterns, path)) {
    throw new StoaError('notFound', `${url} is a private repository, and this module is not private`);
  }
  const fetchUrl = formatRepoUrl(asked);
  return { url, fetchUrl, key: fetchUrl };
}

/**
 * A remote over HTTP as it is asked in our name, where a credential serves the module there. Nobody may share the copy of
 * a repository with who needs no credential for it, or another one.
 */
export async function inOurName(
  credentials: Credentials,
  remote: Omit<Remote, 'key'>,
  target: URL,
  path: string,
  signal: AbortSignal,
): Promise<Remote> {
  const { fetchUrl } = remote;
  const chosen = credentials.choose(target, { module: path, redirected: true });
  const login = await chosen?.login(signal);
  if (chosen === undefined || login === undefined || 'none' in login) return { ...remote, key: fetchUrl };
  return withLogin({ ...remote, key: `${fetchUrl} ${chosen.id}` }, login);
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

/** What a repository would be called as a module, however its URL is written. */
function importPathOf({ host, path }: RepoUrl): string {
  return (
    host +
    decodeURIComponent(path)
      .replace(/\/+/g, '/')
      .replace(/\.git$/, '')
  );
}

/** The name of a host in a file of known hosts. */
function aliasOf({ host, port }: RepoUrl): string {
  const bare = host.replace(/^\[|\]$/g, '');
  return port === '' || port === ':22' ? bare : `[${bare}]${port}`;
}
