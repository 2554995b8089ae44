/** The one place that knows every part: settings in, a running server out. */
import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openCatalog, type ServerCatalog } from './catalog/open.ts';
import type { Running } from './cli/serve.ts';
import { stoaVersion } from './cli/version.ts';
import { catalogFile } from './config/catalog-file.ts';
import { unverified } from './config/contradictions.ts';
import type { Loaded } from './config/load.ts';
import type { Settings } from './config/schema.ts';
import { StoaError } from './errors.ts';
import { createGate } from './fetch/gate.ts';
import { checkLoop, viaHeader } from './fetch/loop.ts';
import type { RouteEntry } from './fetch/route-list.ts';
import { createTurns } from './fetch/turns.ts';
import { openServer } from './http/server.ts';
import type { ServerSettings } from './http/settings.ts';
import { formatModuleVersion } from './module/version.ts';
import type { Log } from './observe/log.ts';
import { createMetrics } from './observe/metrics.ts';
import { createTraceIds } from './observe/trace.ts';
import { openSources } from './sources/sources.ts';
import { createCensus } from './stash/census.ts';
import { createProof } from './stash/proof.ts';
import { proveLaterJob } from './stash/prove-later.ts';
import { createStash } from './stash/stash.ts';
import { describeStored } from './stash/stored-version.ts';
import { createVerifier } from './stash/verifier.ts';
import { checked } from './storage/checked.ts';
import { createPoolGate } from './storage/pool-gate.ts';
import type { BlobStore } from './storage/store.ts';
import { type WriteWatch, watchWrites } from './storage/write-watch.ts';
import { openStore } from './stores/open.ts';
import { createLedger } from './sumdb/ledger.ts';
import { createMirror } from './sumdb/mirror.ts';
import { serveDatabases } from './sumdb/served.ts';
import { openOwnFolder } from './vcs/own-folder.ts';

/** Milliseconds between two readings of what other processes withdrew. */
const tombstonesMs = 5000;

/** Milliseconds in which a remote store has to show that it can be read. */
const patienceMs = 500;

