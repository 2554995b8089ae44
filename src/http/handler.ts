import { errorKinds, StoaError, toStoaError } from '../errors.ts';
import type { AccessEntry, Log } from '../observe/log.ts';
import type { Metrics } from '../observe/metrics.ts';
import type { TraceIds } from '../observe/trace.ts';
import type { Answer } from '../protocol/answer.ts';
import type { Caching } from '../protocol/cache-control.ts';
import { errorAnswer } from '../protocol/failure.ts';
import { answerFailure, answerGoproxy } from '../protocol/goproxy.ts';
import { answerSumdb } from '../protocol/sumdb.ts';
import type { Modules, Ready } from '../stash/modules.ts';
import { createAsk, type RequestAsk } from './ask.ts';
import type { AskerOf } from './client-address.ts';
import { header, type Incoming, type Outgoing, reset } from './exchange.ts';
import type { Respond } from './respond.ts';
import type { PageName, Route } from './routes.ts';
import type { Sent } from './stream.ts';

/** Answers a request. Undefined when that is done, else fulfilled, never rejected, when it is. */
export type Handler = (incoming: Incoming, outgoing: Outgoing) => Promise<void> | undefined;

/** How a request that came back to this server is known. */
export interface LoopCheck {
  /** The lower-case name of the header that carries the chain of servers. */
  readonly header: string;
  /** Throws a StoaError for a chain that this server is in. */
  check(via: string): void;
}

export interface HandlerOptions {
  readonly modules: Modules;
  readonly caching: Caching;
  readonly routeOf: (url: string) => Route;
  readonly page: (page: PageName, incoming: Incoming) => Ready<Answer>;
  readonly askerOf: AskerOf;
  readonly loop: LoopCheck;
  readonly respond: Respond;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly traceIds: TraceIds;
  /** Told of each file that was served, by its storage key; on the path of every hit. */
  readonly served: (key: string) => void;
  /** Milliseconds that only grow; only differences are used. */
  readonly clock: () => number;
}

/** A request under way. */
interface Exchange {
  readonly incoming: Incoming;
  readonly outgoing: Outgoing;
  readonly started: number;
  readonly traceId: string;
  readonly route: Route;
  readonly ask: RequestAsk;
}

/**
 * From a request to its answer, one access line and one count in the metrics. What is in memory is answered without
 * a promise, a closure or an AbortController, since that is most of what a hit would cost beside node:http itself.
 */
