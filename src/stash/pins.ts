import type { Recorder } from '../catalog/recorder.ts';
import { StoaError } from '../errors.ts';
import type { Fetched, Fetcher, Spool } from '../fetch/fetcher.ts';
import { formatModuleVersion, type ModuleVersion } from '../module/version.ts';
import type { Log } from '../observe/log.ts';
import { createCollector } from './collect.ts';
import { createTier } from './tier.ts';

/**
 * The commits of versions, as the `.info` that stands names them: from that commit every replica takes `.mod` and zip,
 * wherever the tag leads by now. A source that reads repositories agrees with it or is asked again for it; of others
 * nothing is known, and what they send is held against what stands by its content alone.
 */
export interface Pins {
  /**
   * Fetches a file at the pinned commit. Where none is pinned yet, the `.info` of the commit that was read is published before
   * this is fulfilled; when another's stands by then, the file is fetched again, of its commit.
   */
  fetch(version: ModuleVersion, file: 'mod' | 'zip', spool: Spool, asking: Asking): Promise<FetchedFile>;
  /** The go.mod of the pinned commit, from the repository; undefined where another source answers. */
  readMod(version: ModuleVersion, asking: Asking): Promise<Buffer | undefined>;
  /** Publishes the `.info` a source gave, of `commit` where it reads repositories, and gives the bytes that stand. */
  publishInfo(
    version: ModuleVersion,
    bytes: Uint8Array,
    commit: string | undefined,
    signal: AbortSignal,
  ): Promise<Uint8Array>;
  /** Looks for stored versions among those of a list whose tags now lead elsewhere. Of many, some are looked at each time. */
  check(
    path: string,
    stored: readonly string[],
    commits: ReadonlyMap<string, string>,
    signal: AbortSignal,
  ): Promise<void>;
  /** A version was withdrawn: its files may come again, of another commit. */
  forget(version: ModuleVersion): void;
}

/** How a source is asked. */
export interface Asking {
  readonly signal: AbortSignal;
  readonly via?: string | undefined;
  /** Sources that are passed over. */
  readonly not?: readonly string[];
}

/** Where a file came from, and from sources that read repositories of which pinned commit. */
export interface FetchedFile {
  readonly source: string;
  readonly commit?: string;
}

/** `.info` files that one check of a list reads at most; what they pin is remembered, so that the next reads others. */
const readsPerCheck = 32;