/** Starts the server. Throws `config` or `storage` where it cannot. */
export async function startServer({ settings, sources: origins }: Loaded, log: Log): Promise<Running> {
  const life = new AbortController();
  const instanceId = randomUUID();
  const version = stoaVersion();
  const metrics = createMetrics({ version });
  const pool = createPoolGate();
  const turns = createTurns();
  const storage = await openStore(settings, { pool, log, life: life.signal });
  const writes = watchWrites(checked(storage.store));
  const { store } = writes;
  const gate = createGate(laneLimits(settings));
  const sources = await openSources(settings, { gate, turns, metrics, log, instanceId, version });
  const databases = sources.databases(store);
  const ledger =
    settings.ledger.key &&
    createLedger({
      signer: settings.ledger.key,
      store,
      proveLines: (version, signal) => stash.sums(version, signal),
      log,
      recorder: { event: (kind, version, text) => catalog.event(kind, version, text) },
      deadlineMs: settings.fetch.timeoutMs,
      life: life.signal,
    });
  const proof = createProof({
    databases,
    store,
    whenUnreachable: settings.sumdbUnreachable,
    ...(ledger && { ownLog: ledger }),
  });
  const place = await catalogPlace(settings);
  const catalog = await openCatalog({
    file: place.file,
    outbox: place.outbox,
    gate: pool,
    log,
    metrics,
    handlers: {
      [proveLaterJob.kind]: {
        attempts: proveLaterJob.attempts,
        timeoutMs: settings.fetch.timeoutMs,
        run: (payload, signal) => stash.proveLater(payload, signal),
      },
    },
    shelf: {
      keys: (signal) => store.list('', { signal }),
      describe: (version, signal) => describeStored({ store, proof }, version, signal),
    },
  });
  const verifier = createVerifier({ threads: settings.workers });
  const census = createCensus(store);
  const stash = createStash({
    store,
    fetcher: sources.fetcher,
    proof,
    verifier,
    pool,
    turns,
    log,
    recorder: catalog,
    scratch: storage.scratch,
    limits: stashLimits(settings),
    freshness: freshnessOf(settings),
    life: life.signal,
    writeFailed: writes.failed,
    zipStored: census.add,
    withdrawn(version) {
      storage
        .forget(version)
        .catch((error: unknown) => log.error('a local copy could not be removed', { error }));
    },
    async unproved(version, file, why) {
      catalog.event('served_unverified', version, why);
      const payload = { path: version.path, version: version.version, file };
      const key = `${formatModuleVersion(version)} ${file}`;
      await catalog.addJob({ kind: proveLaterJob.kind, key, payload });
    },
  });
  await stash.readTombstones(life.signal);
  const server = await openServer({
    settings: await serverSettings(settings),
    // Every request passes what is put around the stash here, in this order: nothing yet.
    modules: stash,
    sumdb: serveDatabases(createMirror(databases), ledger),
    caching: { shared: true },
    loop: { header: viaHeader, check: (via) => checkLoop(via, instanceId) },
    health: () =>
      health(
        {
          store,
          hasCopies: storage.cache !== undefined,
          writes,
          catalog,
          openness: unverified(settings, origins),
        },
        life.signal,
      ),
    version: { version: `v${version}`, node: process.version },
    log,
    metrics,
    traceIds: createTraceIds(),
    served: catalog.asked,
  });

  metrics.gauge('stoa_misses_running', () => gate.running('zip') + gate.running('file'));
  metrics.gauge('stoa_misses_waiting', () => gate.queued('zip') + gate.queued('file'));
  metrics.gauge('stoa_workers_busy', () => Math.min(verifier.pending, settings.workers));
  metrics.gauge('stoa_workers_waiting', () => Math.max(0, verifier.pending - settings.workers));
  metrics.gauge('stoa_memory_tier_bytes', () => stash.memory.bytes);
  metrics.gauge('stoa_memory_tier_entries', () => stash.memory.entries);
  metrics.gauge('stoa_cache_bytes', () => storage.cache?.bytes ?? 0);
  metrics.gauge('stoa_cache_entries', () => storage.cache?.entries ?? 0);
  metrics.gauge('stoa_stash_versions', () => census.versions);
  metrics.gauge('stoa_stash_bytes', () => census.bytes);
  metrics.gauge('stoa_degraded', () => (writes.isTroubled ? 1 : 0));
  repeat(tombstonesMs, life.signal, log, 'the tombstones cannot be read', stash.readTombstones);
  census.count(life.signal).catch((error: unknown) => {
    if (!life.signal.aborted) log.warn('the stored modules could not be counted', { reason: String(error) });
  });
  log.info(`listening on ${server.url}`, { data: settings.data, upstream: sourceNames(settings.upstream) });

  const closed = Promise.withResolvers<void>();
  async function end(): Promise<void> {
    await server.drain();
    await Promise.all([stash.settled(), ledger?.close()]);
    life.abort(new StoaError('draining', 'the server is shutting down'));
    await Promise.all([sources.close(), verifier.close(), catalog.close(), storage.close()]);
    await place.close();
  }
  // The first answers come before the client's library and the catalog are loaded, which takes the processors for a while.
  const loading = setTimeout(
    () =>
      Promise.all([sources.ready(), catalog.ready(), ledger?.ready()]).catch((error) =>
        end().then(() => closed.reject(error), closed.reject),
      ),
    100,
  );
  life.signal.addEventListener('abort', () => clearTimeout(loading), { once: true });
  return {
    address: server.url,
    closed: closed.promise,
    drain() {
      const ended = end();
      ended.then(closed.resolve, closed.reject);
      return ended;
    },
  };
}

/** Beside a store that ends with the process, the catalog ends with it too. */
async function catalogPlace({ storage, data, catalog }: Settings) {
  const temporary = storage.type === 'memory' ? await openOwnFolder({ name: 'catalog' }) : undefined;
  const folder = temporary?.path ?? data;
  return {
    file: catalogFile({ catalog, data: folder }),
    outbox: join(folder, 'outbox'),
    close: async () => temporary?.close(),
  };
}

