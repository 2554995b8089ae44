import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Minio } from '../../scripts/services/minio.ts';
import { isStoaError } from '../../src/errors.ts';
import type { BlobStore } from '../../src/storage/store.ts';
import { collect, fileBody, keysOf, openFolder, pattern, read } from '../conformance/store-kit.ts';
import { connectionTo, minioProgram, openMinio, openS3 } from './s3-kit.ts';
import { type Fate, startRelay } from './s3-relay.ts';

const zip = 'example.com/m/@v/v1.0.0.zip';
const info = 'example.com/m/@v/v1.0.0.info';
const fresh = 'fresh/example.com/m/@list';
/** Two parts. */
const large = pattern(5 * 1024 * 1024 + 1000, 1);
const other = pattern(5 * 1024 * 1024 + 1001, 2);
const small = pattern(300, 3);

const fates: readonly Fate[] = [
  'lose answer',
  'cut',
  'cut answer',
  { status: 503, code: 'SlowDown' },
  'cut request',
  { status: 500, code: 'InternalError' },
];

describe.skipIf(minioProgram === undefined)('a bucket behind a connection that fails', () => {
  let minio: Minio;
  let folder: Awaited<ReturnType<typeof openFolder>>;
  beforeAll(async () => {
    minio = await openMinio();
    folder = await openFolder();
  });
  afterAll(async () => {
    await minio?.[Symbol.asyncDispose]();
    await folder?.[Symbol.asyncDispose]();
  });

  test.for(Array.from({ length: 20 }, (_, i) => i + 1))(
    'at every call number %i shows nothing by halves, leaves nothing, and the retry succeeds',
    async (everyNth) => {
      let healed = false;
      let struck = 0;
      await using relay = await startRelay(minio.endpoint, ({ number }) =>
        healed || number % everyNth !== 0 ? 'pass' : fates[struck++ % fates.length]!,
      );
      const prefix = `nth-${everyNth}/`;
      const direct = openS3({ ...connectionTo(minio), prefix });
      const s3 = openS3({ ...connectionTo(minio), prefix, endpoint: relay.endpoint, random: () => 0 });
      const body = await fileBody(folder.path, `large-${everyNth}`, large);
      const lost = await fileBody(folder.path, `other-${everyNth}`, other);

      /** Tries until it works; after a failure what stands is whole. */
      async function insist<T>(what: string, work: (store: BlobStore) => Promise<T>): Promise<T> {
        for (let tries = 1; ; tries++) {
          try {
            return await work(s3.store);
          } catch (error) {
            expect(isStoaError(error, 'storage'), `${what}: ${String(error)}`).toBe(true);
            const [standing, standingSmall] = [await read(direct.store, zip), await read(direct.store, info)];
            expect(standing === undefined || standing.equals(large), what).toBe(true);
            expect(standingSmall === undefined || standingSmall.equals(small), what).toBe(true);
          }
          // Where every call fails, nothing works until it heals.
          healed ||= everyNth === 1 || tries === 10;
        }
      }

      await insist('put', (store) => store.put(zip, body, { ifAbsent: true }));
      expect((await read(direct.store, zip))!.equals(large)).toBe(true);
      expect(await insist('lose', (store) => store.put(zip, lost, { ifAbsent: true }))).toBe(false);
      await insist('put a small one', (store) => store.put(info, small, { ifAbsent: true }));
      await insist('put a changing one', (store) => store.put(fresh, pattern(100, 4)));
      expect(await insist('replace', (store) => store.put(fresh, pattern(100, 5)))).toBe(true);
      expect(await insist('read a changed one', (store) => read(store, fresh))).toEqual(pattern(100, 5));
      expect((await insist('read', (store) => read(store, zip)))!.equals(large)).toBe(true);
      const range = { start: 1_000_000, end: 5_200_000 };
      const part = await insist('read in part', (store) => read(store, zip, range));
      expect(part!.equals(large.subarray(range.start, range.end))).toBe(true);
      expect((await insist('look up', (store) => store.stat(zip)))!.size).toBe(large.length);
      expect(await insist('list', (store) => keysOf(store))).toEqual([info, zip, fresh]);
      await insist('delete', (store) => store.delete(zip));
      expect(await insist('miss', (store) => read(store, zip))).toBeUndefined();
      expect(await keysOf(direct.store)).toEqual([info, fresh]);
      expect(struck).toBeGreaterThan(0);
      expect(await minio.unfinishedUploads()).toEqual([]);
      for (const each of [s3, direct]) each.close();
    },
  );

  /** A store behind a relay. */
  async function openBehind(choose: Parameters<typeof startRelay>[1], options: { timeoutMs?: number } = {}) {
    const relay = await startRelay(minio.endpoint, choose);
    const s3 = openS3({ ...connectionTo(minio), endpoint: relay.endpoint, random: () => 0, ...options });
    return {
      relay,
      ...s3,
      async [Symbol.asyncDispose]() {
        s3.close();
        await relay[Symbol.asyncDispose]();
      },
    };
  }

  /** The given fates for the first requests of a kind, then none. */
  function first(kind: RegExp, ...fates: Fate[]): Parameters<typeof startRelay>[1] {
    return ({ method, url }) => (kind.test(`${method} ${url}`) ? (fates.shift() ?? 'pass') : 'pass');
  }

  const completes = /^POST .*\?uploadId=/;

  test.for<[string, Fate]>([
    ['a conflict', { status: 409, code: 'ConditionalRequestConflict' }],
    ['a lost answer', 'lose answer'],
    ['a cut', 'cut'],
    ['a 503', { status: 503, code: 'SlowDown' }],
  ])('%s is neither won nor lost: the put goes on until it is known', async ([, fate]) => {
    await using whole = await openBehind(first(/^PUT /, fate, fate));
    expect(await whole.store.put(info, small, { ifAbsent: true })).toBe(true);
    expect(await whole.store.put(info, other.subarray(0, 10), { ifAbsent: true })).toBe(false);
    expect(await read(whole.store, info)).toEqual(small);

    await using parts = await openBehind(first(completes, fate, fate));
    const body = await fileBody(folder.path, 'conflict', large);
    expect(await parts.store.put(zip, body, { ifAbsent: true })).toBe(true);
    expect((await read(parts.store, zip))!.equals(large)).toBe(true);
    expect(await minio.unfinishedUploads()).toEqual([]);
  });

  test('who got a conflict and finds the blob of another has lost', async () => {
    await using s3 = await openBehind(
      first(/^PUT /, 'pass', { status: 409, code: 'ConditionalRequestConflict' }),
    );
    expect(await s3.store.put(info, small, { ifAbsent: true })).toBe(true);
    expect(await s3.store.put(info, other.subarray(0, 10), { ifAbsent: true })).toBe(false);
  });

  test('a stream cannot be sent anew where the store gave up its upload, and the put says so', async () => {
    await using s3 = await openBehind(first(completes, { status: 404, code: 'NoSuchUpload' }));
    async function* body(): AsyncGenerator<Uint8Array> {
      yield large;
    }
    const failure = { kind: 'storage', message: `${zip}: cannot be stored: the store gave up the upload` };
    await expect(s3.store.put(zip, body(), { ifAbsent: true })).rejects.toMatchObject(failure);
    expect(await s3.store.get(zip)).toBeUndefined();
    expect(await minio.unfinishedUploads()).toEqual([]);
  });

  test('a blob whose answer breaks off is read on where it broke, from the same content', async () => {
    await using s3 = await openBehind(first(/^GET .*\.zip/, 'cut answer', 'cut answer', 'cut answer'));
    await s3.store.put(zip, large);
    expect((await read(s3.store, zip))!.equals(large)).toBe(true);
  });

  test('a blob that was replaced meanwhile is not read on: what came is not mixed with what is there', async () => {
    await using s3 = await openBehind(first(/^GET .*\.zip/, 'cut answer'));
    await s3.store.put(zip, large);
    await using blob = await s3.store.get(zip);
    await s3.store.put(zip, other);
    await expect(collect(blob!.read())).rejects.toMatchObject({
      kind: 'storage',
      message: `${zip}: cannot be read: it was replaced or deleted in the middle of it`,
    });
  });

  test('a store that does not answer is a failure after the timeout', async () => {
    await using s3 = await openBehind(() => 'hang', { timeoutMs: 100 });
    const failure = { kind: 'storage', message: `${info}: cannot be read: no answer within 100 ms` };
    await expect(s3.store.get(info)).rejects.toMatchObject(failure);
    await expect(s3.store.put(info, small, { ifAbsent: true })).rejects.toMatchObject({ kind: 'storage' });
    await expect(keysOf(s3.store)).rejects.toMatchObject({ kind: 'storage' });
  });

  test('a store that does not answer is left at once by who gives up', async () => {
    await using s3 = await openBehind(() => 'hang');
    for (const work of [
      (signal: AbortSignal) => s3.store.get(info, { signal }),
      (signal: AbortSignal) => s3.store.put(info, small, { ifAbsent: true, signal }),
      (signal: AbortSignal) => s3.store.put(zip, large, { ifAbsent: true, signal }),
      (signal: AbortSignal) => s3.store.delete(info, { signal }),
      (signal: AbortSignal) => s3.store.list('', { signal })[Symbol.asyncIterator]().next(),
    ]) {
      const stop = new AbortController();
      const before = s3.relay.requests.length;
      const done = work(stop.signal);
      await expect.poll(() => s3.relay.requests.length).toBeGreaterThan(before);
      stop.abort();
      await expect(done).rejects.toMatchObject({ kind: 'canceled' });
    }
  });

  test('a bucket that is not there is no absence of blobs', async () => {
    const s3 = openS3({ ...connectionTo(minio), bucket: 'elsewhere' });
    const failure = (verb: string) => ({
      kind: 'storage',
      message: `${info}: cannot be ${verb}: the store answers 404 NoSuchBucket: The specified bucket does not exist`,
    });
    await expect(s3.store.get(info)).rejects.toMatchObject(failure('read'));
    await expect(s3.store.stat(info)).rejects.toMatchObject(failure('looked up'));
    await expect(s3.store.put(info, small)).rejects.toMatchObject(failure('stored'));
    await expect(s3.prove()).rejects.toMatchObject({
      message: `s3: bucket elsewhere at ${minio.endpoint}: cannot be used: the store answers 404 NoSuchBucket: The specified bucket does not exist`,
    });
    s3.close();
  });

  test('a store that takes the condition and ignores it is refused', async () => {
    await using s3 = await openBehind(({ method, url }) =>
      method === 'PUT' && !url.includes('uploadId=') ? { status: 200, code: '' } : 'pass',
    );
    await expect(s3.prove()).rejects.toMatchObject({
      kind: 'storage',
      message: `s3: bucket modules at ${s3.relay.endpoint}: cannot keep modules: of 16 writers who put one key only where it is absent 16 won, not one; the store ignores If-None-Match`,
    });
  });

  test('no more connections are open than are allowed', async () => {
    await using relay = await startRelay(minio.endpoint, () => 'pass');
    const s3 = openS3({ ...connectionTo(minio), endpoint: relay.endpoint, connections: 8 });
    await s3.store.put(info, small);
    await Promise.all(
      Array.from({ length: 60 }, (_, i) =>
        i % 2 === 0 ? read(s3.store, info) : s3.store.put(`example.com/n${i}/@v/v1.0.0.mod`, small),
      ),
    );
    expect(relay.mostConnections).toBeLessThanOrEqual(8 + 2);
    s3.close();
  });

  test('uploads that a killed process left a day ago are given up, those of others are not', async () => {
    const { S3Client, CreateMultipartUploadCommand } = await import('@aws-sdk/client-s3');
    const { endpoint, credentials } = connectionTo(minio);
    const sdk = new S3Client({
      endpoint: endpoint!,
      credentials: credentials!,
      forcePathStyle: true,
      region: 'us-east-1',
    });
    for (const name of [zip, 'another/program.bin'])
      await sdk.send(new CreateMultipartUploadCommand({ Bucket: 'modules', Key: name }));
    const day = 24 * 60 * 60 * 1000;
    let now = Date.now();
    const s3 = openS3({ ...connectionTo(minio), prefix: '', now: () => now });
    await s3.sweep(AbortSignal.timeout(10_000));
    expect((await minio.unfinishedUploads()).length).toBe(2);
    now += day + 60_000;
    await s3.sweep(AbortSignal.timeout(10_000));
    expect((await minio.unfinishedUploads()).length).toBe(1);
    sdk.destroy();
    s3.close();
  });
});
