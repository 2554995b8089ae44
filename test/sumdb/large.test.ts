import { expect, test } from 'vitest';
import { createMemoryStore } from '../../src/storage/memory.ts';
import { createSumdbClient } from '../../src/sumdb/client.ts';
import { generateKey, parseSignerKey, parseVerifierKey, signNote } from '../../src/sumdb/note.ts';
import { formatRecord } from '../../src/sumdb/record.ts';
import type { Remote } from '../../src/sumdb/remote.ts';
import { formatSums } from '../../src/sumdb/sums.ts';
import { formatTilePath, parseTilePath, tileData } from '../../src/sumdb/tile.ts';
import {
  type FromHashes,
  formatTree,
  type Hash,
  nodeHash,
  recordHash,
  splitStoredHashIndex,
  treeHash,
} from '../../src/sumdb/tlog.ts';
import { sumsOf } from '../fakes/sumdb.ts';
import { calm } from './bed.ts';

const version = { path: 'example.com/m', version: 'v1.0.0' };
const sums = sumsOf('m');
const key = generateKey('sum.example.com', Buffer.alloc(32, 1));

/** A log of any size, all of whose records are the same: on each level there is one hash. */
function read<T>({ indexes, compute }: FromHashes<T>): T {
  const hashes: Hash[] = [recordHash(Buffer.from(formatSums(version, sums)))];
  while (hashes.length < 53) hashes.push(nodeHash(hashes.at(-1)!, hashes.at(-1)!));
  return compute(indexes.map((index) => hashes[splitStoredHashIndex(index).level]!));
}

test.each([
  ['2^32', 2 ** 32],
  ['2^40', 2 ** 40],
  ['2^51', 2 ** 51],
])('a log of more than %s records is proved', async (_, many) => {
  let size = many + 5;
  const asked: string[] = [];
  const remote: Remote = {
    async read({ target }) {
      asked.push(target);
      if (target.startsWith('tile/')) return read(tileData(parseTilePath(target)));
      const head = signNote(formatTree({ size, hash: read(treeHash(size)) }), [
        parseSignerKey(key.signerKey),
      ]);
      const record = formatRecord(size - 2, Buffer.from(formatSums(version, sums)));
      return target === 'latest' ? head : Buffer.concat([record, head]);
    },
  };
  const client = createSumdbClient({
    verifier: parseVerifierKey(key.verifierKey),
    remote,
    store: createMemoryStore(),
    deadlineMs: 10_000,
    metrics: { event() {} },
    log: { debug() {}, info() {}, warn() {}, error() {}, access() {}, async flush() {} },
  });
  expect(await client.lookup(version, calm())).toEqual(sums);
  expect(asked).toContain(formatTilePath({ height: 8, level: 0, number: many / 256, width: 5 }));
  size += 100_000;
  const head = (await client.latest(calm())).toString();
  expect(head).toContain(`\n${size}\n`);
  const tile = { height: 8, level: 0, number: many / 256 + 100, width: 256 };
  expect(await client.tile(tile, calm())).toEqual(read(tileData(tile)));
});
