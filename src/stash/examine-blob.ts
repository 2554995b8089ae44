import { rm } from 'node:fs/promises';
import type { ModuleVersion } from '../module/version.ts';
import { newFileFlags, nodeFiles } from '../storage/disk-files.ts';
import type { PoolGate } from '../storage/pool-gate.ts';
import type { Blob } from '../storage/store.ts';
import type { Verifier } from './verifier.ts';
import type { ZipFacts } from './zip-job.ts';

/** What a stored zip is found out with. */
export interface ExamineParts {
  readonly verifier: Verifier;
  readonly pool: PoolGate;
  /** A path for the copy of a zip whose store has no local files. */
  readonly scratch: () => string;
}

/** The facts of a stored zip, from all of its bytes; throws `integrity` when it is no valid zip of this module version. */
export async function examineBlob(
  { verifier, pool, scratch }: ExamineParts,
  version: ModuleVersion,
  blob: Blob,
  signal: AbortSignal,
): Promise<ZipFacts> {
  if (blob.file !== undefined) return verifier.begin(version, blob.file).finish(blob.size, signal);
  const copy = scratch();
  try {
    await copyTo(copy, blob.read(), pool, signal);
    return await verifier.begin(version, copy).finish(blob.size, signal);
  } finally {
    await rm(copy, { force: true });
  }
}

/** Writes the chunks to a new file, each before the next is asked for, since their memory may be used again. */
async function copyTo(
  file: string,
  chunks: AsyncIterable<Uint8Array>,
  pool: PoolGate,
  signal: AbortSignal,
): Promise<void> {
  const fd = await pool.run(() => nodeFiles.open(file, newFileFlags), signal);
  try {
    for await (const chunk of chunks) await pool.run(() => nodeFiles.write(fd, chunk), signal);
  } finally {
    await nodeFiles.close(fd);
  }
}
