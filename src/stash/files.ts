import { hash } from 'node:crypto';
import { isStoaError, StoaError } from '../errors.ts';
import type { Fetcher } from '../fetch/fetcher.ts';
import { hash1, hashGoMod } from '../module/dirhash.ts';
import { formatKey } from '../module/target.ts';
import { formatModuleVersion, type ModuleVersion } from '../module/version.ts';
import type { BlobStore } from '../storage/store.ts';
import { createCollector } from './collect.ts';
import { createFlights } from './flight.ts';
import type { Fresh } from './fresh.ts';
import type { Ask, Opened } from './modules.ts';
import { commitOf, type Pins } from './pins.ts';
import { type Publisher, readWhole } from './publish.ts';
import type { Tier } from './tier.ts';

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
  readonly memory: Tier<Opened>;
  readonly maxBytes: number;
  readonly deadlineMs: number;
  readonly life: AbortSignal;
}): Files {
  const { store, fetcher, fresh, publisher, pins, memory, life } = options;
  const flights = createFlights<undefined, Opened>({ deadlineMs: options.deadlineMs, life });

  function keep(key: string, file: 'info' | 'mod', bytes: Uint8Array, source?: string): Opened {
    const opened = inMemory(bytes, etagOf(file, bytes));
    memory.set(key, opened, bytes.length);
    return source === undefined ? opened : { ...opened, outcome: 'miss', source };
  }

  async function fetchAndPublish(
    version: ModuleVersion,
    file: 'info' | 'mod',
    key: string,
    via: string | undefined,
    signal: AbortSignal,
  ): Promise<Opened> {
    const collected = createCollector(formatModuleVersion(version), options.maxBytes);
    if (file === 'mod') {
      const { source } = await pins.fetch(version, file, collected, { signal, via });
      return keep(key, file, await publisher.small(version, file, collected.bytes(), signal), source);
    }
    const { source, info } = await fetcher.fetch(version, file, {}, collected, signal, via);
    const commit = info && commitOf(info);
    return keep(key, file, await pins.publishInfo(version, collected.bytes(), commit, signal), source);
  }

  return {
    async open(version, file, ask) {
      const key = formatKey(version.path, version.version, file);
      // Beside the look into storage, not after it: a first request waits for both.
      const recalled = recallAbsence(fresh, key, ask);
      recalled.catch(() => undefined);
      const stored = await readWhole(store, key, ask.signal);
      if (stored !== undefined) return keep(key, file, stored);
      const fetch = (): Promise<Opened> =>
        flights.wait(
          key,
          ask.signal,
          () => undefined,
          (_, signal) => fetchAndPublish(version, file, key, ask.via, signal),
        );
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
