import type { BlobStore } from '../storage/store.ts';

/** All of a small blob, in memory of its own; undefined where there is none. */
export async function readStored(
  store: BlobStore,
  key: string,
  signal: AbortSignal,
): Promise<Buffer | undefined> {
  await using blob = await store.get(key, { signal });
  if (blob === undefined) return undefined;
  const chunks: Buffer[] = [];
  for await (const chunk of blob.read()) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks);
}
