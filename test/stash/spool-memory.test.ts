import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createSpoolMemory, type Loan } from '../../src/stash/spool-memory.ts';
import { type BufferPool, createBufferPool } from '../../src/storage/buffer-pool.ts';

/** A pool that overwrites what comes back, and counts what is lent. */
function watchedPool(bytes: number, count: number): BufferPool & { lent: number } {
  const pool = createBufferPool({ bytes, count });
  const watched = {
    lent: 0,
    take() {
      const buffer = pool.take();
      if (buffer !== undefined) watched.lent++;
      return buffer;
    },
    give(buffer: Uint8Array) {
      watched.lent--;
      buffer.fill(0xee);
      pool.give(buffer);
    },
  };
  return watched;
}

const pattern = (size: number): Buffer => Buffer.from(Array.from({ length: size }, (_, i) => (i * 7) % 251));

/** One step of a download: bytes that come, bytes that go to the file, a reader who looks, a loan that comes back. */
const step = fc.oneof(
  fc.record({ do: fc.constant('append' as const), size: fc.nat(400) }),
  fc.record({ do: fc.constant('flush' as const), at: fc.nat() }),
  fc.record({ do: fc.constant('lend' as const), back: fc.nat(300), limit: fc.nat(100) }),
  fc.record({ do: fc.constant('return' as const), which: fc.nat() }),
);

describe('the memory of a download', () => {
  it('gives the file and its readers what went in, whatever the chunks, and keeps what it lent unchanged', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), fc.nat(4), (steps, pooled) => {
        const pool = watchedPool(64, pooled);
        const memory = createSpoolMemory(pool);
        const source = pattern(100_000);
        const loans: { loan: Loan; at: number }[] = [];
        const lend = (loan: Loan | undefined, at: number): void => {
          if (loan !== undefined) loans.push({ loan, at });
        };
        let file = 0;
        const check = (): void => {
          for (const { loan, at } of loans)
            expect(source.subarray(at, at + loan.bytes.length).equals(loan.bytes)).toBe(true);
        };
        for (const one of steps) {
          const { end } = memory;
          if (one.do === 'append') {
            const taken = memory.append(source.subarray(end, end + one.size));
            expect(memory.end).toBe(end + taken);
            // It takes all that comes as long as the file keeps up.
            if (taken < one.size) expect(file).toBeLessThan(memory.end);
          } else if (one.do === 'flush') {
            const loan = memory.unflushed();
            expect(loan === undefined).toBe(file === end);
            lend(loan, file);
            if (loan !== undefined) {
              const count = 1 + (one.at % loan.bytes.length);
              memory.flushed(count);
              file += count;
            }
          } else if (one.do === 'lend') {
            const at = Math.max(0, end - one.back);
            const loan = memory.lend(at, Math.min(end, at + one.limit + 1));
            if (loan === undefined) expect(at === end || at < file).toBe(true);
            lend(loan, at);
          } else {
            const [returned] = loans.splice(one.which % (loans.length + 1), 1);
            returned?.loan.return();
          }
          check();
        }
        memory.close();
        check();
        for (const { loan } of loans) loan.return();
        expect(pool.lent).toBe(0);
      }),
      { numRuns: 500 },
    );
  });

  it('takes no more than three pieces that are not in the file', () => {
    const memory = createSpoolMemory(createBufferPool({ bytes: 100, count: 8 }));
    expect(memory.append(pattern(1000))).toBe(300);
    expect(memory.append(pattern(1))).toBe(0);
    memory.unflushed()!.return();
    memory.flushed(100);
    expect(memory.append(pattern(1000))).toBe(100);
  });

  it('keeps its newest piece for readers when all is in the file', () => {
    const memory = createSpoolMemory(createBufferPool({ bytes: 100, count: 8 }));
    memory.append(pattern(150));
    memory.flushed(150);
    expect(memory.unflushed()).toBeUndefined();
    expect(Buffer.from(memory.lend(120, 150)!.bytes)).toEqual(pattern(150).subarray(120));
  });

  it('does with smaller pieces of its own where the pool has none left', () => {
    const pool = watchedPool(100, 0);
    const memory = createSpoolMemory(pool);
    expect(memory.append(pattern(1_000_000))).toBe(3 * 64 * 1024);
    memory.close();
    expect(pool.lent).toBe(0);
  });

  it('gives memory back to the pool as the file takes it, and the rest when it is closed', () => {
    const pool = watchedPool(100, 8);
    const memory = createSpoolMemory(pool);
    memory.append(pattern(300));
    const read = memory.lend(0, 100)!;
    memory.flushed(200);
    memory.append(pattern(100));
    // The first piece was given up, but is read still.
    expect(pool.lent).toBe(4);
    read.return();
    expect(pool.lent).toBe(3);
    memory.close();
    expect(pool.lent).toBe(0);
    expect(memory.lend(250, 300)).toBeUndefined();
    expect(memory.unflushed()).toBeUndefined();
  });
});
