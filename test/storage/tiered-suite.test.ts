import { chmod } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe } from 'vitest';
import type { Minio } from '../../scripts/services/minio.ts';
import { checked } from '../../src/storage/checked.ts';
import { createMemoryStore } from '../../src/storage/memory.ts';
import type { BlobStore } from '../../src/storage/store.ts';
import { type StoreUnderTest, storeSuite } from '../conformance/store.ts';
import { openFolder } from '../conformance/store-kit.ts';
import { leftOvers, openChecked } from './disk-kit.ts';
import { connectionTo, minioProgram, openMinio, openS3 } from './s3-kit.ts';
import { cacheLeftOvers, openTiered } from './tiered-kit.ts';

/** A remote of a case, and what it left over. */
interface Remote {
  readonly store: BlobStore;
  leftOvers(): Promise<readonly string[]>;
  close?(): void;
}

/** A tiered store whose remote fails for a forbidden key. The cache has room for some of the blobs only. */
async function open(openRemote: (folder: string) => Promise<Remote>): Promise<StoreUnderTest> {
  const folder = await openFolder();
  await chmod(folder.path, 0o755);
  const remote = await openRemote(join(folder.path, 'remote'));
  let forbidden: string | undefined;
  const refuse = (key: string) => {
    if (key === forbidden) throw new Error('permission denied');
  };
  const cacheFolder = join(folder.path, 'cache');
  const tiered = await openTiered(
    {
      ...remote.store,
      async get(key, options) {
        refuse(key);
        return remote.store.get(key, options);
      },
      async stat(key, options) {
        refuse(key);
        return remote.store.stat(key, options);
      },
    },
    cacheFolder,
    { maxBytes: 8 * 1024 * 1024 },
  );
  await tiered.cache.loaded;
  return {
    store: tiered.store,
    async forbid(key) {
      await tiered.forget([key]);
      forbidden = key;
      return async () => {
        forbidden = undefined;
      };
    },
    async leftOvers() {
      await tiered.settled();
      return [...(await remote.leftOvers()), ...(await cacheLeftOvers(cacheFolder))];
    },
    async close() {
      await tiered.settled();
      remote.close?.();
      await folder[Symbol.asyncDispose]();
    },
  };
}

storeSuite(
  'memory behind a cache',
  () => open(async () => ({ store: checked(createMemoryStore()), leftOvers: async () => [] })),
  { nesting: 'refused', keys: 1000 },
);

storeSuite(
  'a folder on disk behind a cache',
  () => open(async (root) => ({ store: await openChecked({ root }), leftOvers: () => leftOvers(root) })),
  { nesting: 'refused', keys: 1000 },
);

describe.skipIf(minioProgram === undefined)('a bucket of MinIO behind a cache', () => {
  let minio: Minio;
  beforeAll(async () => {
    minio = await openMinio();
  });
  afterAll(() => minio?.[Symbol.asyncDispose]());

  storeSuite(
    'S3 behind a cache',
    () => open(async () => ({ ...openS3(connectionTo(minio)), leftOvers: () => minio.unfinishedUploads() })),
    { nesting: 'unlisted', keys: 500 },
  );
});
