import { afterAll, beforeAll, describe } from 'vitest';
import type { Minio } from '../../scripts/services/minio.ts';
import { checked } from '../../src/storage/checked.ts';
import type { BlobStore } from '../../src/storage/store.ts';
import { storeSuite } from '../conformance/store.ts';
import { connectionTo, minioProgram, openMinio, openS3 } from './s3-kit.ts';

describe.skipIf(minioProgram === undefined)('a bucket of MinIO', () => {
  let minio: Minio;
  beforeAll(async () => {
    minio = await openMinio();
  });
  afterAll(() => minio?.[Symbol.asyncDispose]());

  async function open() {
    const s3 = openS3(connectionTo(minio));
    let forbidden: string | undefined;
    const strangers = openS3({
      ...connectionTo(minio),
      credentials: { accessKeyId: 'x', secretAccessKey: 'y' },
    });
    const pick = (key: string): BlobStore => (key === forbidden ? strangers.store : s3.store);
    return {
      store: checked({
        ...s3.store,
        get: (key, options) => pick(key).get(key, options),
        stat: (key, options) => pick(key).stat(key, options),
      }),
      async forbid(key: string) {
        forbidden = key;
        return async () => {
          forbidden = undefined;
        };
      },
      leftOvers: () => minio.unfinishedUploads(),
      async close() {
        s3.close();
        strangers.close();
      },
    };
  }

  storeSuite('S3', open, { nesting: 'unlisted', keys: 2100 });
});
