import { spawnSync } from 'node:child_process';
import { mkdir, readdir, rename, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, type TestContext, test } from 'vitest';
import { createBufferPool } from '../../src/storage/buffer-pool.ts';
import type { BlobStore } from '../../src/storage/store.ts';
import {
  collect,
  fileBody,
  key,
  keysOf,
  one,
  openFolder,
  pattern,
  read,
  reusing,
  two,
} from '../conformance/store-kit.ts';
import { leftOvers, openChecked, watchFiles } from './disk-kit.ts';

let folder: Awaited<ReturnType<typeof openFolder>>;
let root: string;
beforeEach(async () => {
  folder = await openFolder();
  root = join(folder.path, 'store');
});
afterEach(() => folder[Symbol.asyncDispose]());

describe('a disk that fails', () => {
  test.for([
    ['open', 'ENOSPC', 'disk full'],
    ['write', 'ENOSPC', 'disk full'],
    ['write', 'EDQUOT', 'disk quota exceeded'],
    ['write', 'EIO', 'input/output error'],
    ['syncData', 'EIO', 'input/output error'],
    ['close', 'EDQUOT', 'disk quota exceeded'],
    ['link', 'EACCES', 'permission denied'],
    ['link', 'EROFS', 'read-only file system'],
    ['makeFolders', 'ENOSPC', 'disk full'],
    ['link', 'EBUSY', 'EBUSY'],
  ] as const)('at %s with %s is said in words, and leaves nothing', async ([operation, code, reason]) => {
    let broken = false;
    const { files } = watchFiles((call) => (broken && call.operation === operation ? code : undefined));
    const store = await openChecked({ root, files });
    broken = true;
    for (const body of [pattern(100), reusing(pattern(100))])
      await expect(store.put(key, body, { ifAbsent: true })).rejects.toMatchObject({
        name: 'StoaError',
        kind: 'storage',
        message: `${key}: cannot be stored: ${reason}`,
        cause: { code },
      });
    broken = false;
    expect(await store.get(key)).toBeUndefined();
    expect(await leftOvers(root)).toEqual([]);
    expect(await store.put(key, pattern(100), { ifAbsent: true })).toBe(true);
  });

  test.for([
    ['open', 'EIO', 'opened'],
    ['open', 'EACCES', 'opened'],
    ['open', 'EMFILE', 'opened'],
    ['stat', 'EIO', 'opened'],
    ['read', 'EIO', 'read'],
  ] as const)('at %s with %s is no absence, and nothing stays open', async ([operation, code, verb]) => {
    let broken = false;
    const { files, open } = watchFiles((call) => (broken && call.operation === operation ? code : undefined));
    const store = await openChecked({ root, files });
    await store.put(key, one);
    broken = true;
    await expect(read(store, key)).rejects.toMatchObject({
      kind: 'storage',
      message: expect.stringContaining(`${key}: cannot be ${verb}`),
    });
    expect(open.size).toBe(0);
  });

  test('after a folder was made for the blob leaves no folder either', async () => {
    let links = 0;
    const { files } = watchFiles(({ operation, path }) =>
      operation === 'link' && path.endsWith(key) && ++links === 1 ? 'ENOSPC' : undefined,
    );
    const store = await openChecked({ root, files });
    await expect(store.put(key, one, { ifAbsent: true })).rejects.toMatchObject({ kind: 'storage' });
    expect(links).toBe(1);
    expect(await leftOvers(root)).toEqual([]);
  });

  test.for(['link', 'rename'] as const)(
    'to hold the folder of a blob makes the put try again: %s',
    async (naming) => {
      let taken = 0;
      const { files } = watchFiles(async ({ operation, path }) => {
        // As a delete of another blob would, just before the blob gets its name.
        if (operation === naming && path.endsWith(key) && taken < 20) {
          await rm(join(root, 'example.com'), { recursive: true, force: true });
          taken++;
        }
        return undefined;
      });
      const store = await openChecked({ root, files });
      expect(await store.put(key, one, { ifAbsent: naming === 'link' })).toBe(true);
      expect(taken).toBe(20);
      expect((await read(store, key))!.equals(one)).toBe(true);
    },
  );

  test('while it is listed is no end of the list', async () => {
    const { files } = watchFiles(({ operation, path }) =>
      operation === 'entries' && path.endsWith('/b/') ? 'EIO' : undefined,
    );
    const store = await openChecked({ root, files });
    for (const each of ['a/1', 'b/2', 'c/3']) await store.put(each, one);
    await expect(keysOf(store)).rejects.toMatchObject({
      kind: 'storage',
      message: 'b/: cannot be listed: input/output error',
    });
  });

  test('without hard links is refused when it is opened', async () => {
    const { files } = watchFiles(({ operation }) => (operation === 'link' ? 'EPERM' : undefined));
    await expect(openChecked({ root, files })).rejects.toMatchObject({
      kind: 'storage',
      message: `${root}: its file system has no hard links, which a store needs`,
    });
    expect(await readdir(join(root, '.tmp'))).toEqual([]);
  });

  test('whose folder is a file is refused when it is opened', async () => {
    await writeFile(root, '');
    await expect(openChecked({ root })).rejects.toMatchObject({
      kind: 'storage',
      message: expect.stringContaining(`${root}: cannot be opened as a store: `),
    });
  });

  test('that is not there any more has no absent keys, and is not made anew', async () => {
    const store = await openChecked({ root });
    await store.put(key, one);
    await rename(root, `${root}-away`);
    const gone = { kind: 'storage', message: `${root}: not there any more; is its disk mounted?` };
    // As below a mount point: the folder is there, but not what marks it.
    for (const empty of [false, true]) {
      if (empty) await mkdir(root);
      await expect(store.get(key)).rejects.toMatchObject(gone);
      await expect(store.stat(key)).rejects.toMatchObject(gone);
      await expect(keysOf(store)).rejects.toMatchObject(gone);
      await expect(store.put(key, one)).rejects.toMatchObject(gone);
      await expect(store.put('a', await fileBody(folder.path, 'body', one))).rejects.toMatchObject(gone);
      if (!empty) expect(await readdir(folder.path)).not.toContain('store');
    }
    expect(await readdir(root)).toEqual([]);
    await rm(root, { recursive: true });
    await rename(`${root}-away`, root);
    expect((await read(store, key))!.equals(one)).toBe(true);
  });
});

