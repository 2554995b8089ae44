import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { acceptsGzip, createCompression, isCompressible } from '../../src/http/compression.ts';

describe('Accept-Encoding', () => {
  it.each([
    ['gzip', true],
    ['gzip, deflate, br', true],
    ['deflate, gzip;q=0.5', true],
    ['GZIP', true],
    ['x-gzip', true],
    ['*', true],
    ['br;q=1, *;q=0.1', true],
    ['gzip;q=0', false],
    ['gzip; q=0.000', false],
    ['*, gzip;q=0', false],
    ['gzip;q=nonsense', false],
    ['*;q=0', false],
    ['identity', false],
    ['', false],
    [undefined, false],
  ])('%s', (value, accepted) => {
    expect(acceptsGzip(value)).toBe(accepted);
  });
});

describe('the compressed form', () => {
  it('is made once', () => {
    const compression = createCompression();
    const text = Buffer.from('v1.0.0\n'.repeat(300));
    const form = compression.gzip(text)!;
    expect(gunzipSync(form).equals(text)).toBe(true);
    expect(compression.gzip(text)).toBe(form);
  });

  it('is not there where it would be longer', () => {
    const compression = createCompression();
    const noise = Buffer.from(Array.from({ length: 20 }, (_, i) => (i * 97) % 256));
    expect(compression.gzip(noise)).toBeUndefined();
    expect(compression.gzip(noise)).toBeUndefined();
  });

  it('is worth it from 1 KiB on, and for nothing that would hold other requests up', () => {
    expect(
      [1023, 1024, 256 * 1024, 256 * 1024 + 1].map((size) => isCompressible(Buffer.alloc(size))),
    ).toEqual([false, true, true, false]);
  });
});
