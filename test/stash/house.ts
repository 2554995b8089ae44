import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Published } from '../../src/catalog/entry.ts';
import type { Fetcher } from '../../src/fetch/fetcher.ts';
import { createGate } from '../../src/fetch/gate.ts';
import { createRoute, type PatternRoute } from '../../src/fetch/route.ts';
import type { RouteEntry } from '../../src/fetch/route-list.ts';
import { createTurns } from '../../src/fetch/turns.ts';
import { createUpstream } from '../../src/fetch/upstream.ts';
import { createHttpClient } from '../../src/net/http.ts';
import { createLog, type Log, type LogFields } from '../../src/observe/log.ts';
import { createMetrics, type Metrics } from '../../src/observe/metrics.ts';
import type { Freshness } from '../../src/stash/fresh.ts';
import type { Ask, Opened } from '../../src/stash/modules.ts';
import type { Proof } from '../../src/stash/proof.ts';
import { createStash, type Stash, type StashLimits, type StashOptions } from '../../src/stash/stash.ts';
import { createVerifier } from '../../src/stash/verifier.ts';
import { checked } from '../../src/storage/checked.ts';
import { openDiskStore } from '../../src/storage/disk.ts';
import { createPoolGate } from '../../src/storage/pool-gate.ts';
import type { BlobStore } from '../../src/storage/store.ts';
import { openTempFolder } from '../../src/storage/temp-folder.ts';
import { quietRecorder } from '../fakes/quiet.ts';
import { type FakeUpstream, startUpstream, type UpstreamModule } from '../fakes/upstream.ts';
import { noProof } from '../faults/small-house.ts';

/** A stash over a real disk store and a fake upstream, with a clock that a test moves. */
export interface House extends AsyncDisposable {
  readonly stash: Stash;
  readonly store: BlobStore;
  readonly upstream: FakeUpstream;
  readonly events: string[];
  /** Versions that were told to be stored. */
  readonly published: Published[];
  /** Versions that were told to be taken away. */
  readonly gone: string[];
  /** Events as they were told, without those of the sources. */
  readonly told: unknown[];
  /** Lines at WARN: the message and its fields. */
  readonly warnings: { readonly message: string; readonly fields: LogFields | undefined }[];
  /** The clock of freshness, in milliseconds. */
  readonly clock: { now: number };
  /** Files left over by downloads. */
  leftOvers(): Promise<string[]>;
  /** A new stash over the same store and upstream, as after a restart. */
  restart(): Promise<void>;
  /** One more stash over the same store and sources, as in another replica. */
  replica(): Stash;
}

export interface HouseOptions {
  readonly modules?: readonly UpstreamModule[];
  readonly limits?: Partial<StashLimits>;
  readonly freshness?: Partial<Freshness>;
  /** The list of sources; by default the upstream alone. */
  readonly sources?: (upstream: string) => readonly RouteEntry[];
  /** Other sources for some modules. */
  readonly routes?: readonly PatternRoute[];
  /** What is behind the word `direct` in that list. */
  readonly direct?: Fetcher;
  /** What vouches for versions, over the store of the house; by default nobody does. */
  readonly proof?: (store: BlobStore) => Proof;
  /** Told of versions that are published without proof. */
  readonly unproved?: StashOptions['unproved'];
  /** Wraps the store, for faults. */
  readonly wrap?: (store: BlobStore) => BlobStore;
}

const quiet = createLog({ level: 'error', format: 'json', service: 'test' });

const noDirect: Fetcher = {
  list: () => Promise.reject(new Error('there is no direct in this house')),
  query: () => Promise.reject(new Error('there is no direct in this house')),
  fetch: () => Promise.reject(new Error('there is no direct in this house')),
};