async function serverSettings(settings: Settings): Promise<ServerSettings> {
  const { http, tls, host, port, socket, metrics } = settings;
  const address = host === '' ? { port } : { host, port };
  return {
    listen: socket === undefined ? address : { socket },
    ...(tls.certFile !== undefined &&
      tls.keyFile !== undefined && {
        tls: { certFile: tls.certFile, keyFile: tls.keyFile, checkMs: 10_000 },
      }),
    prefix: http.pathPrefix,
    limits: {
      maxUrlLength: http.maxUrlBytes,
      maxHeaderBytes: 16 * 1024,
      headerMs: http.headerTimeoutMs,
      idleMs: http.idleTimeoutMs,
      maxConnections: http.maxConnections,
      maxRequestsPerConnection: 256,
    },
    trustedProxies: http.trustedProxies,
    showsMetrics: metrics.enabled,
    drain: { lingerMs: settings.drainDelayMs, timeoutMs: settings.drainTimeoutMs },
    home: {
      noSumPatterns: [...settings.private, ...settings.noSumdb].join(','),
      ...(http.homeTemplateFile !== undefined && { template: await readFile(http.homeTemplateFile, 'utf8') }),
    },
    ...(http.robotsFile !== undefined && { robots: await readFile(http.robotsFile, 'utf8') }),
  };
}

/** Readable is ready; what cannot be written, or is not verified, is told and does not end the service of hits. */
async function health(
  {
    store,
    hasCopies,
    writes,
    catalog,
    openness,
  }: {
    readonly store: BlobStore;
    /** There are local copies, which are served while the store cannot be read. */
    readonly hasCopies: boolean;
    readonly writes: WriteWatch;
    readonly catalog: ServerCatalog;
    readonly openness: string | undefined;
  },
  signal: AbortSignal,
): Promise<{ ready: boolean; text: string }> {
  try {
    await store.stat('fresh/@probe', { signal: hasCopies ? patient(signal) : signal });
  } catch (error) {
    const text = `storage cannot be read: ${(error as Error).message}`;
    return hasCopies ? { ready: true, text: `degraded: ${text}` } : { ready: false, text };
  }
  const trouble = await writes.trouble(signal);
  const told = [
    ...(trouble === undefined ? [] : [`storage cannot be written: ${trouble}`]),
    ...(catalog.trouble === undefined ? [] : [`the catalog does not follow: ${catalog.trouble}`]),
    ...(openness === undefined ? [] : [openness]),
  ];
  return { ready: true, text: told.length === 0 ? 'ok' : `degraded: ${told.join('; ')}` };
}

/** Who asks whether the server is ready does not wait for a remote that does not answer. */
function patient(signal: AbortSignal): AbortSignal {
  return AbortSignal.any([signal, AbortSignal.timeout(patienceMs)]);
}

function laneLimits({ fetch }: Settings): Parameters<typeof createGate>[0] {
  const shared = { queued: fetch.queueLength, waitMs: fetch.queueWaitMs };
  return { zip: { running: fetch.zipsPerHost, ...shared }, file: { running: fetch.filesPerHost, ...shared } };
}

function stashLimits({ cache, fetch }: Settings) {
  return {
    memoryBytes: cache.memoryBytes,
    memoryFileBytes: cache.memoryFileBytes,
    maxZipBytes: fetch.maxZipBytes,
    maxModBytes: fetch.maxModBytes,
    downloadMs: fetch.timeoutMs,
    questionMs: fetch.questionTimeoutMs,
    refusedMs: 60_000,
  };
}

function freshnessOf({ fresh }: Settings) {
  const { answerMs, absenceMs, revalidateMs, patienceMs } = fresh;
  return { freshMs: answerMs, absentMs: absenceMs, revalidateMs, patienceMs, coolMs: 5000 };
}

function sourceNames(entries: readonly RouteEntry[]): string {
  return entries.map((entry) => (entry.kind === 'upstream' ? entry.url : entry.kind)).join(', ');
}

/** Does something again and again, one after the other, until the signal; a failure is logged when it begins. */
function repeat(
  everyMs: number,
  signal: AbortSignal,
  log: Log,
  complaint: string,
  work: (signal: AbortSignal) => Promise<void>,
): void {
  let failing = false;
  const timer = setTimeout(async function next() {
    try {
      await work(signal);
      failing = false;
    } catch (error) {
      if (!failing && !signal.aborted) log.error(complaint, { error });
      failing = true;
    }
    if (!signal.aborted) timer.refresh();
  }, everyMs);
  timer.unref();
  signal.addEventListener('abort', () => clearTimeout(timer), { once: true });
}
