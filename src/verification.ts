/** What `stoa verify` works with: the store and the checksum databases of the settings, without a server. */
import { randomUUID } from 'node:crypto';
import { isAbsolute, join, relative } from 'node:path';
import { createOutbox } from './catalog/outbox.ts';
import { createRecorder } from './catalog/recorder.ts';
import { stoaVersion } from './cli/version.ts';
import type { Settings } from './config/schema.ts';
import { StoaError } from './errors.ts';
import { createGate } from './fetch/gate.ts';
import { createTurns } from './fetch/turns.ts';
import type { ModuleVersion } from './module/version.ts';
import type { HttpClient } from './net/client.ts';
import type { Log } from './observe/log.ts';
import { createMetrics } from './observe/metrics.ts';
import { openDatabases } from './sources/databases.ts';
import { openSources } from './sources/sources.ts';
import { createGone } from './stash/gone.ts';
import { inOrder } from './stash/in-order.ts';
import { createInspect, type Inspection } from './stash/inspect.ts';
import { createProof, giveUpSoon } from './stash/proof.ts';
import { createPurge } from './stash/purge.ts';
import { createVerifier } from './stash/verifier.ts';
import { placeOf, type WalkOptions, walkVersions } from './stash/walk.ts';
import { createWithdrawal } from './stash/withdrawal.ts';
import { checked } from './storage/checked.ts';
import { openDiskStore } from './storage/disk.ts';
import { createPoolGate, type PoolGate } from './storage/pool-gate.ts';
import { ownName, readProcesses } from './storage/processes.ts';
import type { BlobStore } from './storage/store.ts';
import { openStore } from './stores/open.ts';
import { createLedger } from './sumdb/ledger.ts';

/** Everything that is stored, read again. */
export interface Verification extends AsyncDisposable {
  /** Inspects the versions in the order of their keys, as many at once as there are workers. Throws `canceled` after an abort. */
  inspect(walk: WalkOptions): AsyncGenerator<Inspection>;
  /** The `after` with which a walk goes on behind a version. */
  placeOf(version: ModuleVersion): string;
  /** Takes away what was found to be wrong, into the backup folder; false where it is not there any more as it was found. */
  purge(found: Inspection): Promise<boolean>;
}

export interface VerificationOptions {
  /** Threads that hash. */
  readonly workers: number;
  /** No version is looked up that was not before. */
  readonly offline: boolean;
  /** Where purged files go; made when the first does. */
  readonly backup: string;
  readonly log: Log;
}

/** Versions under way, those that wait for a database among them; and those that wait for a large one before them. */
const bounds = { running: 32, ahead: 4096 };

/** Opens what the settings name. Throws `config` or `storage` where it cannot. */
export async function openVerification(
  settings: Settings,
  { workers, offline, backup: folder, log }: VerificationOptions,
): Promise<Verification> {
  if (settings.storage.type === 'memory')
    throw new StoaError(
      'config',
      'storage.type: what is in memory goes with its server, and cannot be verified',
    );
  checkOutside(folder, join(settings.data, 'store'));
  const pool = createPoolGate();
  const life = new AbortController();
  // Not through the local copies of a remote store: it is the store that is verified.
  const alone = { ...settings, storage: { ...settings.storage, cacheBytes: 0 } };
  const opened = await openStore(alone, { pool, log, life: life.signal });
  const { scratch } = opened;
  const store = checked(opened.store);
  const { databases, close } = await openAsked(settings, store, log, offline);
  const { recorder, closeRecorder } = await openRecorder(settings, pool);
  const ledger =
    settings.ledger.key &&
    createLedger({
      signer: settings.ledger.key,
      store,
      // What is not in it is held against nothing, and put into it by nobody here.
      proveLines: ({ path, version }) =>
        Promise.reject(new StoaError('notFound', `${path}@${version}: not logged`)),
      log,
      recorder,
      deadlineMs: settings.fetch.questionTimeoutMs,
      life: life.signal,
    });
  const proof = giveUpSoon(
    createProof({ databases, store, whenUnreachable: 'refuse', ...(ledger && { ownLog: ledger }) }),
  );
  const verifier = createVerifier({ threads: workers });
  const inspect = createInspect({
    store,
    proof,
    verifier,
    pool,
    scratch,
    isCovered: (path) => databases.choose(path) !== undefined,
    asks: !offline,
  });
  const gone = createGone({ store, log, drop: () => undefined });
  // What is taken away is in the report.
  const quiet = { ...log, error: () => undefined };
  const withdrawal = createWithdrawal({ store, gone, proof, recorder, log: quiet, now: Date.now });
  const purge = createPurge({ store, gone, withdrawal, recorder, now: Date.now });
  let backup: BlobStore | undefined;
  return {
    inspect: (walk) => inOrder(walkVersions(store, walk), (version) => inspect(version, walk.signal), bounds),
    placeOf,
    async purge(found) {
      backup ??= checked(await openDiskStore({ root: folder, gate: pool }));
      // Once begun, it is not left half done.
      return purge(found, backup, new AbortController().signal);
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([verifier.close(), close(), closeRecorder()]);
      life.abort();
      await opened.close();
    },
  };
}

/** The databases; with `offline` they answer from what is kept of them alone. */
async function openAsked(settings: Settings, store: BlobStore, log: Log, offline: boolean) {
  const lane = { running: bounds.running, queued: bounds.running, waitMs: settings.fetch.queueWaitMs };
  const version = stoaVersion();
  const parts = {
    gate: createGate({ zip: lane, file: lane }),
    metrics: createMetrics({ version }),
    log,
    instanceId: randomUUID(),
  };
  if (offline)
    return {
      databases: openDatabases(settings, { ...parts, client: noClient, store }),
      close: async () => undefined,
    };
  const sources = await openSources(settings, { ...parts, turns: createTurns(), version });
  return { databases: sources.databases(store), close: sources.close };
}

const noClient: HttpClient = {
  get: () =>
    Promise.reject(new StoaError('upstream', 'nothing is asked over the network, as --offline says')),
  close: async () => undefined,
};

/** What is taken away is told to the server that runs on the same data, or the next that does. */
async function openRecorder({ data }: Settings, gate: PoolGate) {
  const owner = ownName((await readProcesses()).self);
  const outbox = createOutbox({
    folder: join(data, 'outbox'),
    owner,
    gate,
    maxBytes: Number.POSITIVE_INFINITY,
    pending: () => 0,
    appended: () => undefined,
    lost: () => undefined,
  });
  const metrics = createMetrics({ version: stoaVersion() });
  const recorder = createRecorder({ append: outbox.append, owner, now: Date.now, metrics });
  return { recorder, closeRecorder: outbox.close };
}

/** A backup among the stored modules would be served. */
function checkOutside(backup: string, root: string): void {
  const way = relative(root, backup);
  if (way === '' || (!way.startsWith('..') && !isAbsolute(way)))
    throw new StoaError('config', `--backup: ${backup} is in the store`);
}
