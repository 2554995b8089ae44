import { StoaError } from '../errors.ts';
import { matchesPatterns } from '../module/pattern.ts';
import type { Credentials } from '../net/credentials.ts';
import type { Reach } from '../net/reach.ts';
import type { GoExit, GoRemote, GoVcs } from '../vcs/go-remote.ts';
import type { Remote } from '../vcs/remote.ts';
import { tableRoot } from './host-table.ts';
import type { IsInsecure } from './meta-page.ts';
import { namedError } from './named-error.ts';
import {
  folderRemote,
  inOurName,
  parsePublicUrl,
  parseUrl,
  type RemoteAsk,
  sshRemote,
} from './remote-ways.ts';
import type { RepoRoot } from './repo-root.ts';
import { formatRepoUrl, type RepoUrl } from './repo-url.ts';
import { type Rewrite, rewriteUrl } from './rewrite.ts';

/**
 * Decides how the go command reads the hg, svn or fossil repository at a root for a request for the module `path`: from
 * which mirror, by which way out and with which credential, which is one that serves that module. Its host is asked
 * when it is read, and only there are its addresses checked.
 *
 * Throws `notFound` for a URL that no repository can have, `config` for a rewrite that these systems cannot follow.
 */
export type ResolveGoRemote = (root: RepoRoot, path: string, signal: AbortSignal) => Promise<GoRemote>;

export interface GoRemotesOptions {
  readonly credentials: Credentials;
  readonly reach: Reach;
  readonly rewrites: readonly Rewrite[];
  /** GOPRIVATE patterns. */
  readonly privatePatterns: string;
  /** Whether the repository of a module may be at an http URL; default: that of none. */
  readonly isInsecure?: IsInsecure;
  /** A configuration of Mercurial with credentials, and the patterns of the modules that they serve. */
  readonly hgrc?: { readonly file: string; readonly modules: string };
  /** Opens the way out to the host of a URL. */
  readonly openExit: (url: URL) => Promise<GoExit>;
}

export function createGoRemotes(options: GoRemotesOptions): ResolveGoRemote {
  const { credentials, rewrites, privatePatterns, isInsecure = () => false, hgrc, openExit } = options;

  async function resolve(root: RepoRoot, path: string, signal: AbortSignal): Promise<GoRemote> {
    const vcs = root.vcs as GoVcs;
    const { url } = root;
    const plain = url.replace(/^svn\+ssh:/, 'ssh:');
    const stated = parsePublicUrl(plain, isInsecure(path));
    const rewritten = rewriteUrl(plain, rewrites);
    if (vcs === 'svn' && plain.endsWith('/trunk') && !rewritten.endsWith('/trunk'))
      throw new StoaError(
        'config',
        `${url}: vcs.rewrite must leave /trunk at its end, beside which tags are`,
      );
    const asked = parseUrl(rewritten);
    const remote = await findRemote({ stated, asked, url, path }, vcs, signal);
    const hgrcFile =
      vcs === 'hg' && hgrc !== undefined && matchesPatterns(hgrc.modules, path) ? hgrc.file : undefined;
    return complete(remote, {
      vcs,
      ...(tableRoot(path, isInsecure(path)) === undefined && { page: pageOf(root) }),
      ...(hgrcFile !== undefined && { hgrcFile }),
      ...((asked.scheme === 'https' || asked.scheme === 'http') && {
        openExit: () => openExit(new URL(remote.fetchUrl)),
      }),
    });
  }

  async function findRemote(
    ask: RemoteAsk & { readonly stated: RepoUrl },
    vcs: GoVcs,
    signal: AbortSignal,
  ): Promise<Remote> {
    const { asked, url, path } = ask;
    const fetchUrl = formatRepoUrl(asked);
    switch (asked.scheme) {
      case 'file':
        return folderRemote(privatePatterns, ask);
      case 'ssh':
        if (vcs === 'fossil')
          throw new StoaError('notFound', `${url}: fossil repositories are not read over ssh`);
        return sshRemote(options, { ...ask, user: vcs }, signal);
      default:
        return inOurName(credentials, { url, fetchUrl }, new URL(fetchUrl), path, signal);
    }
  }

  return (root, path, signal) =>
    resolve(root, path, signal).catch((error: unknown) => {
      throw namedError(error, path, signal);
    });
}

/** The remote as the go command is given it, also when it has another credential. */
function complete(remote: Remote, more: Pick<GoRemote, 'vcs' | 'page' | 'hgrcFile' | 'openExit'>): GoRemote {
  const { fetchUrl, key, renew, ...rest } = remote;
  return {
    ...rest,
    ...more,
    fetchUrl: more.vcs === 'svn' ? fetchUrl.replace(/^ssh:/, 'svn+ssh:') : fetchUrl,
    // Who is let in by a file that names many must not share with who is not.
    key: more.hgrcFile === undefined ? key : `${key} hgrc`,
    ...(renew !== undefined && {
      async renew(signal: AbortSignal) {
        const other = await renew(signal);
        return other && complete(other, more);
      },
    }),
  };
}

/** The page that leads from every path below the root to the repository. */
function pageOf({ root, vcs, url, subdir }: RepoRoot): { root: string; html: string } {
  const content = [root, vcs, url, ...(subdir === undefined ? [] : [subdir])].join(' ');
  return { root, html: `<meta name="go-import" content="${content.replace(/[&<>"]/g, escapeHtml)}">` };
}

function escapeHtml(character: string): string {
  return `&#${character.charCodeAt(0)};`;
}
