/** The URL of a git repository, taken apart and checked. */
export interface RepoUrl {
  readonly scheme: 'https' | 'http' | 'ssh' | 'file';
  /** As the URLs of http have it: lower case, punycode, IPv6 in brackets. Empty with `file`. */
  readonly host: string;
  /** With its colon; empty where none is written. */
  readonly port: string;
  /** Of `ssh`; empty where none is written. */
  readonly user: string;
  /** Begins with a slash and ends with none. */
  readonly path: string;
}

/**
 * Takes the URL of a repository apart, as pages and settings have it: `git+ssh` is `ssh`. Answers what is wrong with one that
 * git must not be given: another scheme or none, a password, a path that leads upwards, characters that are not plain.
 */
export function parseRepoUrl(text: string): RepoUrl | { readonly problem: string } {
  // An @ behind the first slash is one of the path.
  const match = /^([a-z][a-z0-9+.-]*):\/\/(?:([^/@]*)@)?([^/@]*)(\/[^?#]*)?$/i.exec(text);
  if (match === null || text.length > maxUrlLength || /[^\x21-\x7e]|\\/.test(text))
    return { problem: 'no URL of a repository' };
  const [, scheme = '', user = '', authority = '', path = ''] = match;
  const name = scheme.toLowerCase().replace(/^git\+ssh$/, 'ssh');
  if (name !== 'https' && name !== 'http' && name !== 'ssh' && name !== 'file') {
    return { problem: `a URL of the scheme ${name}` };
  }
  if (user.includes(':')) return { problem: 'a URL with a password in it' };
  if (name === 'ssh' && user !== '' && !/^\w[\w.-]*$/.test(user))
    return { problem: 'a URL with an odd user in it' };
  const problem = pathProblem(path);
  if (problem !== undefined) return { problem };
  const host = parseHost(authority);
  if (name === 'file' ? authority !== '' : host === undefined)
    return { problem: 'a URL without a proper host' };
  return {
    scheme: name,
    host: host?.name ?? '',
    port: host?.port ?? '',
    user: name === 'ssh' ? user : '',
    path: path.replace(/\/+$/, ''),
  };
}

/** Characters of a URL that a page may name. */
export const maxUrlLength = 2048;

/** The URL again, without user. */
export function formatRepoUrl({ scheme, host, port, path }: RepoUrl): string {
  return `${scheme}://${host}${port}${path}`;
}

function parseHost(authority: string): { readonly name: string; readonly port: string } | undefined {
  const match = /^(\[[\da-f:.]+\]|[^:]+)(:\d{1,5})?$/i.exec(authority);
  if (match === null || !URL.canParse(`http://${match[1]}/`)) return undefined;
  const name = new URL(`http://${match[1]}/`).hostname;
  // A name that begins with a dash would be an option to who dials it.
  return /^(\[[\da-f:.]+\]|[a-z0-9_][a-z0-9_.-]*)$/.test(name) ? { name, port: match[2] ?? '' } : undefined;
}

/** What is wrong with a path for those who decode it: files and ssh do, and a server behind http. */
function pathProblem(path: string): string | undefined {
  let decoded: string;
  try {
    decoded = decodeURIComponent(path);
  } catch {
    return 'a URL whose path cannot be decoded';
  }
  if (/[\x00-\x1f\x7f\\]/.test(decoded) || /%2f/i.test(path)) return 'a URL whose path is not plain';
  const isDots = (element: string) => element === '.' || element === '..';
  return decoded.split('/').some(isDots) ? 'a URL whose path leads upwards' : undefined;
}
