import type { BufferPool } from '../storage/buffer-pool.ts';

/**
 * The newest bytes of a download, in a few pieces of memory that are used again and again: from here they go to the
 * file, and to the readers that keep up with the source. What a socket gave is copied at once and so dies young; kept
 * until it is in the file, each download would leave V8 tens of MiB to collect in full collections, during which no hit is answered.
 */
export interface SpoolMemory {
  /** Where the next byte goes: how many were accepted. */
  readonly end: number;
  /** Copies what there is room for, and answers how many bytes that is: fewer than all while the file is behind. */
  append(chunk: Uint8Array): number;
  /** Lends the next bytes for the file; undefined when it has all. */
  unflushed(): Loan | undefined;
  /** Tells that so many bytes more are in the file. */
  flushed(count: number): void;
  /** Lends the bytes from `at` to at most `limit` that are in one piece; undefined where they are only in the file. */
  lend(at: number, limit: number): Loan | undefined;
  /** Gives its memory back, lent pieces when they return. Nothing can be appended or lent any more. */
  close(): void;
}

/** Bytes that stay what they are until they are returned, once. */
export interface Loan {
  readonly bytes: Uint8Array;
  return(): void;
}

/** Pieces that one download may hold: one that is filled, one on its way to the file, one that readers still follow. */
const maxPieces = 3;

/** Size of a piece where the pool has none left. */
const ownBytes = 64 * 1024;

interface Piece {
  readonly memory: Uint8Array;
  readonly pooled: boolean;
  /** Place of its first byte in the file. */
  readonly start: number;
  filled: number;
  loans: number;
  dropped: boolean;
}

export function createSpoolMemory(pool: BufferPool): SpoolMemory {
  let pieces: Piece[] = [];
  let end = 0;
  let inFile = 0;

  function release(piece: Piece): void {
    if (piece.dropped && piece.loans === 0 && piece.pooled) pool.give(piece.memory);
  }

  function drop(piece: Piece): void {
    piece.dropped = true;
    release(piece);
  }

  /** A piece with room, if there may be one more. */
  function open(): Piece | undefined {
    const last = pieces.at(-1);
    if (last !== undefined && last.filled < last.memory.length) return last;
    const first = pieces[0];
    if (first !== undefined && pieces.length > 1 && first.start + first.filled <= inFile)
      drop(pieces.shift()!);
    if (pieces.length === maxPieces) return undefined;
    const pooled = pool.take();
    const piece: Piece = {
      memory: pooled ?? Buffer.allocUnsafeSlow(ownBytes),
      pooled: pooled !== undefined,
      start: end,
      filled: 0,
      loans: 0,
      dropped: false,
    };
    pieces.push(piece);
    return piece;
  }

  function loan(piece: Piece, at: number, limit: number): Loan {
    piece.loans++;
    return {
      bytes: piece.memory.subarray(at - piece.start, Math.min(piece.filled, limit - piece.start)),
      return() {
        piece.loans--;
        release(piece);
      },
    };
  }

  return {
    get end() {
      return end;
    },
    append(chunk) {
      let taken = 0;
      while (taken < chunk.length) {
        const piece = open();
        if (piece === undefined) break;
        const part = chunk.subarray(taken, taken + piece.memory.length - piece.filled);
        piece.memory.set(part, piece.filled);
        piece.filled += part.length;
        end += part.length;
        taken += part.length;
      }
      return taken;
    },
    unflushed() {
      const piece = pieces.find(({ start, filled }) => inFile < start + filled);
      return piece === undefined ? undefined : loan(piece, inFile, end);
    },
    flushed(count) {
      inFile += count;
    },
    lend(at, limit) {
      const piece = pieces.find(({ start, filled }) => at >= start && at < start + filled);
      return piece === undefined ? undefined : loan(piece, at, limit);
    },
    close() {
      for (const piece of pieces) drop(piece);
      pieces = [];
    },
  };
}
