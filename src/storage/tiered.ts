import { orAborted } from '../work/abortable.ts';
import { isFileBody } from './body.ts';
import { type CacheFill, startFill } from './cache-fill.ts';
import { tagOf } from './cache-name.ts';
import type { CacheRoom, DiskCache } from './disk-cache.ts';
import { type FileOperations, nodeFiles } from './disk-files.ts';
import { isImmutableKey } from './immutable-key.ts';
import { openBytes } from './memory.ts';
import { createPoolGate, type PoolGate } from './pool-gate.ts';
import type { Blob, BlobInfo, BlobStore, Body, FileBody, GetOptions } from './store.ts';

/** A store before which there is a cache. */
export interface TieredStore {
  readonly store: BlobStore;
  /** Drops copies: another process took the blobs away. */
  forget(keys: readonly string[]): Promise<void>;
  /** Fulfilled when the copies that are being made are made. */
  settled(): Promise<void>;
}

export interface TieredStoreOptions {
  readonly remote: BlobStore;
  readonly cache: DiskCache;
  /** What the making of copies passes on its way to libuv's threads. */
  readonly gate?: PoolGate;
  readonly files?: FileOperations;
  /** Ends the making of copies. */
  readonly life?: AbortSignal;
}

/** What can be given to everybody who asks for a blob that is being fetched. */
interface Source {
  open(options: GetOptions): Blob | undefined;
}

/** Where no copy is made: the blob, for the one who asked first. */
interface Alone {
  readonly blob: Blob | undefined;
}

interface Fetch {
  readonly begun: Promise<Source | Alone>;
  /** The key was replaced or deleted meanwhile: what comes is not kept. */
  overtaken: boolean;
}

/** Blobs up to this size go through memory, and the copy is made behind the answer. */
const smallBytes = 256 * 1024;

/** Copies that are made behind answers, at most. What finds no place is copied when it is read the next time. */
const maxBehind = 64;

/**
 * A remote store with copies of its blobs on the local disk. Only what never changes is copied, and a hit does not touch the
 * remote, which alone decides all puts, deletes and lists. A copy has the identity of its original, so that nobody can tell which
 * of the two was read. No request fails for the cache: what it cannot give is read from the remote.
 */
