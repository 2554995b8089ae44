import { StoaError } from '../errors.ts';
import { abortable } from '../work/abortable.ts';
import { isFileBody } from './body.ts';
import { checkKey, checkPrefix, isKey } from './key.ts';
import { cutRange } from './range.ts';
import type { Blob, BlobInfo, BlobStore, Body, GetOptions } from './store.ts';

/**
 * What every backend runs inside, and what is the same for all. Going in: keys and prefixes (`malformed`),
 * ranges and bodies (`internal`: a fault of the caller's) are checked, and an aborted call ends before it
 * begins. Coming out: a failure is a StoaError of kind `storage` that names key and operation, or `canceled`;
 * a failing stream body ends the put with its own error; a blob has the length it tells, or reading it
 * throws; keys are listed in order, and what lies beside them in a shared bucket is passed over. A blob is
 * read once, where it has no `readRange`, and not after it was closed.
 */
export function checked(backend: BlobStore): BlobStore {
  const { listSizes } = backend;
  return {
    async get(key, options = {}) {
      checkKey(key);
      checkRange(key, options);
      const blob = await attempt(key, 'read', options.signal, () => backend.get(key, options));
      if (blob === undefined) return undefined;
      try {
        return checkedBlob(key, blob, options);
      } catch (error) {
        await blob.close();
        throw error;
      }
    },
    async stat(key, options = {}) {
      checkKey(key);
      const info = await attempt(key, 'looked up', options.signal, () => backend.stat(key, options));
      if (info !== undefined) checkInfo(key, info);
      return info;
    },
    async put(key, body, options = {}) {
      checkKey(key);
      checkBody(key, body);
      const { signal } = options;
      if (body instanceof Uint8Array || isFileBody(body))
        return attempt(key, 'stored', signal, () => backend.put(key, body, options));
      const watched = watch(body, signal);
      return attempt(key, 'stored', signal, () => backend.put(key, watched.body, options), watched.failure);
    },
    async delete(key, options = {}) {
      checkKey(key);
      await attempt(key, 'deleted', options.signal, () => backend.delete(key, options));
    },
    list: (prefix, options) => listed(prefix, options, backend.list, (key) => key),
    ...(listSizes !== undefined && {
      listSizes: (prefix, options) => listed(prefix, options, listSizes, ({ key }) => key),
    }),
  };
}

/** What a listing yields, in order; what lies beside the keys is passed over. */
async function* listed<T>(
  prefix: string,
  options: { signal?: AbortSignal } = {},
  list: (prefix: string, options: { signal?: AbortSignal }) => AsyncIterable<T>,
  keyOf: (item: T) => string,
): AsyncGenerator<T> {
  checkPrefix(prefix);
  const { signal } = options;
  const shown = prefix === '' ? 'the store' : prefix;
  let last = '';
  const items = await attempt(shown, 'listed', signal, async () => list(prefix, options));
  try {
    for await (const item of abortable(items, signal)) {
      const key = keyOf(item);
      if (!isKey(key)) continue;
      if (!key.startsWith(prefix) || key <= last)
        throw new StoaError('storage', `${shown}: listed out of order: ${key} after ${last}`);
      last = key;
      yield item;
    }
  } catch (error) {
    throw described(shown, 'listed', signal, error);
  }
}

/**
 * Runs one call of the backend. `bodyFailure` tells what a stream body failed with, which goes before what
 * the backend made of it.
 */
async function attempt<T>(
  key: string,
  verb: string,
  signal: AbortSignal | undefined,
  work: () => Promise<T>,
  bodyFailure?: () => { readonly error: unknown } | undefined,
): Promise<T> {
  if (signal?.aborted) throw described(key, verb, signal, signal.reason);
  try {
    return await work();
  } catch (error) {
    const own = bodyFailure?.();
    throw own === undefined ? described(key, verb, signal, error) : own.error;
  }
}

/** The error as the contract wants it. */
function described(key: string, verb: string, signal: AbortSignal | undefined, error: unknown): StoaError {
  if (signal?.aborted) return new StoaError('canceled', `${key}: canceled`, { cause: error });
  if (error instanceof StoaError) return error;
  const reason = error instanceof Error ? error.message : String(error);
  return new StoaError('storage', `${key}: cannot be ${verb}: ${reason.split('\n', 1)[0]}`, { cause: error });
}

/** A stream that ends with the abort even while its next chunk does not come; it remembers what it failed with. */
function watch(body: AsyncIterable<Uint8Array>, signal: AbortSignal | undefined) {
  let failure: { error: unknown } | undefined;
  async function* chunks(): AsyncGenerator<Uint8Array> {
    try {
      yield* abortable(body, signal);
    } catch (error) {
      if (!signal?.aborted) failure = { error };
      throw error;
    }
  }
  return { body: chunks(), failure: () => failure };
}

function checkedBlob(key: string, blob: Blob, options: GetOptions): Blob {
  const { size, identity, length, file } = blob;
  let begun = false;
  let closed = false;

  async function* whole(
    chunks: AsyncIterable<Uint8Array>,
    length: number,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<Uint8Array> {
    let seen = 0;
    try {
      for await (const chunk of abortable(chunks, signal)) {
        seen += chunk.length;
        if (seen > length) break;
        if (chunk.length > 0) yield chunk;
        if (closed) throw misused(key, 'read after it was closed');
      }
    } catch (error) {
      throw described(key, 'read', signal, error);
    }
    if (seen !== length)
      throw new StoaError(
        'storage',
        `${key}: cannot be read: ${seen > length ? 'more' : 'fewer'} than ${length} bytes came`,
      );
  }

  function read(): AsyncGenerator<Uint8Array> {
    if (begun) throw misused(key, 'read twice');
    if (closed) throw misused(key, 'read after it was closed');
    begun = true;
    return whole(blob.read(), length, options.signal);
  }

  function readRange(range: GetOptions): AsyncGenerator<Uint8Array> {
    checkRange(key, range);
    if (closed) throw misused(key, 'read after it was closed');
    const { start, end } = cutRange(size, range);
    return whole(blob.readRange!(range), end - start, range.signal);
  }

  async function close(): Promise<void> {
    closed = true;
    await attempt(key, 'closed', undefined, () => blob.close());
  }

  checkInfo(key, blob);
  const { start, end } = cutRange(size, options);
  if (length !== end - start)
    throw new StoaError('storage', `${key}: cannot be read: ${length} bytes offered for ${start} to ${end}`);
  const local = file === undefined ? {} : { file };
  const ranged = blob.readRange === undefined ? {} : { readRange };
  return { size, identity, length, ...local, read, ...ranged, close, [Symbol.asyncDispose]: close };
}

function checkInfo(key: string, { size, identity }: BlobInfo): void {
  if (!isCount(size) || identity === '')
    throw new StoaError('storage', `${key}: the store knows no size or identity of it`);
}

function checkRange(key: string, { start = 0, end = start }: GetOptions): void {
  if (!isCount(start) || !isCount(end) || start > end)
    throw misused(key, `asked for from ${start} to ${end}`);
}

function checkBody(key: string, body: Body): void {
  if (body instanceof Uint8Array) return;
  const sound =
    typeof body === 'object' && (isFileBody(body) ? isCount(body.size) : Symbol.asyncIterator in body);
  if (!sound) throw misused(key, 'put with a body that is none');
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

function misused(key: string, how: string): StoaError {
  return new StoaError('internal', `${key}: ${how}`);
}
