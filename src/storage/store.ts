/**
 * The contract of a blob store: named immutable-looking blobs under slash-separated keys. A backend
 * implements it thinly; every backend runs inside `checked`, which owns the checks that are the same for all.
 * One conformance suite (test/conformance/store.ts) holds for every backend.
 *
 * Absence is `undefined`. Whatever else keeps a store from answering throws a StoaError of kind `storage`
 * (`canceled` when the signal was aborted): a failure is never absence.
 *
 * What a key may be says key.ts. No key may lie below another (`a/b/c` below `a/b`): a disk cannot hold both
 * and refuses the second, with a `storage` error and without touching the first, and so does memory. Those
 * who name keys see to it, since an object store would take both.
 */
export interface BlobStore {
  /**
   * Opens a blob, or the bytes from `start` up to but not including `end` of it. The caller closes it, also
   * after an error. A range beyond the size is cut to the size. What `read` yields is whole and unchanged
   * even when the key is replaced or deleted meanwhile. The signal holds for the reading, too.
   */
  get(key: string, options?: GetOptions): Promise<Blob | undefined>;
  /** Size and identity, without opening. */
  stat(key: string, options?: { signal?: AbortSignal }): Promise<BlobInfo | undefined>;
  /**
   * Stores a blob: durable and whole when the promise is fulfilled, invisible before. With `ifAbsent` it
   * answers false, and changes nothing, where the key exists, and what exists is durable; without it, an
   * existing blob is replaced in one step. After a failure or an abort nothing of it is visible and nothing
   * is left behind, with one exception: when it cannot be told whether a blob that is already visible is
   * durable, the put throws `storage` and the next read decides.
   */
  put(key: string, body: Body, options?: PutOptions): Promise<boolean>;
  /** Removes a blob; an absent one is no error. */
  delete(key: string, options?: { signal?: AbortSignal }): Promise<void>;
  /**
   * All keys that begin with `prefix` (a plain string prefix, the empty one lists all), in ascending order of
   * their bytes, in memory bounded by the largest folder. Keys put or deleted during the walk may or may not
   * appear.
   */
  list(prefix: string, options?: { signal?: AbortSignal }): AsyncIterable<string>;
  /** The same with the sizes of the blobs, in stores where that costs no more. */
  listSizes?(prefix: string, options?: { signal?: AbortSignal }): AsyncIterable<Listed>;
}

/** A key and the bytes of its blob. */
export interface Listed {
  readonly key: string;
  readonly size: number;
}

export interface GetOptions {
  readonly start?: number;
  readonly end?: number;
  readonly signal?: AbortSignal;
}

interface PutOptions {
  readonly ifAbsent?: boolean;
  readonly signal?: AbortSignal;
}

/** What is known of a stored blob. */
export interface BlobInfo {
  /** Bytes of the whole blob. */
  readonly size: number;
  /**
   * Changes whenever the content may have changed: inode, size, mtime and ctime on disk, the ETag in object
   * stores. It may change once more when the caller of a put unlinks the file it gave as the body.
   */
  readonly identity: string;
}

/** An open blob. */
export interface Blob extends BlobInfo, AsyncDisposable {
  /**
   * The local file under the key, in stores that have one: this blob as long as the key is neither replaced
   * nor deleted. Only to be read.
   */
  readonly file?: string;
  /** Bytes that `read` yields: the whole size, or the length of the range. */
  readonly length: number;
  /**
   * The bytes, once. A chunk is valid only until the next one is asked for, since its memory may be reused;
   * ending early is fine.
   */
  read(): AsyncIterable<Uint8Array>;
  /**
   * In stores where an open blob costs next to nothing to keep (a descriptor): the bytes of any range of the whole
   * blob, as often as wanted and several at once. Chunks are valid as those of `read`.
   */
  readRange?(range: GetOptions): AsyncIterable<Uint8Array>;
  /** Releases what is held; may be called twice. */
  close(): Promise<void>;
}

/**
 * What can be stored. A stream is read at most once, and its chunks are used before the next one is asked
 * for; it ends the put with its own error.
 */
export type Body = Uint8Array | FileBody | AsyncIterable<Uint8Array>;

/**
 * A finished local file. A store may take it by link rather than by copy: the caller must not write to it
 * afterwards, and unlinks its own name when it is done.
 */
export interface FileBody {
  readonly file: string;
  readonly size: number;
}
