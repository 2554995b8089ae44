import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { Readable, Writable } from 'node:stream';
import type { Worker } from 'node:worker_threads';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { StoaError } from '../../src/errors.ts';
import { createZipWriter, type ZipTask, type ZipWriter } from '../../src/fetch/zip-writer.ts';
import { maxZipBytes } from '../../src/module/zip.ts';
import { git, openGitRepos } from '../fakes/git-repos.ts';
import { hashZip } from '../module/read-zip.ts';
import { buildTar } from './build-tar.ts';

const { workers } = vi.hoisted(() => ({ workers: [] as Worker[] }));

vi.mock('node:worker_threads', async (importOriginal) => {
  const original = await importOriginal<typeof import('node:worker_threads')>();
  return {
    ...original,
    Worker: class extends original.Worker {
      constructor(...args: ConstructorParameters<typeof Worker>) {
        super(...args);
        workers.push(this);
      }
    },
  };
});

const version = { path: 'example.com/m', version: 'v1.0.0' };
const never = new AbortController().signal;

let writer: ZipWriter | undefined;
afterEach(async () => {
  await writer?.close();
  workers.length = 0;
});

function open(threads = 1): ZipWriter {
  writer = createZipWriter({ threads });
  return writer;
}

/** Takes bytes, some time after they came, and keeps them. */
function createKeeper(): { into: Writable; bytes(): Buffer } {
  const chunks: Buffer[] = [];
  const into = new Writable({
    write(chunk: Buffer, _, callback) {
      setImmediate(() => {
        // A copy, and a late one: the memory is used again from now on, and not before.
        chunks.push(Buffer.from(chunk));
        callback();
      });
    },
  });
  return { into, bytes: () => Buffer.concat(chunks) };
}

/** A task for these files, whose archive comes in pieces of 10,000 bytes. */
function taskOf(files: Readonly<Record<string, string | Buffer>>, into: Writable): ZipTask {
  const names = Object.keys(files);
  const tar = buildTar(names.map((name) => ({ name, content: files[name]! })));
  return {
    version,
    folder: '',
    files: names.map((name) => ({ name, kind: 'file' })),
    tar: Readable.from(piecesOf(tar)),
    into,
    signal: never,
    maxBytes: maxZipBytes,
  };
}

function* piecesOf(bytes: Buffer): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += 10_000) yield Buffer.from(bytes.subarray(at, at + 10_000));
}

/** The beginning of an archive, up to the content of a file of this size. */
function beginning(size: number): Buffer {
  const spoil = (header: Buffer) => header.write(`${size.toString(8).padStart(11, '0')}\0`, 124);
  return buildTar([{ name: 'f', spoil }]).subarray(0, 3 * 512);
}

const pieceBytes = 64 * 1024;

/** An archive of a file of this size, of noise that no zip makes smaller; it never ends. */
async function* endless(size: number, onPiece: () => void = () => undefined): AsyncGenerator<Buffer> {
  const noise = randomBytes(pieceBytes);
  yield beginning(size);
  for (;;) {
    onPiece();
    yield Buffer.from(noise);
  }
}

/** Bytes of an archive, behind which nothing comes and no end. */
function stallingAfter(bytes: Buffer): Readable {
  const stalling = new Readable({ read: () => undefined });
  stalling.push(bytes);
  return stalling;
}

const fileF = [{ name: 'f', kind: 'file' }] as const;

