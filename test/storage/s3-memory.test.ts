import { execFile } from 'node:child_process';
import { randomFillSync } from 'node:crypto';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Minio } from '../../scripts/services/minio.ts';
import { openFolder } from '../conformance/store-kit.ts';
import { connectionTo, minioProgram, openMinio } from './s3-kit.ts';

const program = fileURLToPath(new URL('./memory-child.ts', import.meta.url));
const mb = 1_000_000;
const [small, large] = [mb, 200 * mb];

describe.skipIf(minioProgram === undefined)('a zip of 200 MB', () => {
  let minio: Minio;
  let folder: Awaited<ReturnType<typeof openFolder>>;
  beforeAll(async () => {
    minio = await openMinio();
    folder = await openFolder();
    const block = randomFillSync(Buffer.alloc(mb));
    for (const size of [small, large]) {
      await using file = await open(join(folder.path, String(size)), 'w');
      for (let i = 0; i < size / mb; i++) await file.write(block);
    }
  });
  afterAll(async () => {
    await minio?.[Symbol.asyncDispose]();
    await folder?.[Symbol.asyncDispose]();
  });

  test.each([
    ['alone', undefined],
    ['behind a cache that has no room for it', 'cache'],
  ])('goes through S3 %s without being in memory as a whole', async (_, cache) => {
    const store = {
      s3: { ...connectionTo(minio), prefix: `${cache}/` },
      ...(cache !== undefined && { cache: join(folder.path, cache) }),
    };
    // A small heap for young objects: what is counted is to be held, not garbage that nobody collected yet.
    const args = [
      '--max-semi-space-size=1',
      program,
      JSON.stringify(store),
      folder.path,
      `${small}`,
      `${large}`,
    ];
    const { stdout } = await promisify(execFile)(process.execPath, args);
    // Parts on their way in, and what the runtime has read ahead on the way out, each some tens of MB.
    expect(Number(stdout)).toBeLessThan(160 * mb);
  });
});
