import { setTimeout as sleep } from 'node:timers/promises';
import { StoaError } from '../errors.ts';
import type { HttpClient, HttpPoster, HttpReply, HttpRequest } from './client.ts';
import type { Credentials } from './credentials.ts';
import { createDialer } from './dial.ts';
import { type Answer, exchange, type Head } from './exchange.ts';
import { type Deadlines, isPassing } from './failure.ts';
import { createNamedHosts } from './guard.ts';
import { askInOurName } from './in-our-name.ts';
import type { Login } from './login.ts';
import { createLookup, type Resolve } from './lookup.ts';
import { createPool } from './pool.ts';
import { createProxyChoice, type ProxySettings } from './proxy-env.ts';
import { firstHop, type Hop, nextHop } from './redirect.ts';
import { limitOf, toReply } from './reply.ts';
import { backoffMs, isPassingStatus, parseRetryAfter } from './retry.ts';
import { openScope, type Scope } from './scope.ts';
import { createTrust } from './trust.ts';
import { proxyRefusal } from './tunnel.ts';

export interface HttpClientOptions {
  /** The User-Agent, such as `Stoa/1.2.3`. */
  readonly userAgent: string;
  /** The hosts the settings name, as `host` (all ports) or `host:port`: only their addresses may be private. */
  readonly namedHosts?: readonly string[];
  readonly credentials?: Credentials;
  /** Proxies; their addresses may be private. */
  readonly proxy?: ProxySettings;
  /** PEM texts of certificate authorities to trust beside those of Node and of the system. */
  readonly extraCa?: readonly string[];
  /** Further tries of one `get`, over all of its redirects. Default 2. */
  readonly retries?: number;
  /** Default 64. */
  readonly connectionsPerHost?: number;
  /** Default: connect 10 s, first byte 60 s, idle 60 s, total 30 min. */
  readonly deadlines?: Partial<Deadlines>;
  readonly now?: () => number;
  /** In [0, 1). */
  readonly random?: () => number;
  /** Waits between two tries; rejects when aborted. */
  readonly wait?: (ms: number, signal: AbortSignal) => Promise<void>;
  readonly resolve?: Resolve;
}

