import { pipeline } from 'node:stream/promises';
import { isStoaError, StoaError } from '../errors.ts';
import { escapePath } from '../module/path.ts';
import { isPseudoVersion } from '../module/pseudo.ts';
import { escapeVersion, formatModuleVersion, type ModuleVersion } from '../module/version.ts';
import { maxGoModBytes, maxZipBytes } from '../module/zip.ts';
import type { HttpClient, HttpReply } from '../net/client.ts';
import { readRefusal } from '../net/refusal.ts';
import type { Log } from '../observe/log.ts';
import type { Metrics } from '../observe/metrics.ts';
import { peek, readAll } from './body.ts';
import { checkInfo, checkMod, checkZipHead, parseList, zipHeadBytes } from './checks.ts';
import type { Fetched, FetchedInfo, FetchedList, Fetcher, ModuleFile, Spool, Want } from './fetcher.ts';
import type { Gate, Lane } from './gate.ts';
import { formatVia, viaHeader } from './loop.ts';
import { namedError } from './named-error.ts';
import type { Turns } from './turns.ts';

/** What an upstream client stands on. */
export interface UpstreamOptions {
  /** The base URL, without credentials, query and trailing slash; it is also the name of the source. */
  readonly url: string;
  readonly client: HttpClient;
  readonly gate: Gate;
  readonly turns: Turns;
  readonly metrics: Metrics;
  readonly log: Log;
  /** Of this server, for requests that come back to it. */
  readonly instanceId: string;
  /** Milliseconds that only go forward. */
  readonly now?: () => number;
}

/** An `.info` is a few hundred bytes; this leaves room for fields that nobody has thought of yet. */
const maxInfoBytes = 1024 * 1024;

/** Enough for a hundred thousand versions. */
const maxListBytes = 2 * 1024 * 1024;

/** One request to the upstream. */
interface Request {
  /** What is asked for, in the words of the go command; begins every message. */
  readonly subject: string;
  readonly path: string;
  /** Below the base URL, `!`-escaped. */
  readonly target: string;
  readonly lane: Lane;
  readonly maxBytes: number;
  readonly compressed?: boolean;
  readonly signal: AbortSignal;
  readonly via: string | undefined;
}

/** What came back so far. */
interface Exchange {
  status: number;
  bytes: number;
}

/**
 * A source that speaks the module proxy protocol, trusted no further than the go command trusts one: what it sends is
 * checked to be what was asked for. A zip is streamed; its first bytes are checked before the spool begins.
 */
