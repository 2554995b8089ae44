import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  checkRecordProof,
  checkTreeProof,
  formatTree,
  maxTreeSize,
  parseTree,
  proveRecord,
  proveTree,
  recordHash,
  splitStoredHashIndex,
  storedHashIndex,
} from '../../src/sumdb/tlog.ts';
import { numberedLog, recordText } from './log.ts';

const log = numberedLog(100);

test('the empty tree has the hash of nothing', () => {
  expect(log.tree(0).hash.toString('base64')).toBe('47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=');
});

test('the hashes of a log are numbered in the order in which they can be computed', () => {
  // Records 0 to 3, and the nodes above them as soon as both of their children are there.
  const order = [0, 1, 2, 3, 4, 5, 6].map(splitStoredHashIndex).map(({ level, n }) => `${level}:${n}`);
  expect(order).toEqual(['0:0', '0:1', '1:0', '0:2', '0:3', '1:1', '2:0']);
});

test('the place of a hash can be told from its number, beyond 32 bits too', () => {
  fc.assert(
    fc.property(fc.nat({ max: 51 }), fc.maxSafeNat(), (level, number) => {
      const n = number % 2 ** (52 - level);
      expect(splitStoredHashIndex(storedHashIndex(level, n))).toEqual({ level, n });
    }),
  );
  expect(storedHashIndex(0, maxTreeSize)).toBeLessThanOrEqual(Number.MAX_SAFE_INTEGER);
});

test('every record and every older tree can be proved', () => {
  for (let size = 1; size <= 100; size++) {
    for (let n = 0; n < size; n++) {
      checkRecordProof(log.read(proveRecord(size, n)), log.tree(size), n, recordHash(recordText(n)));
      checkTreeProof(log.read(proveTree(size, n + 1)), log.tree(size), log.tree(n + 1));
    }
  }
});

test('what is not in the tree is proved by nothing', () => {
  const proof = log.read(proveRecord(50, 7));
  const tree = log.tree(50);
  expect(() => checkRecordProof(proof, tree, 7, recordHash(recordText(8)))).toThrow('invalid transparency');
  expect(() => checkRecordProof(proof, tree, 50, recordHash(recordText(7)))).toThrow('invalid transparency');
  expect(() => checkTreeProof([], tree, log.tree(0))).toThrow('invalid transparency');
  expect(() => proveRecord(50, 50)).toThrow('no record 50 in a tree of 50');
  expect(() => proveTree(50, 51)).toThrow('no proof of a tree of 51 in one of 50');
});

test('a tree head can be read back, also with lines that nobody knows yet', () => {
  const tree = log.tree();
  expect(parseTree(`${formatTree(tree)}more\n`)).toEqual(tree);
});

test('a tree that is too large to compute with is refused', () => {
  const text = formatTree({ size: maxTreeSize, hash: log.tree().hash });
  expect(parseTree(text).size).toBe(maxTreeSize);
  expect(() => parseTree(text.replace(/\d+/, '9223372036854775807'))).toThrow('is too large');
  expect(() => parseTree(`${text}${'x'.repeat(1_000_000)}`)).toThrow('malformed tree head');
});