describe('a zip writer', () => {
  test('makes several zips at a time, each as if alone', async () => {
    const { writeModuleZip } = open(2);
    const all = Array.from({ length: 5 }, async (_, i) => {
      const { into, bytes } = createKeeper();
      const files = Object.fromEntries(
        Array.from({ length: 1500 }, (_, j) => [`d${j % 7}/f${j}`, `content ${i} of ${j}\n`.repeat(j % 50)]),
      );
      const zip = await writeModuleZip(taskOf(files, into));
      expect(into.writableFinished).toBe(true);
      expect(bytes()).toHaveLength(zip.size);
      expect(hashZip(version, bytes())).toBe(zip.h1);
      return zip.h1;
    });
    expect(new Set(await Promise.all(all)).size).toBe(5);
    expect(workers).toHaveLength(2);
  });

  test('refuses a tree that is no module before the first byte', async () => {
    const { into, bytes } = createKeeper();
    const task = taskOf({ a: 'x', A: 'y' }, into);
    await expect(open().writeModuleZip(task)).rejects.toMatchObject({
      kind: 'integrity',
      message: 'example.com/m@v1.0.0: create zip: "A": case-insensitive file name collision: "a" and "A"',
    });
    expect(bytes()).toHaveLength(0);
    expect([task.tar.destroyed, into.destroyed]).toEqual([true, true]);
  });

  test('says what is wrong with an archive at once, also while the rest of it does not come', async () => {
    const { into } = createKeeper();
    const task = { ...taskOf({ a: '' }, into), tar: stallingAfter(Buffer.alloc(512, 'x')) };
    await expect(open().writeModuleZip(task)).rejects.toMatchObject({
      kind: 'integrity',
      message: 'example.com/m@v1.0.0: malformed tar archive: a header fails its checksum',
    });
    expect([task.tar.destroyed, into.destroyed]).toEqual([true, true]);
  });

  test('ends with the failure of the archive', async () => {
    const { into } = createKeeper();
    const failure = new StoaError('upstream', 'example.com/m@v1.0.0: git was killed');
    const breaks = async function* () {
      yield buildTar([]).subarray(0, 700);
      throw failure;
    };
    const task = { ...taskOf({ a: '' }, into), tar: Readable.from(breaks()) };
    await expect(open().writeModuleZip(task)).rejects.toBe(failure);
    expect(into.destroyed).toBe(true);
  });

  test('ends with the failure of where it writes', async () => {
    const failure = new StoaError('storage', 'example.com/m@v1.0.0: the disk is full');
    const into = new Writable({ write: (_chunk, _encoding, callback) => callback(failure) });
    const task = { ...taskOf({}, into), files: fileF, tar: Readable.from(endless(1e8)) };
    await expect(open().writeModuleZip(task)).rejects.toBe(failure);
    expect(task.tar.destroyed).toBe(true);
  });

  test.each(['before it began', 'while the archive does not come', 'while nobody takes the zip'])(
    'ends when it is aborted %s',
    async (when) => {
      const { writeModuleZip } = open();
      const stop = new AbortController();
      const reason = new StoaError('timeout', 'example.com/m@v1.0.0: not fetched within 60 s');
      const taken = Promise.withResolvers<void>();
      const into = new Writable({
        write(_chunk, _encoding, callback) {
          taken.resolve();
          if (when !== 'while nobody takes the zip') callback();
        },
      });
      const large = 200 * 1024 * 1024;
      const tar =
        when === 'while the archive does not come'
          ? stallingAfter(Buffer.concat([beginning(large), randomBytes(3 * 1024 * 1024)]))
          : Readable.from(endless(large));
      if (when === 'before it began') stop.abort(reason);
      const made = writeModuleZip({ ...taskOf({}, into), files: fileF, tar, signal: stop.signal });
      made.catch(() => undefined);
      if (when !== 'before it began') await taken.promise;
      stop.abort(reason);
      await expect(made).rejects.toBe(reason);
      expect([tar.destroyed, into.destroyed]).toEqual([true, true]);
    },
  );

  test('ends when it is aborted while the thread does not answer', async () => {
    const stop = new AbortController();
    const task = taskOf({ a: 'x' }, createKeeper().into);
    const made = open().writeModuleZip({ ...task, signal: stop.signal });
    made.catch(() => undefined);
    await vi.waitUntil(() => workers.length > 0);
    workers[0]!.removeAllListeners('message');
    stop.abort();
    await expect(made).rejects.toMatchObject({ kind: 'canceled' });
  });

  test('reads no more of the archive than it can pass on', async () => {
    const stop = new AbortController();
    const calm = Promise.withResolvers<void>();
    let timer: NodeJS.Timeout | undefined;
    let pieces = 0;
    const tar = Readable.from(
      endless(400 * 1024 * 1024, () => {
        pieces++;
        clearTimeout(timer);
        timer = setTimeout(calm.resolve, 1000);
      }),
    );
    const into = new Writable({ write: () => undefined });
    const made = open().writeModuleZip({ ...taskOf({}, into), files: fileF, tar, signal: stop.signal });
    made.catch(() => undefined);
    await calm.promise;
    expect(pieces * pieceBytes).toBeGreaterThan(512 * 1024);
    expect(pieces * pieceBytes).toBeLessThan(6 * 1024 * 1024);
    stop.abort();
    await expect(made).rejects.toMatchObject({ kind: 'canceled' });
  });

  test('fails those who wait for a thread that died, and starts another', async () => {
    const { writeModuleZip } = open();
    const { into } = createKeeper();
    const pulled = Promise.withResolvers<void>();
    const tar = Readable.from(endless(1e8, pulled.resolve));
    const made = writeModuleZip({ ...taskOf({}, into), files: fileF, tar });
    await pulled.promise;
    await workers[0]!.terminate();
    await expect(made).rejects.toMatchObject({
      kind: 'internal',
      message: 'example.com/m@v1.0.0: a zip worker died',
    });
    expect([tar.destroyed, into.destroyed]).toEqual([true, true]);
    const next = createKeeper();
    const { h1 } = await writeModuleZip(taskOf({ a: 'x' }, next.into));
    expect(hashZip(version, next.bytes())).toBe(h1);
    expect(workers).toHaveLength(2);
  });

  test('ends what is under way when it is closed, and makes nothing more', async () => {
    const { writeModuleZip, close } = open();
    const pulled = Promise.withResolvers<void>();
    const tar = Readable.from(endless(1e8, pulled.resolve));
    const made = writeModuleZip({ ...taskOf({}, createKeeper().into), files: fileF, tar });
    made.catch(() => undefined);
    await pulled.promise;
    await close();
    await expect(made).rejects.toMatchObject({ kind: 'draining' });
    const task = taskOf({ a: '' }, createKeeper().into);
    await expect(writeModuleZip(task)).rejects.toMatchObject({ kind: 'draining' });
    expect(task.tar.destroyed).toBe(true);
  });

  test('holds no more of a large file in memory than a few blocks', async () => {
    const { writeModuleZip } = open();
    await writeModuleZip(taskOf({ a: 'x' }, createKeeper().into));
    const size = 200 * 1024 * 1024;
    const whole = async function* () {
      let at = 0;
      for await (const piece of endless(size)) {
        yield piece;
        if (piece.length === pieceBytes) at += pieceBytes;
        if (at === size) break;
      }
      yield Buffer.alloc(1024);
    };
    const before = process.memoryUsage.rss();
    let most = before;
    const into = new Writable({
      write(_chunk, _encoding, callback) {
        most = Math.max(most, process.memoryUsage.rss());
        setImmediate(callback);
      },
    });
    await writeModuleZip({ ...taskOf({}, into), files: fileF, tar: Readable.from(whole()) });
    expect((most - before) / 1e6).toBeLessThan(100);
  });

  test.skipIf(git === undefined)('takes the whole output of a git that has long ended', async () => {
    await using repos = await openGitRepos();
    const repo = await repos.create('m', [{ commit: 'one', files: { 'go.mod': 'module example.com/m\n' } }]);
    const child = spawn(git!, ['-C', repo.folder, 'archive', '--format=tar', repo.hash('one')], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const { into, bytes } = createKeeper();
    const { h1 } = await open().writeModuleZip({ ...taskOf({ 'go.mod': '' }, into), tar: child.stdout });
    expect(hashZip(version, bytes())).toBe(h1);
  });
});
