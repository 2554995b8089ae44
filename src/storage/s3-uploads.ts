import {
  AbortMultipartUploadCommand,
  CreateMultipartUploadCommand,
  ListMultipartUploadsCommand,
  type MultipartUpload,
} from '@aws-sdk/client-s3';
import { inWords, isNoUpload, isPassing } from './s3-error.ts';
import { maxTries, type S3Lane } from './s3-lane.ts';

/** Uploads in parts: begun, and given up so that nothing of them stays. */
export interface S3Uploads {
  /** Begins an upload and gives its number. */
  begin(key: string, metadata: Readonly<Record<string, string>>, signal?: AbortSignal): Promise<string>;
  /** Gives up an upload and what was sent of it; where the store does not answer, `tidy` does it later. */
  abandon(key: string, id: string): Promise<void>;
  /** An upload was completed. */
  completed(id: string): void;
  /**
   * Gives up what had to be left: uploads that the store did not give up when asked, and those whose beginning was never
   * answered. For these, called when a blob stands under their keys: no other upload can win there then either.
   */
  tidy(): Promise<void>;
  /** Gives up the uploads of our keys that were begun more than a day ago: their process was killed. */
  sweep(signal: AbortSignal, now: number): Promise<void>;
}

/** Longer than any upload takes. */
const forgottenMs = 24 * 60 * 60 * 1000;

/** Uploads that are kept in mind for `tidy`. */
const maxLeft = 1000;

export function createS3Uploads({
  lane,
  bucket,
  nameOf,
  isOurs,
}: {
  readonly lane: S3Lane;
  readonly bucket: string;
  readonly nameOf: (key: string) => string;
  /** True for the name of an object of which this house makes uploads. */
  readonly isOurs: (name: string) => boolean;
}): S3Uploads {
  const running = new Set<string>();
  /** What had to be left, by number, or by name where the number never came. */
  const left = new Map<string, { readonly name: string; readonly id?: string }>();

  function leave(name: string, id?: string): void {
    if (left.size < maxLeft) left.set(id ?? name, { name, ...(id !== undefined && { id }) });
  }

  async function abort(name: string, id: string, signal?: AbortSignal): Promise<void> {
    const command = () => new AbortMultipartUploadCommand({ Bucket: bucket, Key: name, UploadId: id });
    await lane
      .again((client, at) => client.send(command(), at), signal)
      .catch((error: unknown) => {
        if (!isNoUpload(error)) throw error;
      });
  }

  async function* list(prefix: string, signal?: AbortSignal): AsyncGenerator<MultipartUpload> {
    let from: { KeyMarker?: string | undefined; UploadIdMarker?: string | undefined } = {};
    for (;;) {
      const command = () => new ListMultipartUploadsCommand({ Bucket: bucket, Prefix: prefix, ...from });
      const page = await lane.again((client, at) => client.send(command(), at), signal);
      yield* page.Uploads ?? [];
      if (page.IsTruncated !== true) return;
      from = { KeyMarker: page.NextKeyMarker, UploadIdMarker: page.NextUploadIdMarker };
    }
  }

  async function abortUnanswered(name: string): Promise<void> {
    for await (const { Key, UploadId } of list(name))
      if (Key === name && UploadId !== undefined && !running.has(UploadId)) await abort(name, UploadId);
  }

  return {
    async begin(key, metadata, signal) {
      const name = nameOf(key);
      for (let tries = 1; ; tries++) {
        const command = new CreateMultipartUploadCommand({ Bucket: bucket, Key: name, Metadata: metadata });
        try {
          const { UploadId: id } = await lane.once((client, at) => client.send(command, at), signal);
          if (id === undefined) throw new Error('the store gave an upload no number');
          running.add(id);
          return id;
        } catch (error) {
          // It may have begun.
          if (signal?.aborted || isPassing(error)) leave(name);
          if (signal?.aborted || tries === maxTries || !isPassing(error)) throw inWords(error);
        }
        await lane.pause(tries, signal);
      }
    },
    async abandon(key, id) {
      running.delete(id);
      await abort(nameOf(key), id).catch(() => leave(nameOf(key), id));
    },
    completed(id) {
      running.delete(id);
    },
    async tidy() {
      for (const [mark, { name, id }] of left) {
        left.delete(mark);
        try {
          await (id === undefined ? abortUnanswered(name) : abort(name, id));
        } catch {
          leave(name, id);
          return;
        }
      }
    },
    async sweep(signal, now) {
      for await (const { Key: name = '', UploadId: id, Initiated } of list(nameOf(''), signal)) {
        const isForgotten = Initiated !== undefined && now - Initiated.getTime() > forgottenMs;
        if (id !== undefined && isForgotten && isOurs(name)) await abort(name, id, signal);
      }
    },
  };
}