/** `publish` gives the bytes that stand, `standingInfo` those of a stored `.info`; pins in memory take up to `memoryBytes`. */
export function createPins(options: {
  readonly fetcher: Fetcher;
  readonly publish: (version: ModuleVersion, info: Uint8Array, signal: AbortSignal) => Promise<Uint8Array>;
  readonly standingInfo: (version: ModuleVersion, signal: AbortSignal) => Promise<Uint8Array | undefined>;
  readonly recorder: Recorder;
  readonly log: Log;
  readonly memoryBytes: number;
  readonly maxModBytes: number;
}): Pins {
  const { fetcher, recorder, log } = options;
  const pinned = createTier<string>(options.memoryBytes);
  // What was told of a version once needs not be told with every request.
  const told = createTier<string>(1024 * 1024);

  function remember(version: ModuleVersion, info: Uint8Array): string | undefined {
    const commit = commitOf(info);
    if (commit !== undefined) pinned.set(formatModuleVersion(version), commit, commit.length);
    return commit;
  }

  async function known(version: ModuleVersion, signal: AbortSignal): Promise<string | undefined> {
    const commit = pinned.get(formatModuleVersion(version));
    if (commit !== undefined) return commit;
    const info = await options.standingInfo(version, signal);
    return info && remember(version, info);
  }

  /** Tells once that the tag of a version leads to this commit, `''` for nowhere, where that is not the pinned one. */
  function compare(version: ModuleVersion, pin: string | undefined, commit: string): void {
    const name = formatModuleVersion(version);
    if (pin === undefined || commit === pin || told.get(name) === commit) return;
    told.set(name, commit, commit.length);
    const where = commit === '' ? 'is gone' : `leads to commit ${commit}`;
    recorder.event('moved_tag', version, `its tag ${where}; what was served is of ${pin}`, {
      pinned: pin,
      commit,
    });
    log.warn('a tag was moved: its version stays what was served', {
      module: version.path,
      version: version.version,
      pinned: pin,
      commit,
    });
  }

  async function publishInfo(
    version: ModuleVersion,
    bytes: Uint8Array,
    commit: string | undefined,
    signal: AbortSignal,
  ): Promise<Uint8Array> {
    const standing = await options.publish(version, bytes, signal);
    const pin = remember(version, standing);
    if (commit !== undefined) compare(version, pin, commit);
    return standing;
  }

  /** The commit that is pinned once the `.info` of the commit that was read is published. */
  async function pin(
    version: ModuleVersion,
    info: Uint8Array,
    signal: AbortSignal,
  ): Promise<string | undefined> {
    const commit = commitOf(info);
    // Another file of the version may have been faster.
    if (commit !== undefined && pinned.get(formatModuleVersion(version)) === commit) return commit;
    return commitOf(await publishInfo(version, info, commit, signal));
  }

  async function fetch(
    version: ModuleVersion,
    file: 'mod' | 'zip',
    spool: Spool,
    { signal, via, not }: Asking,
  ): Promise<FetchedFile> {
    const fetchAt = (commit: () => Promise<string | undefined>): Promise<Fetched> =>
      fetcher.fetch(version, file, { commit, ...(not !== undefined && { not }) }, spool, signal, via);
    // Looked for at most once, and not at all for an upstream.
    let looked: Promise<string | undefined> | undefined;
    const look = (): Promise<string | undefined> => {
      looked ??= known(version, signal);
      return looked;
    };
    let fetched = await fetchAt(look);
    if (fetched.info === undefined) return { source: fetched.source };
    const before = await look();
    const commit = before ?? (await pin(version, fetched.info, signal));
    if (commit === undefined) return { source: fetched.source };
    if (before === undefined && commitOf(fetched.info) !== commit) {
      fetched = await fetchAt(async () => commit);
      if (fetched.info === undefined) return { source: fetched.source };
    }
    if (fetched.moved !== undefined) compare(version, commit, fetched.moved);
    const read = commitOf(fetched.info);
    if (read !== commit)
      throw new StoaError(
        'integrity',
        `${formatModuleVersion(version)}: ${fetched.source} read commit ${read}, but ${commit} was served before`,
      );
    return { source: fetched.source, commit };
  }

  return {
    fetch,
    async readMod(version, asking) {
      const collected = createCollector(formatModuleVersion(version), options.maxModBytes);
      const { commit } = await fetch(version, 'mod', collected, asking);
      return commit === undefined ? undefined : collected.bytes();
    },
    publishInfo,
    async check(path, stored, commits, signal) {
      let reads = 0;
      // The newest first.
      for (const version of stored.toReversed()) {
        const module = { path, version };
        const commit = commits.get(version);
        if (commit === undefined) continue;
        const isKnown = pinned.get(formatModuleVersion(module)) !== undefined;
        if (!isKnown && ++reads > readsPerCheck) return;
        compare(module, await known(module, signal), commit);
      }
    },
    forget(version) {
      pinned.delete(formatModuleVersion(version));
    },
  };
}

/** The commit that an `.info` names, if it does. An upstream may write anything there: only a whole hash is given to a repository. */
export function commitOf(info: Uint8Array): string | undefined {
  const hash = (parse(info) as { Origin?: { Hash?: unknown } | null } | null)?.Origin?.Hash;
  return typeof hash === 'string' && /^([0-9a-f]{40}|[0-9a-f]{64})$/.test(hash) ? hash : undefined;
}

function parse(info: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(info).toString());
  } catch {
    return undefined;
  }
}
