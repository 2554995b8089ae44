import type { Recorder } from '../catalog/recorder.ts';
import { isStoaError, StoaError } from '../errors.ts';
import { formatKey } from '../module/target.ts';
import { formatModuleVersion, type ModuleVersion } from '../module/version.ts';
import type { PoolGate } from '../storage/pool-gate.ts';
import type { Blob, BlobInfo, BlobStore } from '../storage/store.ts';
import { createShare } from '../work/share.ts';
import { examineBlob } from './examine-blob.ts';
import { inMemory } from './files.ts';
import type { Ask, Opened } from './modules.ts';
import { createOpenZips, type Lease } from './open-zips.ts';
import type { Proof } from './proof.ts';
import { type Publisher, readWhole } from './publish.ts';
import { createTier, type Tier } from './tier.ts';
import type { Verifier } from './verifier.ts';
import type { Withdrawal } from './withdrawal.ts';

/**
 * Zips that are in the store. Each is checked once in a process, before a client can complete it: against its published hash, and
 * against what a checksum database proved of it.
 */
export interface StoredZips {
  /** Opens a stored zip; undefined where there is none. */
  open(version: ModuleVersion, ask: Ask): Promise<Opened | undefined>;
  /** The h1 of the stored zip, read from its bytes. */
  hash(version: ModuleVersion, signal: AbortSignal): Promise<string>;
  /** Takes a zip that was just verified and stored as good. */
  trust(version: ModuleVersion, about: Content): Promise<void>;
}

/** What a stored zip was found to be. */
interface Content {
  readonly h1: string;
  /** A checksum database vouched for it. */
  readonly isVerified: boolean;
}

/** What was found good, as long as the blob's identity stays the same. */
interface Verdict extends Content {
  readonly identity: string;
}

/** The end of a zip that nobody gets before the verdict. */
const withheldBytes = 1024;

