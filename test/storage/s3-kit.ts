import { randomUUID } from 'node:crypto';
import { buildMinio, type Minio, startMinio } from '../../scripts/services/minio.ts';
import { checked } from '../../src/storage/checked.ts';
import { createS3Store, type S3Store, type S3StoreOptions } from '../../src/storage/s3.ts';
import type { BlobStore } from '../../src/storage/store.ts';
import { requireServer } from '../setup/require.ts';

/** The program of MinIO, built where it is not yet; undefined where it cannot be had, and the tests that need it are skipped. */
export const minioProgram = await requireServer('MinIO', buildMinio);

const bucket = 'modules';

/** A MinIO with an empty bucket. */
export async function openMinio(): Promise<Minio> {
  const minio = await startMinio(minioProgram!);
  const first = createS3Store({ ...connectionTo(minio), createBucket: true });
  await first.prove();
  first.close();
  return minio;
}

/** How a server that speaks S3 is reached. */
export function connectionTo({ endpoint, accessKeyId, secretAccessKey }: Minio): S3StoreOptions {
  return { bucket, endpoint, pathStyle: true, credentials: { accessKeyId, secretAccessKey } };
}

/** A store of its own in the bucket, as it is used. */
export function openS3(options: S3StoreOptions): S3Store & { readonly store: BlobStore } {
  const opened = createS3Store({ prefix: `${randomUUID()}/`, ...options });
  return { ...opened, store: checked(opened.store) };
}
