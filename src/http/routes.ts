import { StoaError } from '../errors.ts';
import { parseTarget, type Target } from '../module/target.ts';
import type { Sumdb, SumdbTarget } from '../protocol/sumdb.ts';

/** What a URL path leads to. `kind` is the word in access lines and metrics. */
export type Route =
  | { readonly kind: Target['kind']; readonly target: Target; readonly cachedOnly: boolean }
  | { readonly kind: 'sumdb'; readonly sumdb: SumdbTarget }
  | { readonly kind: PageName; readonly page: PageName }
  | { readonly kind: 'other'; readonly error: StoaError };

/** The pages beside the protocol. */
export type PageName = 'home' | 'healthz' | 'readyz' | 'version' | 'robots' | 'metrics';

export interface RoutesOptions {
  /** What all paths begin with: empty, or `/go`. Probes and metrics answer at the root as well, and so does the home page. */
  readonly prefix: string;
  /** A longer URL is refused. */
  readonly maxUrlLength: number;
  readonly sumdb: Sumdb;
}

/** Finds the route of a URL as it stands in the request line. Hot URLs are remembered, a bounded number of them. */
export function createRoutes(options: RoutesOptions): (url: string) => Route {
  let young = new Map<string, Route>();
  let old = new Map<string, Route>();
  return (url) => {
    const known = young.get(url);
    if (known !== undefined) return known;
    const route = old.get(url) ?? parseRoute(url, options);
    if (!('target' in route) && !('sumdb' in route)) return route;
    if (young.size >= generation) {
      old = young;
      young = new Map();
    }
    young.set(url, route);
    return route;
  };
}

/** URLs remembered are at most twice as many; each is within `maxUrlLength`. */
const generation = 4096;

function parseRoute(url: string, options: RoutesOptions): Route {
  try {
    if (url.length > options.maxUrlLength)
      throw malformed(`the URL is longer than ${options.maxUrlLength} characters`);
    const path = decodePath(url);
    const page = pages.get(path) ?? pageBelow(path, options.prefix);
    if (page !== undefined) return { kind: page, page };
    if (!path.startsWith(`${options.prefix}/`)) throw unknownPath();
    const below = path.slice(options.prefix.length + 1);
    if (below.startsWith(sumdbPrefix))
      return { kind: 'sumdb', sumdb: options.sumdb.parse(below.slice(sumdbPrefix.length)) };
    return moduleRoute(below);
  } catch (error) {
    if (error instanceof StoaError) return { kind: 'other', error };
    throw error;
  }
}

const pages: ReadonlyMap<string, PageName> = new Map([
  ['/', 'home'],
  ['/healthz', 'healthz'],
  ['/readyz', 'readyz'],
  ['/version', 'version'],
  ['/robots.txt', 'robots'],
  ['/metrics', 'metrics'],
]);

function pageBelow(path: string, prefix: string): PageName | undefined {
  if (prefix === '') return undefined;
  return path === prefix
    ? 'home'
    : path.startsWith(prefix)
      ? pages.get(path.slice(prefix.length))
      : undefined;
}

function moduleRoute(path: string): Route {
  const cachedOnly = path.startsWith(cachedOnlyPrefix);
  const target = parseTarget(cachedOnly ? path.slice(cachedOnlyPrefix.length) : path);
  if (target === undefined) throw unknownPath();
  return { kind: target.kind, target, cachedOnly };
}

/** No module path begins so: its first element has a dot. */
const sumdbPrefix = 'sumdb/';

const cachedOnlyPrefix = 'cached-only/';

/** The path of a request line, percent-decoded once, without the query; a proxy's absolute form is taken too. */
function decodePath(url: string): string {
  const start = /^https?:\/\/[^/?#]*/i.exec(url)?.[0].length ?? 0;
  const query = url.indexOf('?', start);
  const raw = url.slice(start, query < 0 ? undefined : query);
  const path = raw === '' && start > 0 ? '/' : decodePercent(raw);
  if (!path.startsWith('/')) throw malformed('the path does not begin with a slash');
  if (/[\x00-\x1f\x7f]/.test(path)) throw malformed('the path has a control character');
  if (path.includes('//')) throw malformed('the path has an empty segment');
  if (/\/\.\.?(\/|$)/.test(path)) throw malformed('the path has a dot segment');
  return path;
}

function decodePercent(raw: string): string {
  if (!raw.includes('%')) return raw;
  try {
    return decodeURIComponent(raw);
  } catch {
    throw malformed('the path has a broken percent escape');
  }
}

function malformed(problem: string): StoaError {
  return new StoaError('malformed', `malformed URL: ${problem}`);
}

function unknownPath(): StoaError {
  return new StoaError('notFound', 'this is no path of the module proxy protocol');
}
