import { type StoaError, toStoaError } from '../errors.ts';
import type { Fetcher } from '../fetch/fetcher.ts';
import { escapePath } from '../module/path.ts';
import { isPseudoVersion } from '../module/pseudo.ts';
import { sortVersions } from '../module/semver.ts';
import { parseKey } from '../module/target.ts';
import type { BlobStore } from '../storage/store.ts';
import type { Behind } from './behind.ts';
import type { Fresh, Known } from './fresh.ts';
import type { Gone } from './gone.ts';
import type { Answered, Ask, Ready } from './modules.ts';
import type { Pins } from './pins.ts';
import { createTier } from './tier.ts';

/** The lists of versions: what the source says together with what the house holds. */
export interface Lists {
  answer(path: string, ask: Ask): Ready<Answered>;
  /** The same, as versions in semver order. */
  versions(path: string, ask: Ask): Promise<readonly string[]>;
  /** All versions of which the zip is stored or was, in semver order: pseudo-versions too, withdrawn ones not. */
  stored(path: string, signal: AbortSignal): Promise<readonly string[]>;
  /** What is remembered of a module's list was overtaken by a publish or a withdrawal. Its `@v/list` for static serving is written anew. */
  changed(path: string): void;
}

/** A merged list is kept this long when the source's part is old anyway, so that a hot one is not merged for each request. */
const staleMemoMs = 1000;

export function createLists(options: {
  readonly store: BlobStore;
  readonly fetcher: Fetcher;
  readonly fresh: Fresh;
  readonly gone: Gone;
  readonly pins: Pins;
  readonly behind: Behind;
  readonly life: AbortSignal;
  readonly freshMs: number;
  readonly memoryBytes: number;
  readonly now: () => number;
}): Lists {
  const { store, fetcher, fresh, gone, behind, life, now } = options;
  const memos = createTier<{ readonly until: number; readonly answered: Answered }>(options.memoryBytes);

  async function stored(path: string, signal: AbortSignal): Promise<readonly string[]> {
    const versions = new Set<string>();
    for await (const key of store.list(`${escapePath(path)}/@v/`, { signal })) {
      const file = parseKey(key);
      if (file === undefined || (file.extension !== 'zip' && file.extension !== 'ziphash')) continue;
      if (!gone.has(file)) versions.add(file.version);
    }
    return sortVersions([...versions]);
  }

  /** What the source says, or why it says nothing although the house holds versions. */
  async function asked(path: string, ask: Ask): Promise<Known | StoaError> {
    const load = async (signal: AbortSignal) => {
      const { source, versions, incomplete, commits } = await fetcher.list(path, signal, ask.via);
      if (commits !== undefined)
        behind.run(`${escapePath(path)}/@tags`, async () =>
          options.pins.check(path, await stored(path, life), commits, life),
        );
      return { source, text: versions.join('\n'), ...(incomplete !== undefined && { incomplete }) };
    };
    try {
      return await fresh.ask(`${escapePath(path)}/@list`, load, ask);
    } catch (error) {
      const failure = toStoaError(error);
      // Our own failure says nothing about the source: what is stored must not pass for all there is.
      if (['canceled', 'internal', 'storage'].includes(failure.kind)) throw failure;
      return failure;
    }
  }

  async function merged(
    path: string,
    ask: Ask,
  ): Promise<{ versions: readonly string[]; known: Known | StoaError }> {
    const [known, ours] = await Promise.all([asked(path, ask), stored(path, ask.signal)]);
    // A repository that vanished, or a source that is down, takes nothing away that the house holds.
    if (known instanceof Error && ours.length === 0) throw known;
    const theirs = known instanceof Error || known.fact.text === '' ? [] : known.fact.text.split('\n');
    const all = new Set(theirs.filter((version) => !gone.has({ path, version })));
    for (const version of ours) if (!isPseudoVersion(version)) all.add(version);
    return { versions: sortVersions([...all]), known };
  }

  async function answer(path: string, ask: Ask): Promise<Answered> {
    const { versions, known } = await merged(path, ask);
    const bytes = format(versions);
    const answered = describe(bytes, known, now());
    const until =
      answered.outcome === 'stale' || known instanceof Error
        ? now() + staleMemoMs
        : known.fact.at + options.freshMs;
    if (ask.cachedOnly !== true)
      memos.set(
        path,
        { until, answered: { ...answered, outcome: answered.outcome === 'stale' ? 'stale' : 'hit' } },
        bytes.length,
      );
    return answered;
  }

  return {
    answer(path, ask) {
      const memo = memos.get(path);
      return memo !== undefined && now() < memo.until ? memo.answered : answer(path, ask);
    },
    versions: async (path, ask) => (await merged(path, ask)).versions,
    stored,
    changed(path) {
      memos.delete(path);
      behind.write(`${escapePath(path)}/@v/list`, async () => {
        const versions = await stored(path, life);
        return format(versions.filter((version) => !isPseudoVersion(version)));
      });
    },
  };
}

function format(versions: readonly string[]): Buffer {
  return Buffer.from(versions.map((version) => `${version}\n`).join(''));
}

function describe(bytes: Uint8Array, known: Known | StoaError, now: number): Answered {
  if (known instanceof Error) {
    if (known.kind === 'notFound') return { bytes, ageSeconds: 0, outcome: 'hit' };
    return { bytes, ageSeconds: 0, outcome: 'stale', caveat: known.message };
  }
  return {
    bytes,
    ageSeconds: Math.max(0, Math.floor((now - known.fact.at) / 1000)),
    outcome: known.outcome,
    source: known.fact.source,
    ...(known.caveat !== undefined && { caveat: known.caveat }),
  };
}
