/** A client before a fake database, over storage that outlives it. */
import { onTestFinished } from 'vitest';
import { createGate } from '../../src/fetch/gate.ts';
import { createHttpClient } from '../../src/net/http.ts';
import type { LogFields } from '../../src/observe/log.ts';
import { checked } from '../../src/storage/checked.ts';
import { createMemoryStore } from '../../src/storage/memory.ts';
import type { BlobStore } from '../../src/storage/store.ts';
import { createSumdbClient, type SumdbClient } from '../../src/sumdb/client.ts';
import { parseVerifierKey } from '../../src/sumdb/note.ts';
import { createRemote, type Remote, type RemoteOptions } from '../../src/sumdb/remote.ts';
import { type FakeSumdb, type FakeSumdbOptions, startSumdb } from '../fakes/sumdb.ts';

export interface Bed {
  readonly fake: FakeSumdb;
  readonly store: BlobStore;
  readonly client: SumdbClient;
  /** What operators were told. */
  readonly events: readonly string[];
  readonly lines: readonly { readonly message: string; readonly fields?: LogFields | undefined }[];
  /** A client of another process over the same storage, or over its own. */
  open(store?: BlobStore): SumdbClient;
  /** Everything that is stored below the database's name. */
  keys(prefix?: string): Promise<string[]>;
}

export async function openBed(
  options: FakeSumdbOptions & { readonly memoryBytes?: number } = {},
): Promise<Bed> {
  const fake = await startSumdb(options);
  onTestFinished(() => fake.stop());
  const store = checked(createMemoryStore());
  const events: string[] = [];
  const lines: { message: string; fields?: LogFields | undefined }[] = [];
  const say = (message: string, fields?: LogFields) => void lines.push({ message, fields });
  const remote = openRemote({ name: fake.name, url: fake.url });

  function open(from = store): SumdbClient {
    return createSumdbClient({
      verifier: parseVerifierKey(fake.verifierKey),
      remote,
      store: from,
      metrics: { event: (name) => events.push(name) },
      log: {
        debug() {},
        info() {},
        warn: say,
        error: (message, fields) => say(message, fields as LogFields),
        access() {},
        async flush() {},
      },
      deadlineMs: 10_000,
      ...(options.memoryBytes !== undefined && { memoryBytes: options.memoryBytes }),
    });
  }

  return {
    fake,
    store,
    client: open(),
    events,
    lines,
    open,
    async keys(prefix = '') {
      const keys: string[] = [];
      const root = `sumdb/${fake.name}/`;
      for await (const key of store.list(root + prefix)) keys.push(key.slice(root.length));
      return keys;
    },
  };
}

/** The way to a database, with a client that does not wait between its tries. */
export function openRemote(options: Pick<RemoteOptions, 'name' | 'url'> & Partial<RemoteOptions>): Remote {
  const client = createHttpClient({
    userAgent: 'Stoa/test',
    namedHosts: ['127.0.0.1'],
    wait: async () => {},
  });
  onTestFinished(() => client.close());
  const limits = { running: 1000, queued: 0, waitMs: 1000 };
  return createRemote({
    entries: [],
    client,
    gate: createGate({ zip: limits, file: limits }),
    headers: () => ({}),
    metrics: { upstream() {} },
    ...options,
  });
}

/** Never aborted. */
export function calm(): AbortSignal {
  return new AbortController().signal;
}
