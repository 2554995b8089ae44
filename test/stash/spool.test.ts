import { createHash, randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { StoaError } from '../../src/errors.ts';
import { createTurns } from '../../src/fetch/turns.ts';
import { createSpool, type FileSpool } from '../../src/stash/spool.ts';
import { createBufferPool } from '../../src/storage/buffer-pool.ts';
import { createPoolGate } from '../../src/storage/pool-gate.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'spool-'));
});
afterEach(() => rm(folder, { recursive: true }));

const signal = new AbortController().signal;

function spoolOf(maxBytes = 1e9): FileSpool {
  const file = join(folder, 'spool.zip');
  return createSpool({
    file,
    subject: 'example.com/m@v1.0.0',
    maxBytes,
    pool: createPoolGate(2),
    buffers: createBufferPool({ bytes: 256 * 1024, count: 8 }),
    turns: createTurns(),
    onWritten: () => undefined,
  });
}

/** A source in chunks of 64 KiB, as a socket gives them. */
function source(bytes: Buffer): Readable {
  const chunks = Array.from({ length: Math.ceil(bytes.length / 65_536) }, (_, i) =>
    bytes.subarray(i * 65_536, (i + 1) * 65_536),
  );
  return Readable.from(chunks, { objectMode: false });
}

async function collect(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const copies: Buffer[] = [];
  for await (const chunk of chunks) copies.push(Buffer.from(chunk));
  return Buffer.concat(copies);
}

const digest = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

describe('a spool', () => {
  it('gives every follower the same bytes, whenever it comes', async () => {
    await using spool = spoolOf();
    const bytes = randomBytes(5_000_000);
    const early = Array.from({ length: 10 }, () => collect(spool.read({ signal })));
    await pipeline(source(bytes), spool.begin({ source: 'upstream', size: bytes.length }));
    const late = collect(spool.read({ signal }));
    spool.release();
    for (const got of await Promise.all([...early, late])) expect(digest(got)).toBe(digest(bytes));
  });

  it('withholds the last bytes until it is released', async () => {
    await using spool = spoolOf();
    const bytes = randomBytes(200_000);
    await pipeline(source(bytes), spool.begin({ source: 'upstream', size: bytes.length }));
    let got = 0;
    const reading = (async () => {
      for await (const chunk of spool.read({ signal })) got += chunk.length;
    })();
    const before = await collect(spool.read({ end: bytes.length - 1024, signal }));
    expect(before.length).toBe(bytes.length - 1024);
    expect(got).toBeLessThanOrEqual(bytes.length - 1024);
    spool.release();
    await reading;
    expect(got).toBe(bytes.length);
  });

  it('withholds the last bytes of a download of unknown length too', async () => {
    await using spool = spoolOf();
    const bytes = randomBytes(200_000);
    await pipeline(source(bytes), spool.begin({ source: 'upstream' }));
    const reader = spool.read({ signal })[Symbol.asyncIterator]();
    let got = 0;
    while (got < bytes.length - 1024) got += (await reader.next()).value.length;
    expect(got).toBe(bytes.length - 1024);
    const next = reader.next();
    spool.fail(new StoaError('integrity', 'no'));
    await expect(next).rejects.toMatchObject({ kind: 'integrity' });
  });

  it('starts over when a source broke off before anybody took a byte', async () => {
    await using spool = spoolOf();
    const first = spool.begin({ source: 'a' });
    await expect(pipeline(failingAfter(randomBytes(3_000_000)), first)).rejects.toThrow('cut');
    const bytes = randomBytes(1_000_000);
    await pipeline(source(bytes), spool.begin({ source: 'b', size: bytes.length }));
    spool.release();
    expect(digest(await collect(spool.read({ signal })))).toBe(digest(bytes));
  });

  it('does not start over once a reader took a byte', async () => {
    await using spool = spoolOf();
    const writable = spool.begin({ source: 'a' });
    const reader = spool.read({ signal })[Symbol.asyncIterator]();
    writable.write(randomBytes(100_000));
    await reader.next();
    expect(() => spool.begin({ source: 'b' })).toThrow(StoaError);
    writable.destroy();
    await reader.return?.();
  });

  it('does not start over once it was taken for a client, who is told of the source it has then', async () => {
    await using spool = spoolOf();
    spool.begin({ source: 'a', size: 10 }).destroy();
    const writable = spool.begin({ source: 'b', size: 20 });
    expect(spool.taken).toBe(false);
    expect(spool.take()).toEqual({ source: 'b', size: 20 });
    expect(spool.taken).toBe(true);
    expect(() => spool.begin({ source: 'c' })).toThrow('after a client had taken bytes of it');
    writable.destroy();
  });

  it.each([
    ['a declared size beyond the limit', { source: 'u', size: 2000 }],
    ['bytes beyond the limit', { source: 'u' }],
    ['more bytes than were declared', { source: 'u', size: 10 }],
  ])('refuses %s', async (_, from) => {
    await using spool = spoolOf(1000);
    await expect(
      (async () => pipeline(source(randomBytes(2000)), spool.begin(from)))(),
    ).rejects.toMatchObject({ kind: 'integrity' });
  });

  it('calls fewer bytes than were declared a failure of the source', async () => {
    await using spool = spoolOf();
    await expect(
      pipeline(source(randomBytes(10)), spool.begin({ source: 'u', size: 20 })),
    ).rejects.toMatchObject({
      kind: 'upstream',
      message: 'example.com/m@v1.0.0: u ended after 10 of 20 bytes',
    });
  });

  it('ends a waiting follower when its request is aborted', async () => {
    await using spool = spoolOf();
    const request = new AbortController();
    const waiting = collect(spool.read({ signal: request.signal }));
    request.abort();
    await expect(waiting).rejects.toMatchObject({ kind: 'canceled' });
  });

  it('leaves no file behind, and lets a follower finish after it is gone', async () => {
    const bytes = randomBytes(3_000_000);
    const spool = spoolOf();
    const reader = spool.read({ signal })[Symbol.asyncIterator]();
    await pipeline(source(bytes), spool.begin({ source: 'u', size: bytes.length }));
    spool.release();
    const got = [Buffer.from((await reader.next()).value)];
    await spool[Symbol.asyncDispose]();
    expect(existsSync(spool.file)).toBe(false);
    for (let next = await reader.next(); next.done !== true; next = await reader.next())
      got.push(Buffer.from(next.value));
    expect(digest(Buffer.concat(got))).toBe(digest(bytes));
  });
});

function failingAfter(bytes: Buffer): Readable {
  return Readable.from(
    (async function* () {
      yield* source(bytes);
      throw new Error('cut');
    })(),
    { objectMode: false },
  );
}