export function createStoredZips(options: {
  readonly store: BlobStore;
  readonly publisher: Publisher;
  readonly proof: Proof;
  readonly withdrawal: Withdrawal;
  readonly verifier: Verifier;
  readonly recorder: Recorder;
  readonly memory: Tier<Opened>;
  /** Zips up to this size are served from memory. */
  readonly memoryFileBytes: number;
  /** A path for the copy of a zip whose store has no local files. */
  readonly scratch: () => string;
  readonly pool: PoolGate;
  readonly deadlineMs: number;
  readonly life: AbortSignal;
  readonly now: () => number;
}): StoredZips {
  const { store, publisher, proof, withdrawal, verifier, recorder, memory, pool, life } = options;
  const verdicts = createTier<Verdict>(64 * 1024 * 1024);
  // Who asks again is told why, not cut again.
  const refused = createTier<{ readonly identity: string; readonly error: StoaError }>(1024 * 1024);
  const openZips = createOpenZips<Content>({ life, now: options.now });
  const shareCheck = createShare<Verdict>({ deadlineMs: options.deadlineMs, life });
  const shareLoad = createShare<Opened>({ deadlineMs: options.deadlineMs, life });

  async function hashOf(version: ModuleVersion, blob: Blob, signal: AbortSignal): Promise<string> {
    return (await examineBlob({ verifier, pool, scratch: options.scratch }, version, blob, signal)).h1;
  }

  async function openBlob(version: ModuleVersion, signal: AbortSignal): Promise<Blob> {
    const blob = await store.get(formatKey(version.path, version.version, 'zip'), { signal });
    if (blob === undefined)
      throw new StoaError('storage', `${formatModuleVersion(version)}: the stored zip vanished`);
    return blob;
  }

  async function check(version: ModuleVersion, signal: AbortSignal): Promise<Verdict> {
    await using blob = await openBlob(version, signal);
    const [h1, published, vouched] = await Promise.all([
      hashOf(version, blob, signal),
      publisher.readZipHash(version, signal),
      proof.recall(version, signal),
    ]);
    const wrong = vouched && [h1, published ?? h1].find((hash) => hash !== vouched.sums.zip);
    if (wrong !== undefined) await withdrawal.contradicted(version, 'zip', wrong, vouched!, signal);
    if (published === undefined) {
      // Its writer was killed before it could say so.
      await recorder.published({ ...version, size: blob.size, h1, ...(vouched && { verified: vouched.by }) });
      await publisher.zipHash(version, h1, signal);
    } else if (published !== h1) {
      const problem = `the stored zip has ${h1}, but was published as ${published}`;
      recorder.event('rotten_zip', version, problem);
      throw new StoaError('integrity', `${formatModuleVersion(version)}: ${problem}`);
    }
    return { identity: blob.identity, h1, isVerified: vouched?.isPublic === true };
  }

  /** The verdict on the blob as it is now: remembered, or the flight that will tell. */
  function judge(
    version: ModuleVersion,
    key: string,
    info: BlobInfo,
    signal: AbortSignal,
  ): Verdict | Promise<Verdict> {
    const known = verdicts.get(key);
    if (known?.identity === info.identity) return known;
    const before = refused.get(key);
    if (before?.identity === info.identity) throw before.error;
    return shareCheck(key, signal, async (work) => {
      const verdict = await check(version, work).catch((error: unknown) => {
        if (isStoaError(error, 'integrity'))
          refused.set(key, { identity: info.identity, error }, key.length + error.message.length);
        throw error;
      });
      verdicts.set(key, verdict, key.length + verdict.identity.length);
      return verdict;
    });
  }

  /** Reads the blob that `info` describes; one that has its verdict stays open for the next request. */
  async function* readBlob(
    key: string,
    info: BlobInfo,
    range: { start?: number; end?: number; signal: AbortSignal },
    content?: Content,
  ): AsyncGenerator<Uint8Array> {
    const blob = await store.get(key, range);
    if (blob === undefined || blob.identity !== info.identity) {
      await blob?.close();
      throw new StoaError('storage', `${key}: the stored zip changed while it was read`);
    }
    const use = content === undefined ? blob : openZips.keep(key, blob, content);
    try {
      yield* blob.read();
    } finally {
      await use.close();
    }
  }

  function fromStore(key: string, info: BlobInfo, content: Content): Opened {
    return {
      outcome: 'hit',
      size: info.size,
      etag: `"${content.h1}-${info.size}"`,
      isVerified: content.isVerified,
      stored: true,
      read: (range) => readBlob(key, info, range, content),
      close: async () => undefined,
    };
  }

  function fromOpen({ info, about: { h1, isVerified }, read, close }: Lease<Content>): Opened {
    return {
      outcome: 'hit',
      size: info.size,
      etag: `"${h1}-${info.size}"`,
      isVerified,
      stored: true,
      read,
      close,
    };
  }

  /** The bytes at once, the last of them after the verdict. */
  function withheld(key: string, info: BlobInfo, verdict: Promise<Verdict>): Opened {
    verdict.catch(() => undefined);
    const safe = Math.max(0, info.size - withheldBytes);
    return {
      outcome: 'hit',
      size: info.size,
      stored: false,
      async *read({ start = 0, end = info.size, signal }) {
        const middle = Math.min(Math.max(start, safe), end);
        if (start < middle) yield* readBlob(key, info, { start, end: middle, signal });
        await verdict;
        if (middle < end) yield* readBlob(key, info, { start: middle, end, signal });
      },
      close: async () => undefined,
    };
  }

  function load(
    key: string,
    info: BlobInfo,
    { h1, isVerified }: Content,
    signal: AbortSignal,
  ): Promise<Opened> {
    return shareLoad(key, signal, async (work) => {
      const bytes = await readWhole(store, key, work);
      if (bytes?.length !== info.size)
        throw new StoaError('storage', `${key}: the stored zip changed while it was read`);
      const opened = { ...inMemory(bytes, `"${h1}-${info.size}"`), isVerified };
      memory.set(key, opened, bytes.length);
      return opened;
    });
  }

  return {
    async open(version, ask) {
      const key = formatKey(version.path, version.version, 'zip');
      const recent = openZips.recent(key);
      if (recent !== undefined) return fromOpen(recent);
      const info = await store.stat(key, { signal: ask.signal });
      const open = openZips.seen(key, info);
      if (open !== undefined) return fromOpen(open);
      if (info === undefined) return undefined;
      const small = info.size <= options.memoryFileBytes;
      const judged = judge(version, key, info, ask.mayStream === true && !small ? life : ask.signal);
      if (judged instanceof Promise && ask.mayStream === true && !small) return withheld(key, info, judged);
      const content = await judged;
      return small ? load(key, info, content, ask.signal) : fromStore(key, info, content);
    },
    async hash(version, signal) {
      await using blob = await openBlob(version, signal);
      return hashOf(version, blob, signal);
    },
    async trust(version, about) {
      const key = formatKey(version.path, version.version, 'zip');
      const info = await store.stat(key, { signal: life });
      if (info !== undefined)
        verdicts.set(key, { identity: info.identity, ...about }, key.length + info.identity.length);
    },
  };
}
