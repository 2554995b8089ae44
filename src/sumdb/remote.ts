import { isStoaError, StoaError } from '../errors.ts';
import type { HttpClient, HttpReply } from '../net/client.ts';
import { readRefusal } from '../net/refusal.ts';
import type { Metrics } from '../observe/metrics.ts';
import { createShare } from '../work/share.ts';

/** A checksum database on the network. */
export interface Remote {
  /**
   * What it answers. Throws `notFound` only when it said that there is no such thing, `upstream`, `timeout` or
   * `overloaded` when it could not say, `integrity` past `maxBytes`.
   * `via` is the chain of servers that the asking request came through, where it came through any.
   */
  read(question: RemoteQuestion, signal: AbortSignal, via?: string): Promise<Buffer>;
}

interface RemoteQuestion {
  /** Below the database, such as `lookup/example.com/m@v1.0.0`. */
  readonly target: string;
  /** What it is about; begins the message of a refusal. */
  readonly subject: string;
  readonly maxBytes: number;
}

/** One entry of a list of upstreams, as far as the way to a database follows from it. */
type RemoteEntry =
  | { readonly kind: 'upstream'; readonly url: string; readonly onError: 'next' | 'stop' }
  | { readonly kind: 'direct' }
  | { readonly kind: 'off' };

export interface RemoteOptions {
  /** The name of the database, and where it is: `https://` and this, unless the settings say otherwise. */
  readonly name: string;
  /** Where the settings say it is: no upstream is asked then. Without a trailing slash. */
  readonly url?: string;
  /** The list of upstreams. */
  readonly entries: readonly RemoteEntry[];
  readonly client: HttpClient;
  /** Waits for one of the places towards a host; the returned function gives it back. */
  readonly gate: { enter(host: string, lane: 'file', signal: AbortSignal): Promise<() => void> };
  /** Further headers of each request, which tell where it came through. */
  readonly headers: (via: string | undefined) => Readonly<Record<string, string>>;
  readonly metrics: Pick<Metrics, 'upstream'>;
  /** Milliseconds that only go forward. */
  readonly now?: () => number;
}

/**
 * What was wrong where a database must have what was asked for: that it lacks it says nothing of any module, it is out of
 * order.
 */
export function neverAbsent(error: unknown): unknown {
  return isStoaError(error, 'notFound') ? new StoaError('upstream', error.message, { cause: error }) : error;
}

/**
 * Reaches a database as the go command does (cmd/go modfetch/sumdb.go): through the first of the upstreams that says it
 * passes its answers on, and then only through that one; else at its own address. What was found out holds for an hour.
 */
export function createRemote(options: RemoteOptions): Remote {
  const { name, url, entries, client, gate, headers, metrics, now = () => performance.now() } = options;
  const share = createShare<string>({
    deadlineMs: probeMs,
    late: () => `checksum database ${name}: no answer`,
  });
  const supported = {
    target: 'supported',
    subject: `checksum database ${name}`,
    maxBytes: maxSupportedBytes,
  };
  let known: { readonly base: string; readonly until: number } | undefined;

  async function baseUrl(signal: AbortSignal, via: string | undefined): Promise<string> {
    if (url !== undefined) return url;
    if (known !== undefined && known.until > now()) return known.base;
    const base = await share('', signal, (work) => probe(work, via));
    known = { base, until: now() + knownMs };
    return base;
  }

  /** Walks the list. What failed and may be passed over still ends it, unless it comes to `direct`. */
  async function probe(signal: AbortSignal, via: string | undefined): Promise<string> {
    let failure: unknown;
    for (const entry of entries) {
      if (entry.kind === 'direct') return `https://${name}`;
      // The go command would go straight to the database here; whoever turned look-ups off here wants nothing asked.
      if (entry.kind === 'off')
        throw new StoaError('upstream', 'nothing is asked: the list of upstreams is off');
      const base = `${entry.url}/sumdb/${name}`;
      try {
        await ask(base, supported, signal, via);
        return base;
      } catch (error) {
        if (isStoaError(error, 'notFound')) continue;
        if (signal.aborted || entry.onError === 'stop') throw error;
        failure = error;
      }
    }
    if (failure !== undefined) throw failure;
    return `https://${name}`;
  }

  /** One request; takes nothing but a 200. */
  async function ask(
    base: string,
    { target, subject, maxBytes }: RemoteQuestion,
    signal: AbortSignal,
    via: string | undefined,
  ): Promise<Buffer> {
    const at = new URL(`${base}/${target}`);
    const leave = await gate.enter(at.host, 'file', signal);
    const began = now();
    let reply: HttpReply | undefined;
    try {
      reply = await client.get(at, { signal, maxBytes, headers: headers(via) });
      if (reply.status !== 200) throw await readRefusal(subject, base, reply);
      const bytes = Buffer.concat(await reply.body.toArray());
      metrics.upstream(at.host, 'ok', bytes.length, now() - began);
      return bytes;
    } catch (error) {
      reply?.body.destroy();
      report(at.host, error, now() - began);
      throw error;
    } finally {
      leave();
    }
  }

  function report(host: string, error: unknown, ms: number): void {
    if (!isStoaError(error) || error.kind === 'canceled') return;
    metrics.upstream(host, error.kind === 'notFound' ? 'absent' : 'failed', 0, ms);
  }

  return {
    async read(question, signal, via) {
      return ask(await baseUrl(signal, via), question, signal, via);
    },
  };
}

/** The answer is a status; what comes with it is passed over. */
const maxSupportedBytes = 64 * 1024;
const probeMs = 60_000;
const knownMs = 3_600_000;
