import { type ErrorKind, isStoaError, StoaError } from '../errors.ts';
import { matchesPatterns } from '../module/pattern.ts';
import { formatModuleVersion } from '../module/version.ts';
import type { FetchedInfo, Fetcher, Spool } from './fetcher.ts';
import type { RouteEntry } from './route-list.ts';

/** Which sources serve the modules that match these patterns. */
export interface PatternRoute {
  /** Globs as in GOPRIVATE, separated by commas. */
  readonly patterns: string;
  readonly entries: readonly RouteEntry[];
}

export interface RouteOptions {
  /** The first whose patterns match the module path decides. */
  readonly routes: readonly PatternRoute[];
  /** For all other modules that are not private. */
  readonly fallback: readonly RouteEntry[];
  /** Patterns of modules that are never asked for at the fallback's sources: without a route of their own they are `direct`. */
  readonly private: string;
  /** The client of an upstream, by its URL; called once for each URL. */
  readonly upstream: (url: string) => Fetcher;
  /** The source behind the word `direct`. */
  readonly direct: Fetcher;
}

/** One source of a list, ready to be asked. */
interface Source {
  readonly name: string;
  readonly fetcher: Fetcher;
  readonly onError: 'next' | 'stop';
}

const ranks = { absent: 0, failed: 1, direct: 2 } as const;

/** Failures that another source cannot mend: the client left, the store is full, the question itself is wrong. */
const ownKinds: readonly ErrorKind[] = ['canceled', 'storage', 'draining', 'malformed', 'internal'];

/**
 * The source that chooses among sources: a list is walked as the go command walks GOPROXY (cmd/go modfetch/proxy.go,
 * TryProxies). The error it throws is the one that helps most: that of `direct`, else the last that is no absence, else the
 * last absence.
 */
export function createRoute(options: RouteOptions): Fetcher {
  const direct: Source = { name: 'direct', fetcher: options.direct, onError: 'stop' };
  const upstreams = new Map<string, Fetcher>();

  function upstreamOf(url: string): Fetcher {
    const known = upstreams.get(url) ?? options.upstream(url);
    upstreams.set(url, known);
    return known;
  }

  /** The sources of a list, in its order; none where it is `off` at once. */
  function sourcesOf(entries: readonly RouteEntry[]): readonly Source[] {
    return entries.flatMap((entry) => {
      if (entry.kind === 'off') return [];
      if (entry.kind === 'direct') return [direct];
      return [{ name: entry.url, fetcher: upstreamOf(entry.url), onError: entry.onError }];
    });
  }

  const routes = options.routes.map(({ patterns, entries }) => ({ patterns, sources: sourcesOf(entries) }));
  const fallback = sourcesOf(options.fallback);

  function choose(path: string): readonly Source[] {
    const list = listFor(routes, options.private, path);
    if (list === 'private') return [direct];
    return list === 'fallback' ? fallback : list.sources;
  }

  /**
   * Where what the sources of a route sent was refused: they, and behind them the upstreams for all modules, of which one may hold
   * what the world agreed on. A private module is none of theirs.
   */
  function withUpstreams(path: string): readonly Source[] {
    const chosen = choose(path);
    if (matchesPatterns(options.private, path)) return chosen;
    return [...chosen, ...fallback.filter((source) => source !== direct && !chosen.includes(source))];
  }

  return {
    list(path, signal, via) {
      return walk(choose(path), path, signal, undefined, ({ fetcher }) => fetcher.list(path, signal, via));
    },
    async query(path, query, signal, via) {
      const chosen = choose(path);
      const found = await walk(chosen, `${path}@${query}`, signal, undefined, (source) => {
        const isLast = source === chosen.at(-1);
        return query === 'latest' && !isLast
          ? latestOf(source.fetcher, path, signal, via)
          : source.fetcher.query(path, query, signal, via);
      });
      if (isStoaError(found)) throw found;
      return found;
    },
    fetch(version, file, want, spool, signal, via) {
      const retry = createRetry(spool);
      const chosen = want.not?.length ? withUpstreams(version.path) : choose(version.path);
      return walk(chosen, formatModuleVersion(version), signal, want.not, ({ fetcher }) =>
        retry((guarded) => fetcher.fetch(version, file, want, guarded, signal, via)),
      );
    },
  };
}

