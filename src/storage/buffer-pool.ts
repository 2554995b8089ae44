/** Memory for passing files on in large pieces, used again and again. */
export interface BufferPool {
  /**
   * A buffer of the pool's size, or undefined when all are lent: the caller then makes do with a small one of
   * its own.
   */
  take(): Uint8Array | undefined;
  /** Takes a buffer back; nothing may touch it afterwards. */
  give(buffer: Uint8Array): void;
}

/** A pool that makes buffers of so many bytes as they are needed, at most `count` of them, and keeps them. */
export function createBufferPool({
  bytes,
  count,
}: {
  readonly bytes: number;
  readonly count: number;
}): BufferPool {
  const idle: Uint8Array[] = [];
  let made = 0;
  return {
    take() {
      const buffer = idle.pop();
      if (buffer !== undefined || made === count) return buffer;
      made++;
      return Buffer.allocUnsafeSlow(bytes);
    },
    give(buffer) {
      idle.push(buffer);
    },
  };
}
