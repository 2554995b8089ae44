import { randomBytes } from 'node:crypto';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Minio } from '../../scripts/services/minio.ts';
import { type Stoa, startStoa, withoutFreshness } from '../fakes/stoa.ts';
import { type FakeUpstream, readModuleTexts, startUpstream, type UpstreamModule } from '../fakes/upstream.ts';
import { minioProgram, openMinio } from '../storage/s3-kit.ts';
import { go, openGoHome } from './go.ts';

/** Larger than what is kept in memory, and than what S3 takes in one part. */
const large: UpstreamModule = {
  path: 'example.com/large',
  versions: {
    'v1.0.0': { files: { 'go.mod': 'module example.com/large\n', 'data.bin': randomBytes(6_000_000) } },
  },
};

const modules = ['example.com/hello@v1.0.0', 'example.com/Mixed/Case@v1.0.0', 'example.com/large@v1.0.0'];

describe.skipIf(go === undefined || minioProgram === undefined)('a server over an S3 bucket', () => {
  let minio: Minio;
  let upstream: FakeUpstream;
  let settings: Record<string, string>;
  beforeAll(async () => {
    minio = await openMinio();
    upstream = await startUpstream({ modules: [...(await readModuleTexts()), large] });
    settings = {
      STOA_STORAGE_TYPE: 's3',
      STOA_S3_BUCKET: 'modules',
      STOA_S3_ENDPOINT: minio.endpoint,
      STOA_S3_ACCESS_KEY_ID: minio.accessKeyId,
      STOA_S3_SECRET_ACCESS_KEY: minio.secretAccessKey,
    };
  });
  afterAll(async () => {
    await upstream?.close();
    await minio?.[Symbol.asyncDispose]();
  });

  async function download(stoa: Stoa): Promise<string> {
    await using home = await openGoHome(stoa.url);
    const { stdout } = await home.run(['mod', 'download', '-json', ...modules]);
    return stdout.replaceAll(home.folder, '');
  }

  test('serves the go command what is in the bucket, and goes on while the bucket cannot be reached', async () => {
    await using first = await startStoa({ upstream: upstream.url, env: settings });
    const cold = await download(first);
    await upstream.stop();

    // Another replica, which has nothing of its own.
    await using second = await startStoa({
      upstream: upstream.url,
      env: { ...settings, ...withoutFreshness, STOA_NET_RETRIES: '0' },
    });
    expect(await download(second)).toBe(cold);

    // It has copies of all of it now, also after a restart; here too no source is asked.
    await second.stop();
    await second.start();
    await expect.poll(() => copies(second)).toBe(12);
    await minio.kill();
    expect(await download(second)).toBe(cold);
    const ready = await fetch(`${second.url}/readyz`);
    expect(ready.status).toBe(200);
    expect(await ready.text()).toMatch(/^degraded: storage cannot be read: /);
    await minio.restart();
    await expect
      .poll(async () => (await fetch(`${second.url}/readyz`)).text(), { timeout: 20_000 })
      .toBe('ok\n');
    await upstream.restart();
  });

  test('needs no cache', async () => {
    await using stoa = await startStoa({
      upstream: upstream.url,
      env: { ...settings, STOA_STORAGE_CACHE: '0' },
    });
    const cold = await download(stoa);
    await stoa.stop();
    await rm(stoa.data, { recursive: true });
    await stoa.start();
    expect(await download(stoa)).toBe(cold);
    expect(await readdir(join(stoa.data, 'downloads'))).toEqual([]);
    expect(await readdir(stoa.data)).not.toContain('cache');
  });

  test.each<[string, Record<string, string>, RegExp]>([
    [
      'that nobody answers for',
      { STOA_S3_ENDPOINT: 'http://127.0.0.1:1' },
      /bucket modules at http:\/\/127\.0\.0\.1:1: cannot be used: connect ECONNREFUSED/,
    ],
    [
      'that is not there',
      { STOA_S3_BUCKET: 'elsewhere' },
      /bucket elsewhere at .*: cannot be used: the store answers 404 NoSuchBucket/,
    ],
    [
      'of somebody else',
      { STOA_S3_SECRET_ACCESS_KEY: 'wrong' },
      /cannot be used: the store answers 403 SignatureDoesNotMatch/,
    ],
  ])('does not start over a bucket %s, and says so in one sentence', async (_, env, sentence) => {
    const start = startStoa({ upstream: upstream.url, env: { ...settings, ...env } });
    await expect(start).rejects.toThrow(sentence);
  });

  /** Files of which a server has copies. */
  async function copies(stoa: Stoa): Promise<number> {
    const page = await fetch(`${stoa.url}/metrics`).then((reply) => reply.text());
    return Number(/^stoa_cache_entries (\d+)$/m.exec(page)?.[1]);
  }
});
