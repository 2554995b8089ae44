import { isStoaError, StoaError } from '../errors.ts';
import { type Basic, basicHeader, type Login, loginProblem, type NoLogin } from './login.ts';
import { openScope } from './scope.ts';
import { untilAborted } from './until-aborted.ts';

/** Who gives logins that the settings do not hold themselves: a credential helper of git, a GitHub App. */
export interface LoginSource<G extends Given = Given> {
  /** Equal for URLs that get the same login; undefined for one that can have none. */
  scope(url: URL): string | undefined;
  /** Asks for a login. Throws where it is not known whether there is one. */
  ask(url: URL, signal: AbortSignal): Promise<G | NoLogin>;
  /** What it gave was taken; told once. */
  accepted?(url: URL, given: G, signal: AbortSignal): Promise<void>;
  /** What it gave was not taken, and it will be asked again. */
  refused?(url: URL, given: G, signal: AbortSignal): Promise<void>;
}

/** What a source gives. */
export interface Given extends Basic {
  /** Milliseconds since the epoch; absent: until it is refused. */
  readonly expiresAt?: number;
}

/**
 * The logins of a source. Each is asked for once for all who want it, kept until it expires or is refused, and renewed
 * behind those who use it before it expires. Throws as the source does, `timeout` when that takes too long, `upstream` for
 * a login that cannot be sent; such a failure is kept for some seconds.
 */
export type Logins = (url: URL, signal: AbortSignal) => Promise<Login | NoLogin>;

export interface LoginsOptions {
  /** Ends what is being asked. */
  readonly life: AbortSignal;
  readonly now?: () => number;
  /** Milliseconds that asking may take; default 60 s. */
  readonly askMs?: number;
}

/** Logins that are kept; beyond it the least recently used goes. */
const maxKept = 1_000;

/** Milliseconds for which it is remembered that there is no login, and that asking failed. */
const noneMs = 60_000;
const failedMs = 5_000;

/** Milliseconds in which a source is not told twice that a login was refused: the next one was of no more use. */
const refusalMs = 30_000;

/** Of one scope. */
interface Kept {
  readonly outcome: Login | NoLogin | StoaError;
  /** From when another is asked for behind those who use it. */
  staleAt: number;
  /** From when it is not used any more. */
  readonly endsAt: number;
  /** When its source was last told of a refusal. */
  readonly refusedAt: number;
}

type Answer = Omit<Kept, 'refusedAt'>;

export function createLogins<G extends Given>(source: LoginSource<G>, options: LoginsOptions): Logins {
  const { life, now = Date.now, askMs = 60_000 } = options;
  const kept = new Map<string, Kept>();
  const asking = new Map<string, Promise<Kept>>();

  function keep(scope: string, entry: Kept): Kept {
    kept.delete(scope);
    kept.set(scope, entry);
    if (kept.size > maxKept) kept.delete(kept.keys().next().value!);
    return entry;
  }

  /** Joins who asks already. */
  function start(
    scope: string,
    url: URL,
    refused?: { readonly given: G; readonly at: number },
  ): Promise<Kept> {
    const known = asking.get(scope);
    if (known !== undefined) return known;
    const work = within(url.host, async (signal) => {
      if (refused !== undefined) await source.refused?.(url, refused.given, signal);
      const askedAt = now();
      const given = await source.ask(url, signal);
      return entryOf(scope, url, given, askedAt);
    })
      .catch((error: unknown): Answer => {
        const outcome = isStoaError(error) ? error : describe(error, url);
        return { outcome, staleAt: Number.POSITIVE_INFINITY, endsAt: now() + failedMs };
      })
      .then((entry) => {
        asking.delete(scope);
        const old = kept.get(scope);
        // What is good for a while yet is not given up for a failure.
        if (entry.outcome instanceof StoaError && old !== undefined && now() < old.endsAt) {
          old.staleAt = now() + failedMs;
          return old;
        }
        return keep(scope, {
          ...entry,
          refusedAt: refused?.at ?? old?.refusedAt ?? Number.NEGATIVE_INFINITY,
        });
      });
    asking.set(scope, work);
    return work;
  }

  /** Does a piece of work that no single request may end. */
  async function within<T>(host: string, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const scope = openScope(host, life, askMs);
    try {
      return await work(scope.signal);
    } catch (error) {
      throw scope.signal.aborted ? scope.signal.reason : error;
    } finally {
      scope.end();
    }
  }

  function entryOf(scope: string, url: URL, given: G | NoLogin, askedAt: number): Answer {
    if ('none' in given) return without(given, askedAt);
    const { expiresAt = Number.POSITIVE_INFINITY } = given;
    if (expiresAt <= now()) {
      const end = new Date(expiresAt).toISOString();
      return without({ none: `the login that we have for it expired at ${end}` }, askedAt);
    }
    const lifetime = expiresAt - askedAt;
    return {
      outcome: loginOf(scope, url, given),
      staleAt: expiresAt - Math.min(maxAheadMs, lifetime / 4),
      endsAt: expiresAt - Math.min(maxSkewMs, lifetime / 10),
    };
  }

  function loginOf(scope: string, url: URL, given: G): Login {
    const { username, password, expiresAt } = given;
    const header = basicHeader(given);
    const problem = loginProblem(header, given);
    if (problem !== undefined) throw new StoaError('upstream', `${url.host}: the login for it: ${problem}`);
    let isTold = false;
    const login: Login = {
      header,
      basic: { username, password },
      ...(expiresAt !== undefined && { expiresAt }),
      accepted() {
        if (isTold) return;
        isTold = true;
        // What it makes of that is its own business.
        within(url.host, async (signal) => source.accepted?.(url, given, signal)).catch(() => undefined);
      },
      async refused(signal) {
        const entry = kept.get(scope);
        if (entry?.outcome === login) {
          if (now() < entry.refusedAt + refusalMs) return undefined;
          kept.delete(scope);
          void start(scope, url, { given, at: now() });
        }
        const next = await get(url, signal);
        return 'none' in next || next.header.value === header.value ? undefined : next;
      },
    };
    return login;
  }

  async function get(url: URL, signal: AbortSignal): Promise<Login | NoLogin> {
    const scope = source.scope(url);
    if (scope === undefined) return { none: 'the URL names nobody to have one for' };
    let entry = kept.get(scope);
    if (entry === undefined || now() >= entry.endsAt) {
      entry = await untilAborted(() => start(scope, url), url.host, signal);
    } else {
      keep(scope, entry);
      if (now() >= entry.staleAt) void start(scope, url);
    }
    if (entry.outcome instanceof StoaError) throw entry.outcome;
    return entry.outcome;
  }

  return get;
}

/** Milliseconds before its end at which another login is asked for, at most, and at which it is not used any more. */
const maxAheadMs = 600_000;
const maxSkewMs = 60_000;

function without(outcome: NoLogin, askedAt: number): Answer {
  return { outcome, staleAt: Number.POSITIVE_INFINITY, endsAt: askedAt + noneMs };
}

function describe(error: unknown, url: URL): StoaError {
  return new StoaError('internal', `${url.host}: no login could be had`, { cause: error });
}