export function createTieredStore(options: TieredStoreOptions): TieredStore {
  const { remote, cache, gate = createPoolGate(), files = nodeFiles } = options;
  const { life = new AbortController().signal } = options;
  const fetches = new Map<string, Fetch>();
  const fills = new Map<string, CacheFill>();
  const behind = new Set<Promise<void>>();

  function runBehind(work: () => Promise<unknown>): void {
    const running: Promise<void> = work()
      // Without a copy the next one who asks makes it.
      .then(
        () => undefined,
        () => undefined,
      )
      .finally(() => behind.delete(running));
    behind.add(running);
  }

  async function* readOn(key: string, info: BlobInfo, range: GetOptions): AsyncGenerator<Uint8Array> {
    const blob = await remote.get(key, range);
    try {
      if (blob?.identity !== info.identity) throw new Error('it was replaced or deleted in the middle of it');
      yield* blob.read();
    } finally {
      await blob?.close();
    }
  }

  function keepBytes(key: string, bytes: Uint8Array, find: () => Promise<BlobInfo | undefined>): void {
    if (behind.size >= maxBehind) return;
    const begun = cache.begin(key, bytes.length);
    runBehind(async () => publish(await begun, bytes, bytes.length, find));
  }

  /** Takes the file by a name of its own, since the caller is about to take his away. */
  async function keepFile(key: string, { file, size }: FileBody): Promise<void> {
    const begun = cache.begin(key, size);
    const temp = cache.temp();
    const isLinked = await gate
      .run(() => files.link(file, temp))
      .then(
        () => true,
        () => false,
      );
    runBehind(async () => {
      const room = await begun;
      if (!isLinked) return room?.leave();
      const remove = () => gate.run(() => files.unlink(temp));
      await publish(room, { file: temp, size }, size, () => remote.stat(key, { signal: life }), remove);
    });
  }

  async function keepPut(key: string, body: Body): Promise<void> {
    // The remote had none: what is there was taken away by another process.
    await drop(key);
    if (isFileBody(body)) await keepFile(key, body);
    else if (body instanceof Uint8Array && body.length <= smallBytes)
      keepBytes(key, Uint8Array.from(body), () => remote.stat(key, { signal: life }));
  }

  /** Fetches a blob for all who ask for it now. */
  async function begin(key: string, isOvertaken: () => boolean): Promise<Source | Alone> {
    const blob = await remote.get(key, { signal: life });
    if (blob === undefined || isOvertaken()) return { blob };
    const { size } = blob;
    const identity = tagOf(blob.identity);
    if (size <= smallBytes) {
      const bytes = await readWhole(blob);
      if (!isOvertaken()) keepBytes(key, bytes, async () => blob);
      return { open: (range) => openBytes({ size, identity, bytes }, range) };
    }
    const room = await cache.begin(key, size);
    if (room === undefined) return { blob };
    const fill = startFill({
      key,
      blob,
      room,
      file: cache.temp(),
      gate,
      files,
      life,
      readOn: (range) => readOn(key, blob, range),
    });
    if (!isOvertaken()) fills.set(key, fill);
    runBehind(async () => {
      await fill.done;
      if (fills.get(key) === fill) fills.delete(key);
    });
    return fill;
  }

  function beginFetch(key: string): Fetch {
    const fetch: Fetch = { begun: begin(key, () => fetch.overtaken), overtaken: false };
    const end = () => {
      if (fetches.get(key) === fetch) fetches.delete(key);
    };
    fetch.begun.then(end, end);
    fetches.set(key, fetch);
    return fetch;
  }

  async function readRemote(key: string, options: GetOptions): Promise<Blob | undefined> {
    const blob = await remote.get(key, options);
    return blob && { ...blob, identity: tagOf(blob.identity) };
  }

  async function fetch(key: string, options: GetOptions): Promise<Blob | undefined> {
    const running = fetches.get(key);
    const { begun } = running ?? beginFetch(key);
    const got = await orAborted(begun, options.signal).catch((error: unknown) => {
      // Nobody else is going to close it.
      if (running === undefined) begun.then(closeAlone, () => undefined);
      throw error;
    });
    if ('open' in got) return got.open(options) ?? readRemote(key, options);
    // Who came later must not get an absence that was true before he came.
    if (running !== undefined) return readRemote(key, options);
    const { blob } = got;
    if (blob === undefined || (options.end ?? blob.size) >= blob.size)
      return blob && { ...blob, identity: tagOf(blob.identity) };
    await blob.close();
    return readRemote(key, options);
  }

  /** Runs a question to the remote; where that fails before it is known what the cache holds, asks the cache again. */
  async function orCopy<T>(
    signal: AbortSignal | undefined,
    ask: () => Promise<T | undefined>,
    look: () => T | undefined | Promise<T | undefined>,
  ): Promise<T | undefined> {
    try {
      return await ask();
    } catch (error) {
      if (cache.isLoaded || signal?.aborted) throw error;
      await orAborted(cache.loaded, signal).catch(() => undefined);
      const copy = await look();
      if (copy === undefined) throw error;
      return copy;
    }
  }

  async function drop(key: string): Promise<void> {
    const fetch = fetches.get(key);
    if (fetch !== undefined) fetch.overtaken = true;
    fetches.delete(key);
    fills.delete(key);
    await cache.drop(key);
  }

  async function publish(
    room: CacheRoom | undefined,
    body: Body,
    size: number,
    find: () => Promise<BlobInfo | undefined>,
    cleanUp: () => Promise<void> = async () => undefined,
  ): Promise<void> {
    try {
      if (room === undefined) return;
      const info = await find();
      if (info?.size === size) await room.publish(tagOf(info.identity), body);
    } finally {
      await cleanUp();
      room?.leave();
    }
  }

  const store: BlobStore = {
    async get(key, options = {}) {
      if (!isImmutableKey(key)) return remote.get(key, options);
      const copy = (await cache.open(key, options)) ?? fills.get(key)?.open(options);
      if (copy !== undefined) return copy;
      const isFromStart = (options.start ?? 0) === 0;
      return orCopy(
        options.signal,
        () => (isFromStart ? fetch(key, options) : readRemote(key, options)),
        () => cache.open(key, options),
      );
    },
    async stat(key, options = {}) {
      if (!isImmutableKey(key)) return remote.stat(key, options);
      const known = cache.info(key) ?? fills.get(key)?.info;
      if (known !== undefined) return known;
      const ask = async () => {
        const info = await remote.stat(key, options);
        return info && { size: info.size, identity: tagOf(info.identity) };
      };
      return orCopy(options.signal, ask, () => cache.info(key));
    },
    async put(key, body, options = {}) {
      if (!isImmutableKey(key)) return remote.put(key, body, options);
      if (options.ifAbsent !== true) {
        try {
          return await remote.put(key, body, options);
        } finally {
          await drop(key);
        }
      }
      const won = await remote.put(key, body, options);
      if (won) await keepPut(key, body);
      return won;
    },
    async delete(key, options) {
      try {
        await remote.delete(key, options);
      } finally {
        await drop(key);
      }
    },
    list: remote.list,
    ...(remote.listSizes !== undefined && { listSizes: remote.listSizes }),
  };

  return {
    store,
    async forget(keys) {
      // All at once: from now on none of them is a hit.
      await Promise.all(keys.map(drop));
    },
    async settled() {
      while (behind.size > 0) await Promise.all(behind);
    },
  };
}

async function readWhole(blob: Blob): Promise<Buffer> {
  try {
    const whole = Buffer.allocUnsafeSlow(blob.size);
    let filled = 0;
    for await (const chunk of blob.read()) {
      if (filled + chunk.length > blob.size) break;
      whole.set(chunk, filled);
      filled += chunk.length;
    }
    if (filled !== blob.size) throw new Error(`not the ${blob.size} bytes came that were told`);
    return whole;
  } finally {
    await blob.close();
  }
}

function closeAlone(got: Source | Alone): void {
  if ('blob' in got) got.blob?.close().catch(() => undefined);
}