test('a disk that goes in the middle of a put is not made anew', async () => {
  const { files } = watchFiles(async ({ operation, path }) => {
    if (operation === 'link' && path.endsWith(key)) await rename(root, `${root}-away`);
    return undefined;
  });
  const store = await openChecked({ root, files });
  await expect(store.put(key, one, { ifAbsent: true })).rejects.toMatchObject({
    message: `${root}: not there any more; is its disk mounted?`,
  });
  expect(await readdir(folder.path)).toEqual(['store-away']);
});

describe('what is no blob in a store', () => {
  async function put(store: BlobStore): Promise<void> {
    await store.put('a/blob', one);
    await writeFile(join(root, 'a/blob.txt'), 'ours as any other');
    await writeFile(join(root, 'a/.hidden'), '');
    await writeFile(join(root, 'a/white space'), '');
    await writeFile(join(root, 'a/ümlaut'), '');
    await symlink('blob', join(root, 'a/symlink'));
    await symlink('../a', join(root, 'a/loop'));
    expect(command('mkfifo', join(root, 'a/pipe')).status).toBe(0);
  }

  test('is not listed', async () => {
    const store = await openChecked({ root });
    await put(store);
    expect(await keysOf(store)).toEqual(['a/blob', 'a/blob.txt']);
  });

  test('is an error when it is asked for, not an absence, and a pipe holds nobody up', async () => {
    const store = await openChecked({ root });
    await put(store);
    for (const other of ['a/symlink', 'a/loop', 'a/pipe']) {
      await expect(store.get(other), other).rejects.toMatchObject({ kind: 'storage' });
      await expect(store.stat(other), other).rejects.toMatchObject({ kind: 'storage' });
      expect(await store.put(other, one, { ifAbsent: true }), other).toBe(false);
    }
  });

  test('is a socket', async () => {
    const store = await openChecked({ root });
    await store.put('a/blob', one);
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(join(root, 'a/socket'), resolve));
    await expect(store.get('a/socket')).rejects.toMatchObject({
      kind: 'storage',
      message: 'a/socket: cannot be opened: not a regular file',
    });
    server.close();
  });
});

describe('reading from disk', () => {
  test('fails, rather than end early, when the file is cut meanwhile', async () => {
    const store = await openChecked({ root });
    await store.put(key, one);
    await using blob = await store.get(key);
    await truncate(join(root, key), 2_000_000);
    await expect(collect(blob!.read())).rejects.toMatchObject({
      kind: 'storage',
      message: `${key}: ends after 2000000 of ${one.length} bytes`,
    });
  });

  test('takes large chunks from the pool, small ones when the pool is lent out, and gives back what it took', async () => {
    const buffers = createBufferPool({ bytes: 1_048_576, count: 1 });
    const store = await openChecked({ root, buffers });
    await store.put(key, one);
    const sizes = async (blob: NonNullable<Awaited<ReturnType<typeof store.get>>>) => {
      const found: number[] = [];
      for await (const chunk of blob.read()) found.push(chunk.length);
      return found;
    };
    await using first = await store.get(key);
    const reading = first!.read()[Symbol.asyncIterator]();
    expect((await reading.next()).value).toHaveLength(1_048_576);
    await using second = await store.get(key);
    expect((await sizes(second!))[0]).toBe(65_536);
    await reading.return!();
    await using third = await store.get(key);
    expect(await sizes(third!)).toEqual([1_048_576, 1_048_576, 1_048_576, 17]);
  });

  test('a blob that is closed while it is read waits for the disk, and its memory is not used by two', async () => {
    const stuck = Promise.withResolvers<undefined>();
    const begun = Promise.withResolvers<void>();
    let slow = false;
    const buffers = createBufferPool({ bytes: 1_048_576, count: 1 });
    const { files, open } = watchFiles(({ operation }) => {
      if (!slow || operation !== 'read') return undefined;
      begun.resolve();
      return stuck.promise;
    });
    const store = await openChecked({ root, files, buffers });
    await store.put(key, one);
    slow = true;
    const blob = await store.get(key);
    const next = blob!.read()[Symbol.asyncIterator]().next();
    const ended = expect(next).rejects.toMatchObject({ message: `${key}: read after it was closed` });
    await begun.promise;
    const closed = blob!.close();
    expect(buffers.take()).toBeUndefined();
    expect(open.size).toBe(1);
    slow = false;
    stuck.resolve(undefined);
    await closed;
    await ended;
    expect(buffers.take()).toBeDefined();
    expect(open.size).toBe(0);
  });

  test('leaves no file open, whatever way a blob is left', async () => {
    const { files, open } = watchFiles();
    const store = await openChecked({ root, files });
    await store.put(key, one);
    await read(store, key);
    await read(store, key, { start: 5, end: 5 });
    expect(await store.get('example.com/m')).toBeUndefined();
    for (let round = 0; round < 3; round++) {
      await using blob = await store.get(key);
      for await (const _ of blob!.read()) break;
    }
    expect(open.size).toBe(0);
  });

  test('tells the file of a blob', async () => {
    const store = await openChecked({ root });
    await store.put(key, one);
    await using blob = await store.get(key);
    expect(blob!.file).toBe(join(root, key));
  });
});

