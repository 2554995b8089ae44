import { mkdir, mkdtemp, open, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Stoa, startStoa } from '../fakes/stoa.ts';
import { type FakeUpstream, startUpstream } from '../fakes/upstream.ts';
import { type Mount, mountable, openMount } from './mount.ts';
import { createRandom, noise } from './random.ts';
import { unfinished } from './shelf.ts';

const random = createRandom(3000);
const path = 'example.com/m';
const files = (size: number) => ({
  files: { 'go.mod': `module ${path}\n`, 'data.bin': noise(random, size) },
  compress: false,
});
const modules = [
  {
    path,
    versions: {
      'v1.0.0': files(300_000),
      'v1.1.0': files(2_000_000),
      'v1.2.0': files(1_000),
      'v1.3.0': files(1_000),
    },
  },
];

let mount: Mount;
let data: string;
let upstream: FakeUpstream;
let stoa: Stoa;
describe.skipIf(!mountable)('a store that cannot be written', () => {
  beforeEach(async () => {
    mount = await openMount(6 * 2 ** 20);
    // The store alone: nothing can be made read-only while the catalog's files are open for writing.
    data = await mkdtemp(join(tmpdir(), 'trouble-'));
    await mkdir(join(mount.path, 'store'));
    await symlink(join(mount.path, 'store'), join(data, 'store'));
    upstream = await startUpstream({ modules });
    stoa = await startStoa({
      upstream: upstream.url,
      data,
      // Hits come from the disk, so that they cannot go on by memory alone.
      env: { STOA_CACHE_MEMORY: '0', STOA_FRESH_ANSWER: '0', STOA_FRESH_REVALIDATE: '0' },
    });
    for (const file of ['info', 'mod', 'zip'] as const) await expectServed('v1.0.0', file);
    expect(await ready()).toBe('200 ok');
  });
  afterEach(async () => {
    await stoa[Symbol.asyncDispose]();
    await mount[Symbol.asyncDispose]();
    await upstream.close();
    await rm(data, { recursive: true });
  });

  test('since the disk is full: hits go on, misses say so, and it is well again when there is space', async () => {
    const filler = await fill();
    await expectHits();
    for (const file of ['info', 'mod', 'zip'] as const) await expectRefused('v1.1.0', file, 'disk full');
    await expectHits();
    expect(await ready()).toMatch(/^200 degraded: storage cannot be written: .*disk full$/);
    expect(await degraded()).toBe(1);

    await rm(filler);
    for (const file of ['info', 'mod', 'zip'] as const) await expectServed('v1.1.0', file);
    expect(await ready()).toBe('200 ok');
    expect(await degraded()).toBe(0);
    await expectNothingLeft();
  });

  test('since a zip is larger than the space: it is cut, the next request is told why, and smaller ones are served', async () => {
    const filler = await fill(600_000);
    await expectRefused('v1.1.0', 'zip', 'disk full');
    await expectHits();
    await expectServed('v1.2.0', 'zip');
    await rm(filler);
    await expectServed('v1.1.0', 'zip');
    await expectNothingLeft();
  });

  test('since it is read-only: the same', async () => {
    mount.remount('ro');
    await expectHits();
    for (const file of ['zip', 'info', 'mod'] as const)
      await expectRefused('v1.1.0', file, 'read-only file system');
    expect(await ready()).toMatch(/^200 degraded: storage cannot be written: .*read-only file system$/);
    await expectHits();

    mount.remount('rw');
    await expectServed('v1.1.0', 'zip');
    expect(await ready()).toBe('200 ok');
    await expectNothingLeft();
  });

  test('since it is read-only, and it was from the start: what is stored is served', async () => {
    await stoa.stop();
    mount.remount('ro');
    await stoa.start();
    await expectHits();
    await expectRefused('v1.2.0', 'zip', 'read-only file system');
    expect(await ready()).toMatch(/^200 degraded: /);
    mount.remount('rw');
    await expectServed('v1.2.0', 'zip');
    expect(await ready()).toBe('200 ok');
  });

  test('is well again by itself: readyz tries, also when nobody asks for anything new', async () => {
    mount.remount('ro');
    await expectRefused('v1.2.0', 'mod', 'read-only file system');
    mount.remount('rw');
    await expect.poll(ready, { timeout: 10_000, interval: 250 }).toBe('200 ok');
  });

  test('answers lists, latest and what does not exist: they need no room', async () => {
    const filler = await fill();
    expect(await get(`${path}/@v/list`)).toMatchObject({
      status: 200,
      text: 'v1.0.0\nv1.1.0\nv1.2.0\nv1.3.0\n',
    });
    expect(await get(`${path}/@v/v9.9.9.info`)).toMatchObject({ status: 404 });
    expect(await get('example.com/unknown/@latest')).toMatchObject({ status: 404 });
    await rm(filler);
    expect(await get(`${path}/@latest`)).toMatchObject({ status: 200 });
  });
});

/** Writes until the disk is full, but for so many bytes; gives the file. */
async function fill(free = 0): Promise<string> {
  const name = join(mount.path, 'filler');
  const file = await open(name, 'w');
  let size = 0;
  try {
    for (;;) size += (await file.write(Buffer.alloc(65_536))).bytesWritten;
  } catch (error) {
    expect(error).toMatchObject({ code: 'ENOSPC' });
  }
  if (free > 0) await file.truncate(size - free);
  await file.close();
  return name;
}

async function get(target: string): Promise<{ status: number; body: Buffer; text: string }> {
  const answer = await fetch(`${stoa.url}/${target}`);
  const body = Buffer.from(await answer.arrayBuffer());
  return { status: answer.status, body, text: body.toString() };
}

async function expectServed(version: string, file: 'info' | 'mod' | 'zip'): Promise<void> {
  const { status, body, text } = await get(`${path}/@v/${version}.${file}`);
  expect(status, text.slice(0, 300)).toBe(200);
  expect(body.equals(upstream.fixture(path, version)[file])).toBe(true);
}

async function expectHits(): Promise<void> {
  const before = upstream.count();
  for (const file of ['info', 'mod', 'zip'] as const) await expectServed('v1.0.0', file);
  expect(upstream.count()).toBe(before);
}

async function expectRefused(version: string, file: 'info' | 'mod' | 'zip', reason: string): Promise<void> {
  const target = `${path}/@v/${version}.${file}`;
  // A zip is streamed while it comes: it may be cut once, and then it is said why.
  const first = file === 'zip' ? await get(target).catch(() => undefined) : undefined;
  const { status, text } = first ?? (await get(target));
  expect(text).toMatch(new RegExp(`^${path}.*: ${reason}\n$`));
  expect(status).toBe(503);
}

async function expectNothingLeft(): Promise<void> {
  expect(await unfinished(join(mount.path, 'store'))).toEqual([]);
}

async function ready(): Promise<string> {
  const { status, text } = await get('readyz');
  return `${status} ${text.trimEnd()}`;
}

async function degraded(): Promise<number> {
  return Number(/^stoa_degraded (\d)$/m.exec((await get('metrics')).text)![1]);
}
