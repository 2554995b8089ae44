import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createGate } from '../../src/fetch/gate.ts';
import { createTurns } from '../../src/fetch/turns.ts';
import { createUpstream } from '../../src/fetch/upstream.ts';
import { createHttpClient } from '../../src/net/http.ts';
import { createLog } from '../../src/observe/log.ts';
import { createMetrics, type Metrics } from '../../src/observe/metrics.ts';
import type { Freshness } from '../../src/stash/fresh.ts';
import type { Ask, Opened } from '../../src/stash/modules.ts';
import { createStash, type Stash, type StashLimits } from '../../src/stash/stash.ts';
import { createVerifier } from '../../src/stash/verifier.ts';
import { checked } from '../../src/storage/checked.ts';
import { openDiskStore } from '../../src/storage/disk.ts';
import { createPoolGate } from '../../src/storage/pool-gate.ts';
import type { BlobStore } from '../../src/storage/store.ts';
import { openTempFolder } from '../../src/storage/temp-folder.ts';
import { type FakeUpstream, startUpstream, type UpstreamModule } from '../fakes/upstream.ts';

/** A stash over a real disk store and a fake upstream, with a clock that a test moves. */
export interface House extends AsyncDisposable {
  readonly stash: Stash;
  readonly store: BlobStore;
  readonly upstream: FakeUpstream;
  readonly events: string[];
  /** The clock of freshness, in milliseconds. */
  readonly clock: { now: number };
  /** Files left over by downloads. */
  leftOvers(): Promise<string[]>;
  /** A new stash over the same store and upstream, as after a restart. */
  restart(): Promise<void>;
}

export interface HouseOptions {
  readonly modules?: readonly UpstreamModule[];
  readonly limits?: Partial<StashLimits>;
  readonly freshness?: Partial<Freshness>;
  /** Wraps the store, for faults. */
  readonly wrap?: (store: BlobStore) => BlobStore;
}

const log = createLog({ level: 'error', format: 'json', service: 'test' });

export async function openHouse(options: HouseOptions = {}): Promise<House> {
  const root = await mkdtemp(join(tmpdir(), 'stash-'));
  const upstream = await startUpstream({ modules: options.modules ?? [] });
  const pool = createPoolGate(2);
  const disk = checked(await openDiskStore({ root, gate: pool }));
  const store = options.wrap?.(disk) ?? disk;
  const temps = await openTempFolder({ folder: join(root, '.tmp') });
  const verifier = createVerifier({ threads: 1 });
  const client = createHttpClient({
    userAgent: 'Stoa/test',
    namedHosts: [new URL(upstream.url).host],
    wait: async () => undefined,
  });
  const events: string[] = [];
  const metrics: Metrics = { ...createMetrics({ version: 'test' }), event: (name) => void events.push(name) };
  const lane = { running: 32, queued: 100, waitMs: 10_000 };
  const turns = createTurns();
  const fetcher = createUpstream({
    turns,
    url: upstream.url,
    client,
    gate: createGate({ zip: lane, file: lane }),
    metrics,
    log,
    instanceId: 'test',
  });
  const clock = { now: Date.parse('2026-01-01T00:00:00Z') };
  let life = new AbortController();

  const build = (): Stash =>
    createStash({
      store,
      fetcher,
      verifier,
      pool,
      turns,
      log,
      metrics,
      scratch: temps.path,
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
