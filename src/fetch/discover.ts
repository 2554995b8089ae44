import { isStoaError, StoaError } from '../errors.ts';
import { quote } from '../module/quote.ts';
import type { HttpClient } from '../net/client.ts';
import type { Gate } from './gate.ts';
import { type GoImport, isSameImport, matchGoImport } from './go-import.ts';
import type { CheckVcs } from './govcs.ts';
import { type TableRoot, tableRoot } from './host-table.ts';
import { createMetaPages, type IsInsecure, type MetaPage } from './meta-page.ts';
import { namedError } from './named-error.ts';
import { createRecent } from './recent.ts';
import { createAwaitRelated } from './related.ts';
import { isSecureScheme, type RepoRoot, type VcsName, vcsNames } from './repo-root.ts';
import { maxUrlLength } from './repo-url.ts';

/**
 * Finds the repository of a module path: by the table of known hosts, else by what the page of the path says and that of
 * the root it names confirms (RepoRootForImportPath of cmd/go/internal/vcs).
 *
 * The go command takes every failure for absence. Here `notFound` is what was said: by the host (no page, no tag, two
 * that contradict each other), by the name service (no such host), by the path itself, or by the rules of GOVCS. A host that
 * refuses the connection, breaks it, answers 5xx or 429, refuses our credential or redirects to where we do not go has said
 * nothing: that is `upstream` or `timeout`.
 */
export type Discover = (path: string, signal: AbortSignal) => Promise<RepoRoot>;

export interface DiscoverOptions {
  readonly client: HttpClient;
  readonly gate: Gate;
  readonly checkVcs: CheckVcs;
  /** Equal for modules that every host treats alike; see `Credentials`. */
  readonly audience: (module: string) => string;
  /** Whether a module may be read over what others on the way can change, as GOINSECURE says; default: none. */
  readonly isInsecure?: IsInsecure;
  /**
   * Asks whether a git repository is there, for paths that do not tell its scheme; fails when it is not. See
   * `ResolveRemote`.
   */
  readonly ping: (url: string, path: string, signal: AbortSignal) => Promise<unknown>;
  readonly now?: () => number;
  /** Milliseconds for which it is not asked again where a path leads; default 5 min. */
  readonly keepMs?: number;
  /** Milliseconds for which a path is remembered to lead nowhere; default 10 s. */
  readonly absentMs?: number;
  /** Milliseconds that one page may take; default 30 s. */
  readonly deadlineMs?: number;
  /** Milliseconds in which those are gathered that ask at once; default 5. */
  readonly gatherMs?: number;
}

/** Characters of what is kept: of roots, and of absences, which so drive out no root. */
const maxKept = 2 * 1024 * 1024;

