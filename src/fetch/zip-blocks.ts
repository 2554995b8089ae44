import type { Writable } from 'node:stream';

/**
 * The memory in which an archive goes to a worker and its zip comes back: a few blocks, used again and again. What each piece
 * had for itself would gather, since V8 sees little reason to collect what lies outside of its heap.
 */
export interface ZipBlocks {
  /** Copies bytes into the block that is filled, as many as it has room for, and answers how many. */
  fill(bytes: Uint8Array): number;
  /** Bytes in the block that is filled. */
  readonly filled: number;
  /** Gives these away, with the memory of the block. */
  take(): Uint8Array<ArrayBuffer>;
  /** Passes on what came back in a block, which is used again when the stream has written it. */
  give(bytes: Uint8Array<ArrayBuffer>): Generator<Uint8Array>;
}

/** Bytes of a block. */
export const blockBytes = 64 * 1024;

/** Blocks for what is passed on to this stream alone, which keeps nothing that it has written. */
export function createZipBlocks(into: Writable): ZipBlocks {
  const idle: ArrayBuffer[] = [];
  /** What was passed on and perhaps not written yet, and where its bytes end in all that was. */
  const given: { readonly memory: ArrayBuffer; readonly end: number }[] = [];
  let passed = 0;
  let block = new Uint8Array(blockBytes);
  let filled = 0;

  function reclaim(): void {
    const written = passed - into.writableLength;
    while (given.length > 0 && given[0]!.end <= written) idle.push(given.shift()!.memory);
  }

  return {
    fill(bytes) {
      const part = bytes.subarray(0, blockBytes - filled);
      block.set(part, filled);
      filled += part.length;
      return part.length;
    },
    get filled() {
      return filled;
    },
    take() {
      const taken = block.subarray(0, filled);
      reclaim();
      block = new Uint8Array(idle.pop() ?? new ArrayBuffer(blockBytes));
      filled = 0;
      return taken;
    },
    *give(bytes) {
      // A first write is taken for the first bytes.
      if (bytes.length > 0) yield bytes;
      passed += bytes.length;
      if (bytes.buffer.byteLength === blockBytes) given.push({ memory: bytes.buffer, end: passed });
    },
  };
}
