/** A log in memory, for tests that need real hashes. */
import { createHash } from 'node:crypto';
import {
  type FromHashes,
  type Hash,
  recordHash,
  storedHashes,
  type Tree,
  treeHash,
} from '../../src/sumdb/tlog.ts';

export interface MemoryLog {
  readonly size: number;
  append(text: Uint8Array): void;
  read<T>(wanted: FromHashes<T>): T;
  /** The tree of the first records, of all where no size is given. */
  tree(size?: number): Tree;
}

export function createMemoryLog(): MemoryLog {
  const hashes: Hash[] = [];
  let size = 0;
  const read = <T>({ indexes, compute }: FromHashes<T>): T => compute(indexes.map((index) => hashes[index]!));
  return {
    get size() {
      return size;
    },
    append(text) {
      hashes.push(...read(storedHashes(size, recordHash(text))));
      size++;
    },
    read,
    tree: (at = size) => ({ size: at, hash: read(treeHash(at)) }),
  };
}

/** A log of that many numbered records, the same one that the oracle has. */
export function numberedLog(size: number): MemoryLog {
  const log = createMemoryLog();
  for (let n = 0; n < size; n++) log.append(recordText(n));
  return log;
}

export function recordText(n: number): Buffer {
  return Buffer.from(`record ${n}\n`);
}

/** Out of a log of any size that nobody has: each hash follows from its index. */
export function readDreamt<T>({ indexes, compute }: FromHashes<T>): T {
  return compute(indexes.map((index) => createHash('sha256').update(`hash ${index}`).digest()));
}
