/**
 * The log of a checksum database: a Merkle tree over its records (RFC 6962) and how its hashes are numbered in storage,
 * as golang.org/x/mod/sumdb/tlog has it. Logs have more than 2^32 hashes: numbers are computed with as numbers, never
 * as bits, and stay exact up to `maxTreeSize`.
 *
 * What is computed from stored hashes says first which (`indexes`) and takes them then, so that nothing here waits.
 */
import { hash } from 'node:crypto';
import { StoaError } from '../errors.ts';
import { decodeBase64 } from './base64.ts';

/** A hash of the tree: 32 bytes. */
export type Hash = Buffer;

/** Bytes of a hash. */
export const hashSize = 32;

/** Records a tree can have here at most: the numbers of its hashes are below 2^53. */
export const maxTreeSize = 2 ** 52;

/** A state of the log. */
export interface Tree {
  /** The number of its records. */
  readonly size: number;
  readonly hash: Hash;
}

/** Something that follows from stored hashes. */
export interface FromHashes<T> {
  /** The storage indexes of the hashes it needs. */
  readonly indexes: readonly number[];
  /** Takes them in the same order. */
  compute(hashes: readonly Hash[]): T;
}

/** The hash of a record's text: a leaf of the tree. */
export function recordHash(text: Uint8Array): Hash {
  return sha256(Buffer.concat([leafPrefix, text]));
}

/** The hash of an inner node. */
export function nodeHash(left: Hash, right: Hash): Hash {
  return sha256(Buffer.concat([nodePrefix, left, right]));
}

/**
 * Where a hash is stored: number `n` of its level, level 0 being the records. Each is stored as soon as it can be
 * computed, so that a log only grows at its end.
 */
export function storedHashIndex(level: number, n: number): number {
  // On level 0 it stands behind the last record that it covers.
  let index = level;
  for (let record = (n + 1) * 2 ** level - 1; record > 0; record = Math.floor(record / 2)) index += record;
  return index;
}

/** The reverse of `storedHashIndex`. */
export function splitStoredHashIndex(index: number): { readonly level: number; readonly n: number } {
  // The hash of record n stands before 2n: the record it was stored with is found by going up a little.
  let n = Math.floor(index / 2);
  let first = storedHashIndex(0, n);
  for (;;) {
    const next = first + 1 + trailingOnes(n);
    if (next > index) break;
    first = next;
    n++;
  }
  const level = index - first;
  return { level, n: Math.floor(n / 2 ** level) };
}

/** The hashes to store for record `n`, one after the other from `storedHashIndex(0, n)` on. */
export function storedHashes(n: number, record: Hash): FromHashes<Hash[]> {
  const levels = Array.from({ length: trailingOnes(n) }, (_, level) => level);
  return {
    indexes: levels.map((level) => storedHashIndex(level, Math.floor(n / 2 ** level) - 1)),
    compute(lefts) {
      const hashes = [record];
      for (const left of lefts) hashes.push(nodeHash(left, hashes.at(-1)!));
      return hashes;
    },
  };
}

/** The hash of the tree of this size. */
export function treeHash(size: number): FromHashes<Hash> {
  if (size === 0) return { indexes: [], compute: () => sha256(Buffer.alloc(0)) };
  return rangeHash({ low: 0, high: size });
}

/** The proof that the tree of this size holds record `n`: RFC 6962's audit path. */
export function proveRecord(size: number, n: number): FromHashes<Hash[]> {
  if (n < 0 || n >= size) throw new StoaError('internal', `no record ${n} in a tree of ${size}`);
  return rangeHashes(siblings(size, n));
}

/** Throws `integrity` unless the proof says that record `n` of the tree has this hash. */
export function checkRecordProof(proof: readonly Hash[], tree: Tree, n: number, record: Hash): void {
  if (n < 0 || n >= tree.size) throw failedProof();
  const ranges = siblings(tree.size, n);
  if (ranges.length !== proof.length) throw failedProof();
  const root = ranges.reduce(
    (hash, { low }, i) => (low > n ? nodeHash(hash, proof[i]!) : nodeHash(proof[i]!, hash)),
    record,
  );
  if (!root.equals(tree.hash)) throw failedProof();
}

/** The proof that a tree begins with all records of an older, not empty one: RFC 6962's consistency proof. */
export function proveTree(size: number, olderSize: number): FromHashes<Hash[]> {
  if (olderSize < 1 || olderSize > size)
    throw new StoaError('internal', `no proof of a tree of ${olderSize} in one of ${size}`);
  return rangeHashes(consistencyRanges(size, olderSize));
}

