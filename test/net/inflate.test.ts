import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { inflate, packedLimit } from '../../src/net/inflate.ts';
import { until } from './origin.ts';

test('unpacked content that is destroyed unread destroys the body', async () => {
  const body = new Readable({ read() {} });
  inflate('goproxy.io', body, { bytes: 10, cut: false }).destroy();
  await until(() => body.destroyed).toBe(true);
});

test('whatever was packed comes out, up to the limit of a cut', async () => {
  await fc.assert(
    fc.asyncProperty(fc.string(), fc.nat(30), async (content, bytes) => {
      const body = Readable.from([gzipSync(content)], { objectMode: false });
      const cut = inflate('goproxy.io', body, { bytes, cut: true });
      expect(Buffer.concat(await cut.toArray())).toEqual(Buffer.from(content).subarray(0, bytes));
    }),
  );
});

test('content of the allowed length is within the limit of its gzip, however badly it shrinks', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 2_000 }), (content) => {
      expect(gzipSync(content, { level: 0 }).length).toBeLessThanOrEqual(packedLimit(content.length));
    }),
  );
});

test('several gzip members are one content', async () => {
  const body = Readable.from([Buffer.concat([gzipSync('v1.0.0'), gzipSync('v1.1.0')])], {
    objectMode: false,
  });
  expect(await text(inflate('goproxy.io', body, { bytes: 100, cut: false }))).toBe('v1.0.0v1.1.0');
});