/** Makes a client. Throws `config` for a named host, proxy or certificate that can't be one. */
export function createHttpClient(options: HttpClientOptions): HttpClient & HttpPoster {
  const {
    userAgent,
    namedHosts = [],
    credentials,
    retries = 2,
    now = Date.now,
    random = Math.random,
    wait = pause,
  } = options;
  const deadlines: Deadlines = { ...defaultDeadlines, ...options.deadlines };
  const proxies = createProxyChoice(options.proxy ?? {});
  const dialing = {
    connectMs: deadlines.connectMs,
    isNamed: createNamedHosts([...namedHosts, ...proxies.hosts]),
    lookup: createLookup({ now, ...(options.resolve && { resolve: options.resolve }) }),
    trust: createTrust(options.extraCa ?? []),
  };
  const pool = createPool({
    dial: createDialer(dialing),
    dialAnybody: createDialer({ ...dialing, anybody: true }),
    isNamed: createNamedHosts(namedHosts),
    proxyFor: proxies.proxyFor,
    deadlines,
    connectionsPerHost: options.connectionsPerHost ?? 64,
  });
  const running = new Set<Scope>();
  let isClosed = false;

  async function send(url: URL, request: Sent): Promise<HttpReply> {
    if (isClosed) throw new StoaError('canceled', `${url.host}: the client was closed`);
    const scope = openScope(url.host, request.signal, deadlines.totalMs);
    running.add(scope);
    const end = () => {
      running.delete(scope);
      scope.end();
    };
    try {
      const reply = await follow(url, request, scope.signal);
      reply.body.once('close', end);
      if (reply.body.closed) end();
      return reply;
    } catch (error) {
      end();
      throw error;
    }
  }

  async function follow(url: URL, request: Sent, signal: AbortSignal): Promise<HttpReply> {
    const budget = { retries };
    let hop = firstHop(url, request.headers ?? {}, request.stranger);
    for (let redirects = 0; ; redirects++) {
      const { module, insecure } = request;
      const chosen = insecure
        ? undefined
        : credentials?.choose(hop.url, { module, redirected: hop.redirected });
      const { answer, told } = await askInOurName(
        await chosen?.login(signal),
        (login) => ask(hop, headersFor(hop, request, login), request, signal, budget),
        signal,
      );
      const next = request.json === undefined ? nextHop(hop, answer, insecure) : undefined;
      if (next === undefined) return { ...toReply(hop.url, request, answer, now()), ...told };
      discard(answer);
      if (redirects === maxRedirects) {
        throw new StoaError('upstream', `${hop.url.host}: stopped after ${maxRedirects} redirects`);
      }
      hop = next;
    }
  }

  /** The answer of one URL, after as many more tries as are left. */
  async function ask(
    hop: Hop,
    headers: Readonly<Record<string, string>>,
    request: Sent,
    signal: AbortSignal,
    budget: Budget,
  ): Promise<Answer> {
    for (; ; budget.retries--) {
      const tried = retries + 1 - budget.retries;
      let waitMs: number | undefined;
      try {
        const answer = await askOnce(hop.url, headers, request, signal);
        if (budget.retries > 0 && isPassingStatus(answer.status)) {
          const asked = parseRetryAfter(answer.headers['retry-after'], now()) ?? 0;
          if (asked <= maxRetryAfter) waitMs = asked * 1_000 + backoffMs(tried, statusBaseMs, random());
        }
        if (waitMs === undefined) return answer;
        discard(answer);
      } catch (error) {
        if (budget.retries === 0 || !isPassing(error)) throw error;
        waitMs = backoffMs(tried, connectionBaseMs, random());
      }
      await wait(waitMs, signal).catch(() => {});
      signal.throwIfAborted();
    }
  }

  async function askOnce(
    url: URL,
    headers: Readonly<Record<string, string>>,
    request: Sent,
    signal: AbortSignal,
  ): Promise<Answer> {
    const way = pool.way(url, request.insecure);
    const limit = (head: Head) => limitOf(head, request.maxBytes);
    const { json } = request;
    const answer = await exchange(way, {
      host: url.host,
      headers,
      deadlines,
      limit,
      signal,
      ...(json !== undefined && { body: json }),
    });
    if (answer.status === 407 && way.proxy !== undefined) {
      discard(answer);
      throw proxyRefusal(way.proxy, url.host, answer.status);
    }
    return answer;
  }

  function headersFor(hop: Hop, request: Sent, login?: Login): Record<string, string> {
    return {
      'user-agent': userAgent,
      'accept-encoding': request.compressed ? 'gzip' : 'identity',
      ...(request.json !== undefined && { 'content-type': 'application/json' }),
      ...(login && { [login.header.name]: login.header.value }),
      ...hop.headers,
    };
  }

  return {
    get: send,
    post: (url, json, request) => send(url, { ...request, json: JSON.stringify(json) }),
    async close() {
      isClosed = true;
      for (const scope of running) scope.end(new StoaError('canceled', 'the client was closed'));
      await pool.close();
    },
  };
}

/** A request, and the JSON that is posted. */
interface Sent extends HttpRequest {
  readonly json?: string;
}

const defaultDeadlines: Deadlines = {
  connectMs: 10_000,
  firstByteMs: 60_000,
  idleMs: 60_000,
  totalMs: 1_800_000,
};

const maxRedirects = 10;
/** Seconds; who is told to wait longer gives up instead. */
const maxRetryAfter = 30;
const connectionBaseMs = 100;
const statusBaseMs = 1_000;

/** What is left for one `get`, over all of its redirects. */
interface Budget {
  retries: number;
}

/**
 * Reads a body nobody wants, which keeps its connection; it is short, and ends with the request at the
 * latest.
 */
function discard({ body }: Answer): void {
  body.resume();
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal });
}