/** Which list is for a module path: that of a route, `direct` alone for what is private, else the fallback. */
export function listFor<R extends Pick<PatternRoute, 'patterns'>>(
  routes: readonly R[],
  privatePatterns: string,
  path: string,
): R | 'private' | 'fallback' {
  const route = routes.find(({ patterns }) => matchesPatterns(patterns, path));
  if (route !== undefined) return route;
  return matchesPatterns(privatePatterns, path) ? 'private' : 'fallback';
}

/**
 * What a source says is latest. Some keep a full list and no latest: there the absence is the answer, from which the
 * caller goes to the list, as the go command does. The next source must not be asked: it may know another module by this name.
 */
async function latestOf(
  fetcher: Fetcher,
  path: string,
  signal: AbortSignal,
  via: string | undefined,
): Promise<FetchedInfo | StoaError> {
  try {
    return await fetcher.query(path, 'latest', signal, via);
  } catch (absence) {
    if (!isStoaError(absence, 'notFound')) throw absence;
    try {
      await fetcher.list(path, signal, via);
      return absence;
    } catch (error) {
      throw isStoaError(error, 'notFound') ? absence : error;
    }
  }
}

async function walk<T>(
  sources: readonly Source[],
  subject: string,
  signal: AbortSignal,
  not: readonly string[] | undefined,
  ask: (source: Source) => Promise<T>,
): Promise<T> {
  let heard: { readonly error: StoaError; readonly rank: number } | undefined;
  let isPassedOver = false;
  for (const source of sources) {
    if (not?.includes(source.name)) {
      isPassedOver = true;
      continue;
    }
    try {
      return await ask(source);
    } catch (error) {
      if (signal.aborted || !isStoaError(error) || ownKinds.includes(error.kind)) throw error;
      // A machine without git: what the sources before it said stands, since people may well do without direct.
      if (error.kind === 'config' && heard !== undefined) throw withHint(heard.error, error);
      const isAbsent = error.kind === 'notFound';
      const rank = source.name === 'direct' ? ranks.direct : isAbsent ? ranks.absent : ranks.failed;
      if (heard === undefined || rank >= heard.rank) heard = { error, rank };
      if (!isAbsent && source.onError === 'stop') throw heard.error;
    }
  }
  if (heard !== undefined) throw heard.error;
  if (isPassedOver) {
    throw new StoaError(
      'integrity',
      `${subject}: no source is left; what ${not?.join(' and ')} sent was refused`,
    );
  }
  // No 404: nothing was said about the module, and the go command must not walk around a list that was written to keep it
  // from doing so.
  throw new StoaError(
    'denied',
    `${subject}: module look-up is turned off here (the list of upstreams is off)`,
  );
}

function withHint({ kind, message, retryAfter }: StoaError, hint: StoaError): StoaError {
  return new StoaError(kind, `${message} (direct, the next source, is not available: ${hint.message})`, {
    cause: hint,
    ...(retryAfter === undefined ? {} : { retryAfter }),
  });
}

/**
 * Lets one source after another write into a spool. Once a reader took bytes of the first, the second is refused by the spool:
 * then what went wrong with the first is the answer.
 */
function createRetry(spool: Spool): <T>(attempt: (guarded: Spool) => Promise<T>) => Promise<T> {
  let hasBegun = false;
  let isRefused = false;
  let failure: unknown;
  const guarded: Spool = {
    begin(from) {
      try {
        const into = spool.begin(from);
        hasBegun = true;
        return into;
      } catch (error) {
        isRefused = hasBegun;
        throw error;
      }
    },
  };
  return async (attempt) => {
    if (isRefused) throw failure;
    try {
      return await attempt(guarded);
    } catch (error) {
      failure = isRefused ? failure : error;
      throw failure;
    }
  };
}
