import type { Recorder } from '../catalog/recorder.ts';
import type { StoaError } from '../errors.ts';
import type { Fetcher, ModuleFile } from '../fetch/fetcher.ts';
import type { Turns } from '../fetch/turns.ts';
import { isSemver } from '../module/semver.ts';
import { formatKey } from '../module/target.ts';
import type { ModuleVersion } from '../module/version.ts';
import type { Log } from '../observe/log.ts';
import type { PoolGate } from '../storage/pool-gate.ts';
import type { BlobStore } from '../storage/store.ts';
import { createAcceptance } from './acceptance.ts';
import { createBehind } from './behind.ts';
import { createBelow } from './below.ts';
import { createDownloads } from './downloads.ts';
import { createFacts } from './fact.ts';
import { createFiles, withAbsence } from './files.ts';
import { createFresh, type Freshness } from './fresh.ts';
import { createGone } from './gone.ts';
import { createLists } from './lists.ts';
import type { Ask, MaybeKeyed, Modules, Opened, Ready } from './modules.ts';
import { createPins } from './pins.ts';
import type { Proof } from './proof.ts';
import { createProveLater, type ProveLater } from './prove-later.ts';
import { createPublisher } from './publish.ts';
import { createQueries } from './queries.ts';
import { createStoredZips } from './stored-zips.ts';
import { createSumsOf, type SumsOf } from './sums.ts';
import { createTier } from './tier.ts';
import type { Verifier } from './verifier.ts';
import { createWithdrawal } from './withdrawal.ts';

/** The stash: look, else fetch once, verify, publish. */
export interface Stash extends Modules {
  /** The hashes of a version, for a checksum database of our own. */
  readonly sums: SumsOf;
  /** Does the jobs for what was stored unverified. */
  readonly proveLater: ProveLater;
  /** Reads what other processes withdrew, once; the server calls it at the start and every few seconds. */
  readTombstones(signal: AbortSignal): Promise<void>;
  /** First downloads of zips under way. */
  readonly downloads: number;
  /** What the memory tier holds. */
  readonly memory: { readonly bytes: number; readonly entries: number };
  /** Fulfilled when the answers that are written behind are in storage. */
  settled(): Promise<void>;
}

export interface StashOptions {
  readonly store: BlobStore;
  readonly fetcher: Fetcher;
  readonly proof: Proof;
  readonly verifier: Verifier;
  readonly pool: PoolGate;
  readonly turns: Turns;
  readonly log: Log;
  readonly recorder: Recorder;
  /** A path for a new file of a download under way; in the file system of a store on disk. */
  readonly scratch: () => string;
  readonly limits: StashLimits;
  readonly freshness: Freshness;
  /** Aborted when the server ends; stops every shared piece of work. */
  readonly life: AbortSignal;
  /** Told of a download that could not be written. */
  readonly writeFailed?: (error: StoaError) => void;
  /**
   * Told of a version whose files are about to be published although its checksum database could not be asked, and why. The
   * publish waits for what it does.
   */
  readonly unproved?: (version: ModuleVersion, file: 'mod' | 'zip', why: string) => Promise<void>;
  /** Told of each version that was stored, with the size of its zip. */
  readonly zipStored?: (bytes: number) => void;
  /** Told of each version that was withdrawn, here or by another process. */
  readonly withdrawn?: (version: ModuleVersion) => void;
  readonly now?: () => number;
}

export interface StashLimits {
  /** The budget of the memory tier. */
  readonly memoryBytes: number;
  /** The largest zip that is kept in memory. */
  readonly memoryFileBytes: number;
  readonly maxZipBytes: number;
  readonly maxModBytes: number;
  /** Milliseconds after which a shared download ends. */
  readonly downloadMs: number;
  /** Milliseconds after which a shared question for a small file, a list or a branch ends. */
  readonly questionMs: number;
  /** Milliseconds for which an integrity verdict is repeated without fetching again. */
  readonly refusedMs: number;
}

/** The part of the memory budget that lists, queries and facts may take, each. */
const shareOfMemory = 1 / 16;

