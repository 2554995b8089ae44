import { Writable } from 'node:stream';
import type { Fetcher, Spool } from '../../src/fetch/fetcher.ts';
import { createGate, type Gate } from '../../src/fetch/gate.ts';
import { createTurns } from '../../src/fetch/turns.ts';
import { createUpstream } from '../../src/fetch/upstream.ts';
import type { HttpClient } from '../../src/net/client.ts';
import { createHttpClient, type HttpClientOptions } from '../../src/net/http.ts';
import type { LogFields } from '../../src/observe/log.ts';
import { createMetrics } from '../../src/observe/metrics.ts';
import { type FakeUpstream, startUpstream, type UpstreamOptions } from '../fakes/upstream.ts';

/** An upstream client before a fake upstream, and what it reported. */
export interface Bed extends AsyncDisposable {
  readonly fake: FakeUpstream;
  readonly client: HttpClient;
  readonly gate: Gate;
  readonly source: Fetcher;
  /** `result bytes` of each request to the upstream. */
  readonly reported: readonly string[];
  readonly events: readonly string[];
  readonly warnings: readonly { readonly message: string; readonly fields: LogFields | undefined }[];
}

/** Starts both; the HTTP client is the real one, but does not wait between its tries. */
export async function startBed(
  options: UpstreamOptions,
  http: Partial<HttpClientOptions> = {},
): Promise<Bed> {
  const fake = await startUpstream(options);
  const client = createHttpClient({
    userAgent: 'Stoa/test',
    namedHosts: ['127.0.0.1'],
    wait: async () => {},
    ...http,
  });
  const gate = openGate();
  const reported: string[] = [];
  const events: string[] = [];
  const warnings: { message: string; fields: LogFields | undefined }[] = [];
  const source = createUpstream({
    url: fake.url,
    client,
    gate,
    turns: createTurns(),
    instanceId: 'this-server',
    metrics: {
      ...createMetrics({ version: 'test' }),
      request() {},
      upstream: (host, result, bytes) =>
        reported.push(`${host === new URL(fake.url).host} ${result} ${bytes}`),
      event: (name) => events.push(name),
      gauge() {},
      counter() {},
      render: async () => ({ contentType: '', text: '' }),
    },
    log: {
      debug() {},
      info() {},
      warn: (message, fields) => warnings.push({ message, fields }),
      error() {},
      access() {},
      async flush() {},
    },
  });
  return {
    fake,
    client,
    gate,
    source,
    reported,
    events,
    warnings,
    async [Symbol.asyncDispose]() {
      await client.close();
      await fake.close();
    },
  };
}

/** A gate that nobody waits at. */
function openGate(): Gate {
  const limits = { running: 1000, queued: 0, waitMs: 1000 };
  return createGate({ zip: limits, file: limits });
}

/** A spool in memory. */
export interface MemorySpool extends Spool {
  /** What `begin` was told, each time. */
  readonly begun: readonly { readonly source: string; readonly size?: number }[];
  /** What came since the last `begin`. */
  bytes(): Buffer;
  /** Fulfilled when so many bytes are there. */
  grown(size: number): Promise<void>;
}

export function createMemorySpool(options: { readonly failWith?: Error } = {}): MemorySpool {
  const begun: { source: string; size?: number }[] = [];
  const waiting: { size: number; resolve: () => void }[] = [];
  let chunks: Uint8Array[] = [];
  const bytes = (): Buffer => Buffer.concat(chunks);
  return {
    begun,
    begin(from) {
      begun.push({ ...from });
      chunks = [];
      return new Writable({
        write(chunk: Uint8Array, _encoding, done) {
          if (options.failWith) return done(options.failWith);
          chunks.push(Uint8Array.from(chunk));
          for (const { size, resolve } of waiting) if (bytes().length >= size) resolve();
          done();
        },
      });
    },
    bytes,
    grown: (size) =>
      new Promise((resolve) => {
        if (bytes().length >= size) resolve();
        else waiting.push({ size, resolve });
      }),
  };
}

/** Never aborted. */
export function calm(): AbortSignal {
  return new AbortController().signal;
}
