/** The store that the settings choose, put together. */
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Settings } from '../config/schema.ts';
import { formatKey } from '../module/target.ts';
import type { ModuleVersion } from '../module/version.ts';
import { createProxyChoice } from '../net/proxy-env.ts';
import { createTrust } from '../net/trust.ts';
import type { Log } from '../observe/log.ts';
import { readOutside } from '../sources/outside.ts';
import { checked } from '../storage/checked.ts';
import { openDiskStore } from '../storage/disk.ts';
import { type DiskCache, openDiskCache } from '../storage/disk-cache.ts';
import { createMemoryStore } from '../storage/memory.ts';
import { createPoolGate, type PoolGate } from '../storage/pool-gate.ts';
import type { S3Store } from '../storage/s3.ts';
import type { BlobStore } from '../storage/store.ts';
import { openTempFolder } from '../storage/temp-folder.ts';
import { createTieredStore } from '../storage/tiered.ts';

/** A store that is open. */
export interface OpenStore {
  /** Not inside `checked` yet. */
  readonly store: BlobStore;
  /** A path for a new file of a download under way: where a store that takes files takes it by a link. */
  readonly scratch: () => string;
  /** The local copies before a remote store, where there are any: hits go on while the remote is down. */
  readonly cache?: Pick<DiskCache, 'bytes' | 'entries'>;
  /** Drops the local copies of a version that was withdrawn. */
  forget(version: ModuleVersion): Promise<void>;
  /** Waits for the copies that are being made, and lets go of connections. */
  close(): Promise<void>;
}

export interface StoreParts {
  readonly pool: PoolGate;
  readonly log: Log;
  readonly life: AbortSignal;
}

/** Opens it. Throws `config` or `storage`, with one sentence, where it cannot be used. */
export async function openStore(settings: Settings, parts: StoreParts): Promise<OpenStore> {
  const { storage, data } = settings;
  const local = { forget: async () => undefined, close: async () => undefined };
  switch (storage.type) {
    case 'memory': {
      const { path } = await openTempFolder({ folder: join(tmpdir(), 'stoa-downloads') });
      return { store: createMemoryStore({ maxBytes: storage.maxMemoryBytes }), scratch: path, ...local };
    }
    case 'disk': {
      const root = join(data, 'store');
      const store = await openDiskStore({ root, gate: parts.pool });
      // The store's own folder for unfinished files.
      const { path } = await openTempFolder({ folder: join(root, '.tmp') });
      return { store, scratch: path, ...local };
    }
    case 's3': {
      const s3 = await openS3(settings, parts.pool);
      sweep(s3, parts);
      if (storage.cacheBytes > 0) return openBehindCache(settings, s3, parts);
      const { path } = await openTempFolder({ folder: join(data, 'downloads') });
      return { store: s3.store, scratch: path, forget: local.forget, close: async () => s3.close() };
    }
  }
}

/** The same inside `checked`, for a command that needs nothing else of a server. The caller closes it. */
export async function openStoreAlone(
  settings: Settings,
  log: Log,
): Promise<{ readonly store: BlobStore; close(): Promise<void> }> {
  const life = new AbortController();
  const opened = await openStore(settings, { pool: createPoolGate(), log, life: life.signal });
  return {
    store: checked(opened.store),
    close() {
      life.abort();
      return opened.close();
    },
  };
}

/** The SDK is loaded only here: it takes a fifth of a second, and memory. */
async function openS3(settings: Settings, pool: PoolGate): Promise<S3Store> {
  const { createS3Store } = await import('../storage/s3.ts');
  const { bucket, prefix, endpoint, region, pathStyle, createBucket, connections, timeoutMs } = settings.s3;
  const { accessKeyId, secretAccessKey, sessionToken } = settings.s3;
  const outside = await readOutside(settings);
  const url = endpoint ?? `https://s3.${region || 'us-east-1'}.amazonaws.com`;
  const proxy = createProxyChoice(outside.proxy).proxyFor(new URL(url));
  const s3 = createS3Store({
    bucket,
    prefix,
    pathStyle: pathStyle ?? endpoint !== undefined,
    createBucket,
    connections,
    timeoutMs,
    gate: pool,
    trust: createTrust(outside.extraCa),
    ...(endpoint !== undefined && { endpoint }),
    ...(region !== '' && { region }),
    ...(proxy !== undefined && { proxy }),
    ...(accessKeyId !== '' && {
      credentials: { accessKeyId, secretAccessKey, ...(sessionToken !== '' && { sessionToken }) },
    }),
  });
  try {
    await s3.prove();
  } catch (error) {
    s3.close();
    throw error;
  }
  return s3;
}

async function openBehindCache(
  { data, storage }: Settings,
  s3: S3Store,
  { pool, log, life }: StoreParts,
): Promise<OpenStore> {
  const cache = await openDiskCache({
    folder: join(data, 'cache'),
    maxBytes: storage.cacheBytes,
    gate: pool,
  });
  cache.loaded.catch((error: unknown) => log.warn('the cache cannot be used', { reason: String(error) }));
  const tiered = createTieredStore({ remote: s3.store, cache, gate: pool, life });
  return {
    store: tiered.store,
    scratch: cache.temp,
    cache,
    forget: ({ path, version }) =>
      tiered.forget(
        (['info', 'mod', 'zip', 'ziphash'] as const).map((file) => formatKey(path, version, file)),
      ),
    async close() {
      await tiered.settled();
      s3.close();
    },
  };
}

function sweep(s3: S3Store, { log, life }: StoreParts): void {
  s3.sweep(life).catch((error: unknown) => {
    if (life.aborted) return;
    log.warn('uploads that killed processes left in the bucket could not be looked for', {
      reason: (error as Error).message,
    });
  });
}