export function createStash(options: StashOptions): Stash {
  const {
    store,
    fetcher,
    proof,
    verifier,
    pool,
    turns,
    log,
    recorder,
    scratch,
    limits,
    freshness,
    life,
    now = Date.now,
  } = options;
  const share = limits.memoryBytes * shareOfMemory;
  const memory = createTier<Opened>(limits.memoryBytes);
  const gone = createGone({ store, log, drop });
  const withdrawal = createWithdrawal({ store, gone, proof, recorder, log, now });
  const publisher = createPublisher({
    store,
    recorder,
    hashStored: (version, signal) => storedZips.hash(version, signal),
  });
  const storedZips = createStoredZips({
    store,
    publisher,
    proof,
    withdrawal,
    verifier,
    recorder,
    memory,
    scratch,
    pool,
    memoryFileBytes: limits.memoryFileBytes,
    deadlineMs: limits.downloadMs,
    life,
    now,
  });
  const behind = createBehind({ store, life, log });
  const facts = createFacts({ store, maxBytes: share, behind, life });
  const fresh = createFresh({ facts, freshness, deadlineMs: limits.questionMs, life, now });
  const pins = createPins({
    fetcher,
    publish: (version, info, signal) => publisher.small(version, 'info', info, signal),
    standingInfo: (version, signal) => files.standingInfo(version, signal),
    recorder,
    log,
    memoryBytes: share,
    maxModBytes: limits.maxModBytes,
  });
  const files = createFiles({
    store,
    fetcher,
    fresh,
    publisher,
    pins,
    proof,
    withdrawal,
    recorder,
    memory,
    unproved,
    maxBytes: limits.maxModBytes,
    deadlineMs: limits.questionMs,
    life,
  });
  const downloads = createDownloads({
    acceptance: createAcceptance({ publisher, pins, proof, withdrawal, recorder, readFile }),
    publisher,
    verifier,
    pool,
    turns,
    scratch,
    maxBytes: limits.maxZipBytes,
    memoryFileBytes: limits.memoryFileBytes,
    deadlineMs: limits.downloadMs,
    refusedMs: limits.refusedMs,
    life,
    now,
    writeFailed: (error) => options.writeFailed?.(error),
    unproved,
    published(version) {
      options.zipStored?.(version.size);
      return recorder.published(version);
    },
    async stored(version, h1, { vouched }) {
      lists.changed(version.path);
      await storedZips.trust(version, { h1, isVerified: vouched?.isPublic === true });
    },
  });
  const lists = createLists({
    store,
    fetcher,
    fresh,
    gone,
    pins,
    behind,
    life,
    freshMs: freshness.freshMs,
    memoryBytes: share,
    now,
  });
  const below = createBelow({ store, lists });
  const queries = createQueries({
    fetcher,
    fresh,
    lists,
    checkGone: gone.check,
    pins,
    proof,
    recorder,
    readFile,
    freshMs: freshness.freshMs,
    memoryBytes: share,
    now,
  });

  async function unproved(version: ModuleVersion, file: 'mod' | 'zip', why: string): Promise<void> {
    await options.unproved?.(version, file, why);
  }

  function drop({ path, version }: ModuleVersion): void {
    pins.forget({ path, version });
    for (const file of ['info', 'mod', 'zip'] as const) memory.delete(formatKey(path, version, file));
    lists.changed(path);
    queries.forget(path);
    options.withdrawn?.({ path, version });
  }

  async function readFile(version: ModuleVersion, file: 'info' | 'mod', ask: Ask): Promise<string> {
    const opened = await open(version, file, ask);
    return Buffer.from(opened.bytes!).toString();
  }

  async function openZip(version: ModuleVersion, key: string, ask: Ask): Promise<Opened> {
    const stored = await storedZips.open(version, ask);
    if (stored !== undefined) return stored;
    const fetched = await withAbsence(fresh, key, ask, () => downloads.open(version, ask));
    if (typeof fetched !== 'string') return fetched;
    const opened = await storedZips.open(version, ask);
    return { ...opened!, outcome: 'miss', source: fetched };
  }

  async function openSlowly(
    version: ModuleVersion,
    file: ModuleFile,
    key: string,
    ask: Ask,
  ): Promise<Opened> {
    gone.check(version);
    if (file === 'zip') return openZip(version, key, ask);
    if (file === 'mod') return files.open(version, file, ask);
    return below.guard(version.path, version.version, ask.signal, () => files.open(version, file, ask));
  }

  function open({ path, version, key: known }: MaybeKeyed, file: ModuleFile, ask: Ask): Ready<Opened> {
    const key = known?.endsWith(file) === true ? known : formatKey(path, version, file);
    return memory.get(key) ?? openSlowly({ path, version }, file, key, ask);
  }

  return {
    list(path, ask) {
      const answer = lists.answer(path, ask);
      return answer instanceof Promise ? below.guard(path, undefined, ask.signal, () => answer) : answer;
    },
    query(path, query, ask) {
      const answer = queries.answer(path, query, ask);
      // Of the words only a version ends a build: go takes the failure of a branch for an invalid version.
      return answer instanceof Promise && isSemver(query)
        ? below.guard(path, query, ask.signal, () => answer)
        : answer;
    },
    open,
    sums: createSumsOf({ proof, publisher, open: async (...asked) => open(...asked) }),
    proveLater: createProveLater({
      store,
      proof,
      publisher,
      hashStored: storedZips.hash,
      withdrawal,
      recorder,
    }),
    readTombstones: (signal) => gone.refresh(signal),
    get downloads() {
      return downloads.running;
    },
    memory,
    settled: () => behind.settled(),
  };
}