export function createDiscover(options: DiscoverOptions): Discover {
  const { client, gate, checkVcs, ping, isInsecure = () => false } = options;
  const { now = Date.now, keepMs = 300_000, absentMs = 10_000, deadlineMs = 30_000, gatherMs = 5 } = options;
  const roots = createRecent<RepoRoot>({ maxSize: maxKept, lifetimeMs: keepMs, now });
  const absences = createRecent<StoaError>({ maxSize: maxKept, lifetimeMs: absentMs, now });
  const audience = (module: string) => `${options.audience(module)}${isInsecure(module) ? ' insecure' : ''}`;
  const readPage = createMetaPages({ client, gate, audience, isInsecure, now, keepMs, deadlineMs });
  const awaitRelated = createAwaitRelated({ gatherMs, isKnown: (path) => roots.get(path) !== undefined });

  /** What is known of a path; undefined when nothing is. */
  function recall(path: string): RepoRoot | undefined {
    const root = roots.get(path);
    if (root !== undefined) return root;
    const absence = absences.get(path);
    if (absence !== undefined) throw absence;
    return undefined;
  }

  /**
   * Keeps what a path leads to, also for the paths between it and the root: a host that has another root in between
   * would have named that one. Of what lies beside or below it, nothing is known.
   */
  function remember(path: string, root: RepoRoot): void {
    const asker = audience(path);
    for (let at = path; at.length >= root.root.length; at = at.slice(0, at.lastIndexOf('/'))) {
      if (audience(at) === asker) roots.set(at, root, JSON.stringify(root).length);
      if (!at.includes('/')) return;
    }
  }

  async function ask(path: string, signal: AbortSignal): Promise<RepoRoot> {
    const table = tableRoot(path, isInsecure(path));
    if (table !== undefined) checkVcs(path, table.root, table.vcs);
    if (table?.urls.length === 1) return rootOf(table, table.urls[0]);
    const known = recall(path);
    if (known !== undefined) return known;
    const finish = await awaitRelated(path, signal);
    let root: RepoRoot | undefined;
    try {
      root = recall(path);
      if (root !== undefined) return root;
      root = table === undefined ? await askPages(path, signal) : await probe(table, path, signal);
      remember(path, root);
      return root;
    } catch (error) {
      if (isStoaError(error, 'notFound')) absences.set(path, error, error.message.length);
      throw error;
    } finally {
      finish(root !== undefined);
    }
  }

  /** Tries the schemes that a path leaves open. */
  async function probe(table: TableRoot, path: string, signal: AbortSignal): Promise<RepoRoot> {
    const failures: unknown[] = [];
    for (const url of table.urls) {
      // Only git can be asked without its own program.
      if (table.vcs !== 'git') return rootOf(table, url);
      try {
        await ping(url, path, signal);
        return rootOf(table, url);
      } catch (error) {
        failures.push(error);
        if (signal.aborted) break;
      }
    }
    throw failures[0];
  }

  async function askPages(path: string, signal: AbortSignal): Promise<RepoRoot> {
    const page = await readPage(path, path, signal);
    const found = matchGoImport(page.imports, path);
    if ('problem' in found) throw new StoaError('notFound', `${found.problem} at ${page.url}`);
    // Whoever has a folder of a host must not speak for the whole of it.
    if (found.prefix !== path) confirm(found, path, page, await readPage(found.prefix, path, signal));
    const { subdir, url } = found;
    const vcs = vcsOf(found, page.url);
    const problem = subdirProblem(subdir) ?? urlProblem(url, vcs, isInsecure(path));
    if (problem !== undefined) throw new StoaError('notFound', `${page.url} names ${problem}`);
    if (vcs !== 'mod') checkVcs(path, found.prefix, vcs);
    return {
      root: found.prefix.replace(/\/$/, ''),
      vcs,
      url,
      ...(subdir !== '' && { subdir }),
      ...(vcs === 'mod' && { isMod: true }),
    };
  }

  return async (path, signal) => {
    try {
      const root = await ask(path, signal);
      if (!root.root.includes('...')) return root;
      throw new StoaError('notFound', `a repository's root can't hold "..."`);
    } catch (error) {
      throw namedError(error, path, signal);
    }
  };
}

function rootOf({ root, vcs }: TableRoot, url: string): RepoRoot {
  return { root, vcs, url };
}

/** Throws `notFound` unless the page of the root says the same as that of the path. */
function confirm(found: GoImport, path: string, page: MetaPage, rootPage: MetaPage): void {
  const said = matchGoImport(rootPage.imports, path);
  if (!('problem' in said) && isSameImport(said, found)) return;
  throw new StoaError(
    'notFound',
    `${page.url} and ${rootPage.url} disagree about go-import for ${quote(found.prefix)}`,
  );
}

function vcsOf({ vcs }: GoImport, page: string): VcsName | 'mod' {
  const known = [...vcsNames, 'mod' as const].find((name) => name === vcs);
  if (known !== undefined) return known;
  throw new StoaError('notFound', `${page} names an unknown version control system ${quote(vcs)}`);
}

function subdirProblem(subdir: string): string | undefined {
  return /^[/-]/.test(subdir) || subdir.length > maxUrlLength
    ? `an invalid subdirectory ${quote(subdir)}`
    : undefined;
}

function urlProblem(url: string, vcs: VcsName | 'mod', insecure: boolean): string | undefined {
  const scheme = /^([a-z][a-z0-9+.-]*):\/\/[^\x00-\x20\x7f]*$/i.exec(url)?.[1]?.toLowerCase();
  if (scheme === undefined || url.length > maxUrlLength) return `no URL of a repository: ${quote(url)}`;
  const isSecure = vcs === 'mod' ? scheme === 'https' : isSecureScheme(scheme);
  const isOpen = vcs === 'mod' ? scheme === 'http' : scheme !== 'file';
  return isSecure || (insecure && isOpen) ? undefined : `a repository whose URL is not secure: ${quote(url)}`;
}