export async function openHouse(options: HouseOptions = {}): Promise<House> {
  const root = await mkdtemp(join(tmpdir(), 'stash-'));
  const upstream = await startUpstream({ modules: options.modules ?? [] });
  const pool = createPoolGate(2);
  const disk = checked(await openDiskStore({ root, gate: pool }));
  const store = options.wrap?.(disk) ?? disk;
  const temps = await openTempFolder({ folder: join(root, '.tmp') });
  const verifier = createVerifier({ threads: 1 });
  const fallback = options.sources?.(upstream.url) ?? [
    { kind: 'upstream', url: upstream.url, onError: 'stop' },
  ];
  const client = createHttpClient({
    userAgent: 'Stoa/test',
    namedHosts: fallback.flatMap((entry) => (entry.kind === 'upstream' ? [new URL(entry.url).host] : [])),
    wait: async () => undefined,
  });
  const events: string[] = [];
  const published: Published[] = [];
  const gone: string[] = [];
  const told: unknown[] = [];
  const metrics: Metrics = { ...createMetrics({ version: 'test' }), event: (name) => void events.push(name) };
  const warnings: House['warnings'] = [];
  const log: Log = {
    ...quiet,
    warn: (message, fields) => void warnings.push({ message, fields }),
    error: () => undefined,
  };
  const lane = { running: 32, queued: 100, waitMs: 10_000 };
  const turns = createTurns();
  const gate = createGate({ zip: lane, file: lane });
  const fetcher = createRoute({
    routes: options.routes ?? [],
    fallback,
    private: '',
    upstream: (url) => createUpstream({ turns, url, client, gate, metrics, log, instanceId: 'test' }),
    direct: options.direct ?? noDirect,
  });
  const clock = { now: Date.parse('2026-01-01T00:00:00Z') };
  let life = new AbortController();

  const build = (): Stash =>
    createStash({
      store,
      fetcher,
      proof: options.proof?.(store) ?? noProof,
      verifier,
      pool,
      turns,
      log,
      recorder: {
        ...quietRecorder,
        published: async (version) => void published.push(version),
        gone: async ({ path, version }) => void gone.push(`${path}@${version}`),
        event: (kind, module, text, detail) => {
          events.push(kind);
          told.push({ kind, module, text, ...detail });
        },
      },
      scratch: temps.path,
      ...(options.unproved && { unproved: options.unproved }),
      life: life.signal,
      now: () => clock.now,
      limits: {
        memoryBytes: 64 * 1024 * 1024,
        memoryFileBytes: 1024 * 1024,
        maxZipBytes: 100 * 1024 * 1024,
        maxModBytes: 1024 * 1024,
        downloadMs: 60_000,
        questionMs: 30_000,
        refusedMs: 60_000,
        ...options.limits,
      },
      freshness: {
        freshMs: 60_000,
        absentMs: 60_000,
        revalidateMs: 600_000,
        patienceMs: 5_000,
        coolMs: 0,
        ...options.freshness,
      },
    });

  const house = {
    stash: build(),
    store,
    upstream,
    events,
    published,
    gone,
    told,
    warnings,
    clock,
    async leftOvers() {
      return (await readdir(join(root, '.tmp'))).filter((name) => name !== '.' && name !== '..');
    },
    async restart() {
      await house.stash.settled();
      life.abort();
      life = new AbortController();
      house.stash = build();
    },
    replica: build,
    async [Symbol.asyncDispose]() {
      await house.stash.settled();
      life.abort();
      await client.close();
      await verifier.close();
      await upstream.close();
      await rm(root, { recursive: true });
    },
  };
  return house;
}

export function ask(options: Partial<Ask> = {}): Ask {
  return { asker: { address: '127.0.0.1' }, signal: new AbortController().signal, ...options };
}

/** Everything that an open file gives; closes it. */
export async function readAll(opened: Opened | Promise<Opened>): Promise<Buffer> {
  const file = await opened;
  try {
    const chunks: Buffer[] = [];
    for await (const chunk of file.read({ signal: new AbortController().signal }))
      chunks.push(Buffer.from(chunk));
    return Buffer.concat(chunks);
  } finally {
    await file.close();
  }
}