describe('a small file system', () => {
  test('full: what was stored is read, a put says so and leaves nothing, and goes on when there is room', async (context) => {
    await using disk = await mount(context, root);
    const store = await openChecked({ root: disk.path });
    await store.put(key, pattern(1000));
    const full = { kind: 'storage', message: 'a/b: cannot be stored: disk full' };
    // The file lies on another file system, so that it has to be copied.
    for (const body of [two, reusing(two), await fileBody(folder.path, 'body', two)])
      await expect(store.put('a/b', body, { ifAbsent: true })).rejects.toMatchObject(full);
    expect(await leftOvers(disk.path)).toEqual([]);
    expect(await keysOf(store)).toEqual([key]);
    expect(await read(store, key)).toEqual(pattern(1000));
    expect(await store.put('a/b', pattern(100_000))).toBe(true);
  });

  test('apart from the file that is put: it is copied, and its size is checked', async (context) => {
    await using disk = await mount(context, root);
    const store = await openChecked({ root: disk.path });
    const body = await fileBody(folder.path, 'body', pattern(300_000));
    for (const size of [299_999, 300_001, 0])
      await expect(store.put(key, { ...body, size }, { ifAbsent: true })).rejects.toMatchObject({
        kind: 'storage',
      });
    expect(await leftOvers(disk.path)).toEqual([]);
    expect(await store.put(key, body, { ifAbsent: true })).toBe(true);
    expect(await read(store, key)).toEqual(pattern(300_000));
  });

  test('read-only: it is opened and read, and a put says why not', async (context) => {
    await using disk = await mount(context, root);
    await (await openChecked({ root: disk.path })).put(key, pattern(1000));
    disk.remount('ro');
    const store = await openChecked({ root: disk.path });
    const refused = { kind: 'storage', message: `${key}: cannot be stored: read-only file system` };
    await expect(store.put(key, pattern(5), { ifAbsent: true })).rejects.toMatchObject(refused);
    await expect(store.delete(key)).rejects.toMatchObject({
      message: `${key}: cannot be deleted: read-only file system`,
    });
    expect(await read(store, key)).toEqual(pattern(1000));
    expect(await store.get('a')).toBeUndefined();
    disk.remount('rw');
    expect(await store.put(key, pattern(5))).toBe(true);
  });

  test('unmounted: nothing is absent, and nothing is written below its mount point', async (context) => {
    await using disk = await mount(context, root);
    const store = await openChecked({ root: disk.path });
    await store.put(key, pattern(1000));
    disk.unmount();
    await expect(store.get(key)).rejects.toMatchObject({ kind: 'storage' });
    await expect(store.put(key, pattern(5))).rejects.toMatchObject({ kind: 'storage' });
    expect(await readdir(disk.path)).toEqual([]);
  });
});

/**
 * A file system of 1 MiB in memory, in a folder that is made. Where mounting is forbidden the test is passed
 * over, but not where CI promises it.
 */
async function mount(context: TestContext, path: string) {
  await mkdir(path);
  const { status, stderr } = command('mount', '-t', 'tmpfs', '-o', 'size=1m', 'stoa-test', path);
  if (status !== 0) {
    expect(process.env.CI, stderr).toBeUndefined();
    context.skip('mounting a file system is not permitted here');
  }
  const unmount = () => command('umount', path);
  return {
    path,
    unmount,
    remount: (mode: 'ro' | 'rw') => expect(command('mount', '-o', `remount,${mode}`, path).status).toBe(0),
    [Symbol.asyncDispose]: async () => void unmount(),
  };
}

function command(name: string, ...args: string[]) {
  return spawnSync(name, args, { encoding: 'utf8' });
}
