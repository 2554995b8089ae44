import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createZipJob } from '../../src/stash/zip-job.ts';
import { type Files, moduleFixture } from '../fakes/module-zip.ts';

const m = { path: 'example.com/m', version: 'v1.0.0' };

/** A job over bytes in memory that counts what it reads. */
function jobOf(zip: Buffer) {
  const read = { bytes: 0 };
  const job = createZipJob(m, (offset, length) => {
    if (offset + length > zip.length) throw new RangeError('past the end');
    read.bytes += length;
    return zip.subarray(offset, offset + length);
  });
  return { job, read };
}

const texts = fc.array(fc.oneof(fc.string({ maxLength: 2000 }), fc.constant('x'.repeat(5000))), {
  minLength: 1,
  maxLength: 8,
});

describe('the hashing of a zip', () => {
  it('gives the same h1 however the zip grew', async () => {
    await fc.assert(
      fc.asyncProperty(texts, fc.boolean(), fc.array(fc.nat(20_000)), async (contents, compress, steps) => {
        const files = Object.fromEntries(contents.map((content, i) => [`f${i}.go`, content]));
        const { zip, h1 } = await moduleFixture(m, { files, compress });
        const { job } = jobOf(zip);
        for (const step of steps.sort((a, b) => a - b)) job.grow(Math.min(step, zip.length));
        expect((await job.finish(zip.length)).h1).toBe(h1);
      }),
      { numRuns: 200 },
    );
  });

  it('has little left to do at the end of a download', async () => {
    const files: Files = Object.fromEntries(
      Array.from({ length: 50 }, (_, i) => [`f${i}.bin`, randomBytes(20_000)]),
    );
    const { zip, h1 } = await moduleFixture(m, { files });
    const { job, read } = jobOf(zip);
    for (let at = 0; at < zip.length; at += 64 * 1024) job.grow(at);
    job.grow(zip.length);
    read.bytes = 0;
    expect((await job.finish(zip.length)).h1).toBe(h1);
    expect(read.bytes).toBeLessThan(zip.length / 10);
  });

  it('does not believe what stands before the directory when that says otherwise', async () => {
    const first = await moduleFixture(m, { files: { 'a.go': 'package a\n' } });
    const second = await moduleFixture(m, { files: { 'a.go': 'package b\n' } });
    const { job } = jobOf(Buffer.concat([first.zip, second.zip]));
    job.grow(first.zip.length + second.zip.length);
    await expect(job.finish(first.zip.length + second.zip.length)).rejects.toMatchObject({
      kind: 'integrity',
    });
  });

  it('streams an entry that is too large to hold', async () => {
    const files: Files = {
      'big.bin': Buffer.alloc(40 * 1024 * 1024, 'zeros and ones '),
      'small.go': 'package m\n',
    };
    for (const compress of [true, false]) {
      const { zip, h1 } = await moduleFixture(m, { files, compress });
      const { job } = jobOf(zip);
      job.grow(zip.length);
      expect((await job.finish(zip.length)).h1).toBe(h1);
    }
  });

  it.each([
    ['content that fails its checksum', (zip: Buffer) => zip.writeUInt8(zip[60]! ^ 1, 60)],
    [
      'a directory that declares another size',
      (zip: Buffer) => zip.writeUInt32LE(7, zip.lastIndexOf(Buffer.from('PK\x01\x02')) + 24),
    ],
  ])('refuses %s', async (_, break_) => {
    const { zip } = await moduleFixture(m, {
      files: { 'a.go': 'package a // some text that is stored as it is\n' },
      compress: false,
    });
    break_(zip);
    const { job } = jobOf(zip);
    job.grow(zip.length);
    await expect(job.finish(zip.length)).rejects.toMatchObject({ kind: 'integrity' });
  });

  it('tells the go.mod apart from those below it', async () => {
    const hashed = async (files: Files) => {
      const { zip } = await moduleFixture(m, { files });
      return (await jobOf(zip).job.finish(zip.length)).goMod;
    };
    expect(await hashed({ 'go.mod': 'module example.com/m\r\n' })).toBe(
      await hashed({ 'go.mod': 'module example.com/m\n', 'a.go': 'package a\n' }),
    );
    expect(await hashed({ 'a.go': 'package a\n' })).toBeUndefined();
  });
});