export function createHandler(options: HandlerOptions): Handler {
  const { modules, caching, routeOf, page, askerOf, loop, respond, log, metrics, traceIds, served, clock } =
    options;

  function answer(exchange: Exchange): Ready<Answer> {
    const { incoming, route, ask } = exchange;
    if (incoming.method !== 'GET' && incoming.method !== 'HEAD')
      throw new StoaError('methodNotAllowed', 'only GET and HEAD are served here');
    if ('error' in route) throw route.error;
    if ('page' in route) return page(route.page, incoming);
    const via = header(incoming, loop.header);
    if (via !== undefined) {
      loop.check(via);
      ask.via = via;
    }
    if ('sumdb' in route) return answerSumdb(route.sumdb, ask, caching);
    if (route.cachedOnly || isTrue(incoming.headers['disable-module-fetch'])) ask.cachedOnly = true;
    if (route.kind === 'zip' && canSeeACut(incoming)) ask.mayStream = true;
    return answerGoproxy(modules, route.target, ask, caching);
  }

  /** The answer to a failure; an unexpected one is logged with its stack, which no client sees. */
  function failed(exchange: Exchange, thrown: unknown): Answer {
    const { ask, route, traceId } = exchange;
    let error = toStoaError(thrown);
    if (error.kind === 'canceled' && !ask.left)
      error = new StoaError('draining', 'the server is shutting down', { cause: error });
    if (error.kind === 'internal') {
      log.error('a request failed unexpectedly', { trace_id: traceId, error });
      error = new StoaError(
        'internal',
        `internal error: the server's log says more under trace_id ${traceId}`,
      );
    }
    return 'target' in route ? answerFailure(error, ask, caching) : errorAnswer(error);
  }

  async function answerLater(exchange: Exchange, pending: Promise<Answer>): Promise<void> {
    let ready: Answer;
    try {
      ready = await pending;
    } catch (error) {
      ready = failed(exchange, error);
    }
    exchange.ask.answered();
    const { incoming, outgoing } = exchange;
    if (ready.error?.kind === 'canceled') {
      outgoing.destroy();
      finish(exchange, ready, { status: ready.status, bytes: 0 });
    } else {
      await sendLater(exchange, ready, respond(incoming, outgoing, ready));
    }
  }

  /** Waits for a body to go out; one that failed before its first byte is answered as a failure. */
  async function sendLater(exchange: Exchange, ready: Answer, sending: Ready<Sent>): Promise<void> {
    const { incoming, outgoing } = exchange;
    try {
      finish(exchange, ready, await sending);
    } catch (thrown) {
      if (outgoing.destroyed) {
        const error = toStoaError(thrown);
        finish(exchange, ready, { status: ready.status, bytes: 0, error });
        return;
      }
      const failure = failed(exchange, thrown);
      finish(exchange, failure, await respond(incoming, outgoing, failure));
    }
  }

  function finish(exchange: Exchange, { outcome, source, error: reason }: Answer, sent: Sent): void {
    const { incoming, started, traceId, route, ask } = exchange;
    ask.answered();
    const error = sent.error ?? reason;
    // A body that was cut counts as what cut it, although its head said 200.
    const status = sent.error === undefined ? sent.status : errorKinds[sent.error.kind].status;
    const durationMs = clock() - started;
    metrics.request(route.kind, outcome, status, sent.bytes, durationMs);
    const entry: Mutable<AccessEntry> = {
      traceId,
      method: incoming.method ?? '',
      target: incoming.url ?? '',
      kind: route.kind,
      status,
      bytes: sent.bytes,
      durationMs,
      address: ask.asker.address,
    };
    if ('target' in route) {
      const { target } = route;
      entry.module = target.path;
      if ('version' in target) {
        entry.version = target.version;
        if (status < 400) served(target.key);
      } else if (target.kind === 'query') entry.version = target.query;
    }
    if (outcome !== undefined) entry.outcome = outcome;
    if (source !== undefined) entry.source = source;
    if (error !== undefined) {
      entry.errorKind = error.kind;
      entry.error = error.message;
    }
    log.access(entry);
  }

  /** What must not happen: nothing is known of how far the answer came. */
  function broken(exchange: Exchange, error: unknown): void {
    log.error('a response failed unexpectedly', { trace_id: exchange.traceId, error });
    reset(exchange.incoming, exchange.outgoing);
  }

  return (incoming, outgoing) => {
    const exchange: Exchange = {
      incoming,
      outgoing,
      started: clock(),
      traceId: traceIds.next(header(incoming, 'traceparent')),
      route: routeOf(incoming.url ?? ''),
      ask: createAsk(incoming, outgoing, askerOf(incoming)),
    };
    let later: Promise<void>;
    try {
      let ready: Ready<Answer>;
      try {
        ready = answer(exchange);
      } catch (error) {
        ready = failed(exchange, error);
      }
      if (ready instanceof Promise) {
        later = answerLater(exchange, ready);
      } else {
        const sent = respond(incoming, outgoing, ready);
        if (!(sent instanceof Promise)) {
          finish(exchange, ready, sent);
          return undefined;
        }
        later = sendLater(exchange, ready, sent);
      }
    } catch (error) {
      broken(exchange, error);
      return undefined;
    }
    return later.catch((error: unknown) => broken(exchange, error));
  };
}

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };

/** A plain GET whose client sees when the body was cut: HTTP/1.1 with a length or chunks, or HTTP/2. */
function canSeeACut(incoming: Incoming): boolean {
  const { httpVersionMajor: major, httpVersionMinor: minor } = incoming;
  return incoming.method === 'GET' && incoming.headers.range === undefined && (major > 1 || minor >= 1);
}

function isTrue(value: string | string[] | undefined): boolean {
  return value !== undefined && String(value).toLowerCase() === 'true';
}
