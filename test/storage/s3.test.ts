import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Minio } from '../../scripts/services/minio.ts';
import { checked } from '../../src/storage/checked.ts';
import type { BlobStore } from '../../src/storage/store.ts';
import { storeSuite } from '../conformance/store.ts';
import { fileBody, key, openFolder, pattern, read, reusing } from '../conformance/store-kit.ts';
import { connectionTo, minioProgram, openMinio, openS3 } from './s3-kit.ts';

const mib = 1024 * 1024;

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

  test.for([5 * mib - 1, 5 * mib, 5 * mib + 1, 12 * mib])(
    'what was put comes back: %d bytes, in parts of 5 MiB',
    async (size) => {
      await using folder = await openFolder();
      const s3 = openS3(connectionTo(minio));
      const bytes = pattern(size);
      for (const body of [bytes, await fileBody(folder.path, 'body', bytes), reusing(bytes)]) {
        expect(await s3.store.put(key, body, { ifAbsent: true })).toBe(true);
        expect((await read(s3.store, key))!.equals(bytes)).toBe(true);
        await s3.store.delete(key);
      }
      expect(await minio.unfinishedUploads()).toEqual([]);
      s3.close();
    },
  );

  storeSuite('S3', open, { nesting: 'unlisted', keys: 2100 });
});