/** Throws `integrity` unless the proof says that the tree begins with the older one. */
export function checkTreeProof(proof: readonly Hash[], tree: Tree, older: Tree): void {
  if (older.size < 1 || older.size > tree.size) throw failedProof();
  const ranges = consistencyRanges(tree.size, older.size);
  if (ranges.length !== proof.length) throw failedProof();
  // Where the older tree is no subtree of the newer, the proof begins with the last subtree that both have whole.
  const isSubtree = ranges.length === 0 || ranges[0]!.low >= older.size;
  let oldRoot = isSubtree ? older.hash : proof[0]!;
  let root = oldRoot;
  for (let i = isSubtree ? 0 : 1; i < ranges.length; i++) {
    if (ranges[i]!.low >= older.size) {
      root = nodeHash(root, proof[i]!);
    } else {
      oldRoot = nodeHash(proof[i]!, oldRoot);
      root = nodeHash(proof[i]!, root);
    }
  }
  if (!oldRoot.equals(older.hash) || !root.equals(tree.hash)) throw failedProof();
}

/** The text of a tree head, which is signed as a note. */
export function formatTree({ size, hash }: Tree): string {
  return `${treePrefix}${size}\n${hash.toString('base64')}\n`;
}

/** The tree of such a text, whatever lines follow. Throws `integrity` for any other, and for one too large to compute with. */
export function parseTree(text: string): Tree {
  const [, digits = '', encoded = ''] = /^go\.sum database tree\n(0|[1-9]\d*)\n([^\n]*)\n/.exec(text) ?? [];
  const hash = decodeBase64(encoded);
  if (hash?.length !== hashSize || Buffer.byteLength(text) > maxTreeBytes)
    throw new StoaError('integrity', 'malformed tree head');
  const size = Number(digits);
  if (size > maxTreeSize) throw new StoaError('integrity', `a tree of ${digits} records is too large`);
  return { size, hash };
}

const leafPrefix = Uint8Array.of(0);
const nodePrefix = Uint8Array.of(1);
const treePrefix = 'go.sum database tree\n';
const maxTreeBytes = 1_000_000;

/** A proof takes a thousand of these: as text there is nothing that each of them leaves to the garbage collection. */
function sha256(bytes: Uint8Array): Hash {
  return Buffer.from(hash('sha256', bytes, 'binary'), 'latin1');
}

/** The records from `low` up to but not including `high`. */
interface Range {
  readonly low: number;
  readonly high: number;
}

/** How many ones the binary form ends with: the number of subtrees that this record completes. */
function trailingOnes(n: number): number {
  let ones = 0;
  for (let rest = n; rest % 2 === 1; rest = (rest - 1) / 2) ones++;
  return ones;
}

/** The largest power of two up to `n`, and its exponent. */
function powerOfTwo(n: number): { readonly power: number; readonly exponent: number } {
  let power = 1;
  let exponent = 0;
  for (; power * 2 <= n; power *= 2) exponent++;
  return { power, exponent };
}

/** Where the tree over a range of more than one record is divided. */
function middle({ low, high }: Range): number {
  return low + powerOfTwo(high - low - 1).power;
}

/** The hash of the tree over a range: that of its largest complete subtrees, from the right. */
function rangeHash(range: Range): FromHashes<Hash> {
  const indexes: number[] = [];
  for (let { low } = range; low < range.high; ) {
    const { power, exponent } = powerOfTwo(range.high - low);
    indexes.push(storedHashIndex(exponent, low / power));
    low += power;
  }
  return { indexes, compute: (hashes) => hashes.reduceRight((right, left) => nodeHash(left, right)) };
}

/** The hashes of the trees over several ranges. */
function rangeHashes(ranges: readonly Range[]): FromHashes<Hash[]> {
  const parts = ranges.map(rangeHash);
  return {
    indexes: parts.flatMap(({ indexes }) => indexes),
    compute(hashes) {
      let taken = 0;
      return parts.map(({ indexes, compute }) => {
        const from = taken;
        taken += indexes.length;
        return compute(hashes.slice(from, taken));
      });
    },
  };
}

/** What stands beside the way from the root down to record `n`, the lowest first. */
function siblings(size: number, n: number): Range[] {
  const ranges: Range[] = [];
  let range = { low: 0, high: size };
  while (range.high - range.low > 1) {
    const { low, high } = range;
    const mid = middle(range);
    const left = { low, high: mid };
    const right = { low: mid, high };
    ranges.push(n < mid ? right : left);
    range = n < mid ? left : right;
  }
  return ranges.reverse();
}

/** What stands beside the way from the root down to the end of the older tree, the lowest first. */
function consistencyRanges(size: number, olderSize: number): Range[] {
  const ranges: Range[] = [];
  let range = { low: 0, high: size };
  while (range.high !== olderSize) {
    const { low, high } = range;
    const mid = middle(range);
    const left = { low, high: mid };
    const right = { low: mid, high };
    ranges.push(olderSize <= mid ? right : left);
    range = olderSize <= mid ? left : right;
  }
  if (range.low > 0) ranges.push(range);
  return ranges.reverse();
}

function failedProof(): StoaError {
  return new StoaError('integrity', 'invalid transparency proof');
}
