import { hash } from 'node:crypto';
import type { Recorder } from '../catalog/recorder.ts';
import { isStoaError, StoaError } from '../errors.ts';
import type { Fetched, Fetcher } from '../fetch/fetcher.ts';
import { hash1, hashGoMod } from '../module/dirhash.ts';
import { isPseudoVersion } from '../module/pseudo.ts';
import { formatKey } from '../module/target.ts';
import { formatModuleVersion, type ModuleVersion } from '../module/version.ts';
import type { BlobStore } from '../storage/store.ts';
import { createShare } from '../work/share.ts';
import { createCollector } from './collect.ts';
import type { Fresh } from './fresh.ts';
import type { Ask, Opened } from './modules.ts';
import { type Asking, commitOf, type Pins } from './pins.ts';
import { checkVouched, type Proof, type Vouched, type Word } from './proof.ts';
import { type Publisher, readWhole } from './publish.ts';
import { firstAccepted } from './refusals.ts';
import type { Tier } from './tier.ts';
import type { Withdrawal } from './withdrawal.ts';

/** The `.info` and `.mod` files, which fit in memory. */
export interface Files {
  /** The file from storage, else fetched and published. */
  open(version: ModuleVersion, file: 'info' | 'mod', ask: Ask): Promise<Opened>;
  /** The bytes of an `.info` that is stored. */
  standingInfo(version: ModuleVersion, signal: AbortSignal): Promise<Uint8Array | undefined>;
}

export function createFiles(options: {
  readonly store: BlobStore;
  readonly fetcher: Fetcher;
  readonly fresh: Fresh;
  readonly publisher: Publisher;
  readonly pins: Pins;
  readonly proof: Proof;
  readonly withdrawal: Withdrawal;
  readonly recorder: Recorder;
  readonly memory: Tier<Opened>;
  /** Called before a `.mod` is published that is to be verified later, with the reason. */
  readonly unproved: (version: ModuleVersion, file: 'mod', why: string) => Promise<void>;
  readonly maxBytes: number;
  readonly deadlineMs: number;
  readonly life: AbortSignal;
}): Files {
  const { store, fetcher, fresh, publisher, pins, proof, withdrawal, recorder, memory, life } = options;
  const share = createShare<Opened>({ deadlineMs: options.deadlineMs, life });

  function keep(key: string, file: 'info' | 'mod', bytes: Uint8Array, isVerified: boolean): Opened {
    const opened = { ...inMemory(bytes, etagOf(file, bytes)), isVerified };
    memory.set(key, opened, bytes.length);
    return opened;
  }

  /** A go.mod that stands must be the one that is vouched for; what was published before the database was asked may not be. */
  async function checkStanding(
    version: ModuleVersion,
    mod: Uint8Array,
    vouched: Vouched | undefined,
    signal: AbortSignal,
  ): Promise<void> {
    const h1 = hashGoMod(mod);
    if (vouched !== undefined && h1 !== vouched.sums.mod)
      await withdrawal.contradicted(version, 'mod', h1, vouched, signal);
  }

  async function fetchMod(version: ModuleVersion, key: string, asking: Asking): Promise<Opened> {
    const { signal } = asking;
    const collected = createCollector(formatModuleVersion(version), options.maxBytes);
    // Beside the download, and heard after it: that the source has no such version says more than what others know of it.
    const asked = proof.ask(version, asking);
    asked.catch(() => undefined);
    const { source, word } = await firstAccepted({
      version,
      refused: [],
      fetch: async (not) => ({
        ...(await pins.fetch(version, 'mod', collected, { ...asking, not })),
        word: await asked,
      }),
      async accept(fetched) {
        const h1 = hashGoMod(collected.bytes());
        checkVouched(version, 'mod', { h1, source: fetched.source }, fetched.word, recorder);
        return fetched;
      },
    });
    if (word.later !== undefined) await options.unproved(version, 'mod', word.later);
    const standing = await publisher.small(version, 'mod', collected.bytes(), signal);
    await checkStanding(version, standing, word.vouched, signal);
    return { ...keep(key, 'mod', standing, word.vouched?.isPublic === true), outcome: 'miss', source };
  }

  async function fetchInfo(version: ModuleVersion, key: string, asking: Asking): Promise<Opened> {
    const { signal, via } = asking;
    const collected = createCollector(formatModuleVersion(version), options.maxBytes);
    const { source, info, isVerified } = await firstAccepted({
      version,
      refused: [],
      async fetch(not) {
        const fetched = await fetcher.fetch(version, 'info', { not }, collected, signal, via);
        return { ...fetched, word: await wordOnCommit(version, fetched, asking) };
      },
      async accept({ source, info, goMod, word }) {
        if (goMod !== undefined)
          checkVouched(version, 'mod', { h1: hashGoMod(goMod), source }, word, recorder);
        return { source, info, isVerified: word.vouched?.isPublic === true };
      },
    });
    const bytes = await pins.publishInfo(version, collected.bytes(), info && commitOf(info), signal);
    return { ...keep(key, 'info', bytes, isVerified), outcome: 'miss', source };
  }

  /**
   * What is known of the commit that a tag leads to: its `.info` pins it for good, so that it must not be one that the world does
   * not know by that version. A pseudo-version names its commit itself.
   */
  async function wordOnCommit(version: ModuleVersion, { goMod }: Fetched, asking: Asking): Promise<Word> {
    if (goMod !== undefined && !isPseudoVersion(version.version)) return proof.ask(version, asking);
    const vouched = await proof.recall(version, asking.signal);
    return vouched === undefined ? {} : { vouched };
  }

  return {
    async open(version, file, ask) {
      const key = formatKey(version.path, version.version, file);
      // Beside the look into storage, not after it: a first request waits for both.
      const recalled = recallAbsence(fresh, key, ask);
      recalled.catch(() => undefined);
      const stored = await readWhole(store, key, ask.signal);
      if (stored !== undefined) {
        const vouched = await proof.recall(version, ask.signal);
        if (file === 'mod') await checkStanding(version, stored, vouched, ask.signal);
        return keep(key, file, stored, vouched?.isPublic === true);
      }
      const fetchNow = file === 'mod' ? fetchMod : fetchInfo;
      const fetch = (): Promise<Opened> =>
        share(key, ask.signal, (signal) => fetchNow(version, key, { signal, via: ask.via }));
      return withAbsence(fresh, key, ask, fetch, recalled);
    },
    async standingInfo({ path, version }, signal) {
      const key = formatKey(path, version, 'info');
      return memory.get(key)?.bytes ?? readWhole(store, key, signal);
    },
  };
}