export function createUpstream(options: UpstreamOptions): Fetcher {
  const { url, client, gate, turns, metrics, log, instanceId, now = () => performance.now() } = options;
  const { host } = new URL(url);

  async function list(path: string, signal: AbortSignal, via?: string): Promise<FetchedList> {
    const target = `${escapePath(path)}/@v/list`;
    const exchange = { status: 0, bytes: 0 };
    try {
      const versions = await ask(
        { subject: path, path, target, lane: 'file', maxBytes: maxListBytes, compressed: true, signal, via },
        async ({ body }, count) => {
          const bytes = await readAll(body, count);
          return believed(() => parseList(bytes, path));
        },
        exchange,
      );
      return { source: url, versions };
    } catch (error) {
      const latest = exchange.status === 403 ? await latestOf(path, signal, via) : undefined;
      if (latest === undefined) throw error;
      return {
        source: url,
        versions: isPseudoVersion(latest) ? [] : [latest],
        incomplete: `${url} refuses its list and names only its latest version`,
      };
    }
  }

  /** Some upstreams refuse lists and answer everything else; what their `@latest` says is better than nothing. */
  async function latestOf(
    path: string,
    signal: AbortSignal,
    via: string | undefined,
  ): Promise<string | undefined> {
    try {
      return (await query(path, 'latest', signal, via)).version;
    } catch (error) {
      if (isStoaError(error, 'canceled')) throw error;
      return undefined;
    }
  }

  async function query(path: string, query: string, signal: AbortSignal, via?: string): Promise<FetchedInfo> {
    const file = query === 'latest' ? '@latest' : `@v/${escapeVersion(query)}.info`;
    const target = `${escapePath(path)}/${file}`;
    const subject = `${path}@${query}`;
    return ask(
      { subject, path, target, lane: 'file', maxBytes: maxInfoBytes, signal, via },
      async ({ body }, count) => {
        const bytes = await readAll(body, count);
        return { source: url, version: believed(() => checkInfo(bytes, path, query)), bytes };
      },
    );
  }

  async function fetch(
    version: ModuleVersion,
    file: ModuleFile,
    _want: Want,
    spool: Spool,
    signal: AbortSignal,
    via?: string,
  ): Promise<Fetched> {
    const target = `${escapePath(version.path)}/@v/${escapeVersion(version.version)}.${file}`;
    const request = { subject: formatModuleVersion(version), path: version.path, target, signal, via };
    if (file === 'zip') {
      await ask({ ...request, lane: 'zip', maxBytes: maxZipBytes }, async ({ body, size }, count) => {
        const head = await peek(body, zipHeadBytes);
        believed(() => checkZipHead(head));
        const into = spool.begin({ source: url, ...(size === undefined ? {} : { size }) });
        body.on('data', (chunk: Uint8Array) => count(chunk.length));
        await pipeline(body, into, { signal });
      });
    } else {
      const maxBytes = file === 'mod' ? maxGoModBytes : maxInfoBytes;
      await ask({ ...request, lane: 'file', maxBytes }, async ({ body }, count) => {
        const bytes = await readAll(body, count);
        believed(() => (file === 'mod' ? checkMod(bytes) : checkInfo(bytes, version.path, version.version)));
        await pipeline([bytes], spool.begin({ source: url, size: bytes.length }), { signal });
      });
    }
    return { source: url };
  }

  /** The one way to the upstream: waits for a place, asks, takes nothing but a 200, reads, and reports how it went. */
  async function ask<T>(
    request: Request,
    read: (reply: HttpReply, count: (bytes: number) => void) => Promise<T>,
    exchange: Exchange = { status: 0, bytes: 0 },
  ): Promise<T> {
    const { subject, path, target, lane, maxBytes, compressed = false, signal, via } = request;
    const leave = await gate.enter(host, lane, signal).catch((error: unknown) => {
      throw namedError(error, subject, signal);
    });
    const began = now();
    let reply: HttpReply | undefined;
    try {
      await new Promise<void>(turns);
      reply = await client.get(new URL(`${url}/${escapeUrlPath(target)}`), {
        signal,
        module: path,
        maxBytes,
        compressed,
        headers: { [viaHeader]: formatVia(instanceId, via) },
      });
      exchange.status = reply.status;
      await new Promise<void>(turns);
      if (reply.status !== 200) throw await readRefusal(subject, url, reply);
      const value = await read(reply, (bytes) => {
        exchange.bytes += bytes;
      });
      metrics.upstream(host, 'ok', exchange.bytes, now() - began);
      return value;
    } catch (error) {
      reply?.body.destroy();
      const failure = namedError(error, subject, signal);
      report(failure, request, exchange.bytes, now() - began);
      throw failure;
    } finally {
      leave();
    }
  }

  function report(failure: StoaError, request: Request, bytes: number, durationMs: number): void {
    switch (failure.kind) {
      case 'notFound':
        metrics.upstream(host, 'absent', bytes, durationMs);
        return;
      case 'integrity':
        metrics.event('lying_upstream');
        log.warn('an upstream sent what cannot be true', {
          source: url,
          target: request.target,
          error: failure.message,
        });
        metrics.upstream(host, 'failed', bytes, durationMs);
        return;
      case 'upstream':
      case 'timeout':
        metrics.upstream(host, 'failed', bytes, durationMs);
        return;
      default:
      // The client left, or the spool failed: nothing the upstream could help.
    }
  }

  /** The outcome of a check, whose complaint goes on where the source is named. */
  function believed<T>(check: () => T): T {
    try {
      return check();
    } catch (error) {
      throw isStoaError(error, 'integrity') ? new StoaError('integrity', `${url} ${error.message}`) : error;
    }
  }

  return { list, query, fetch };
}

/** Escapes as Go's url.PathEscape does, which leaves less alone than encodeURIComponent (`!`) and more (`+`, `@`); slashes stay. */
function escapeUrlPath(path: string): string {
  return encodeURIComponent(path)
    .replace(/[!'()*]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`)
    .replace(/%(?:24|26|2B|2F|3A|3D|40)/g, decodeURIComponent);
}