/**
 * Runs a fetch of a canonical version's file unless its source said lately that there is none, and remembers
 * when it says so now. While the source is down, an absence that it once stated stays one: the go command probes
 * the paths below a module, and a failure there would end a build. `recalled` is what is remembered, where the caller looked already.
 */
export async function withAbsence<T>(
  fresh: Fresh,
  fileKey: string,
  ask: Ask,
  fetch: () => Promise<T>,
  recalled: Promise<void> = recallAbsence(fresh, fileKey, ask),
): Promise<T> {
  const key = absentKey(fileKey);
  await recalled;
  if (ask.cachedOnly === true)
    throw new StoaError('notFound', `${fileKey}: not kept here, and the request forbids to fetch it`);
  try {
    return await fetch();
  } catch (error) {
    if (isStoaError(error, 'notFound')) fresh.keepAbsence(key, error);
    else if (isStoaError(error, 'upstream') || isStoaError(error, 'timeout'))
      await fresh.recallAbsence(key, Number.POSITIVE_INFINITY);
    throw error;
  }
}

/** Throws `notFound` when the source said so lately, or ever where it must not be asked. */
function recallAbsence(fresh: Fresh, fileKey: string, ask: Ask): Promise<void> {
  return fresh.recallAbsence(
    absentKey(fileKey),
    ask.cachedOnly === true ? Number.POSITIVE_INFINITY : undefined,
  );
}

function absentKey(fileKey: string): string {
  return fileKey.replace('/@v/', '/@absent/');
}

/** A file that is wholly in memory: one object for all who ask. */
export function inMemory(bytes: Uint8Array, etag: string): Opened {
  return {
    outcome: 'hit',
    size: bytes.length,
    etag,
    stored: true,
    bytes,
    async *read({ start, end }) {
      yield bytes.subarray(start, end);
    },
    close: async () => undefined,
  };
}

function etagOf(file: 'info' | 'mod', bytes: Uint8Array): string {
  const h1 =
    file === 'mod' ? hashGoMod(bytes) : hash1([{ name: 'info', sha256: hash('sha256', bytes, 'buffer') }]);
  return `"${h1}-${bytes.length}"`;
}
