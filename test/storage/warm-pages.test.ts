import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { createWarmPages } from '../../src/storage/warm-pages.ts';

const page = 4096;
const size = 10 * page + 100;

let now: number;
beforeEach(() => {
  now = 1_234_567;
});
const open = () => createWarmPages(size, () => now);

describe('the warm pages of a file', () => {
  it('are none at first', () => {
    expect(open().has(0, 1)).toBe(false);
  });

  it('are those that were read, each as a whole', () => {
    const pages = open();
    pages.mark(page + 10, 3 * page - 10);
    expect(pages.has(page, 3 * page)).toBe(true);
    expect(pages.has(2 * page, 2 * page + 1)).toBe(true);
    expect(pages.has(page - 1, page + 1)).toBe(false);
    expect(pages.has(3 * page - 1, 3 * page + 1)).toBe(false);
  });

  it('include the last one, which is not whole', () => {
    const pages = open();
    pages.mark(size - 1, size);
    expect(pages.has(10 * page, size)).toBe(true);
    expect(pages.has(9 * page, size)).toBe(false);
  });

  it('are all those of no bytes', () => {
    const pages = open();
    pages.mark(0, 0);
    expect(pages.has(5, 5)).toBe(false);
    pages.mark(0, 1);
    expect(pages.has(5 * page, 5 * page)).toBe(true);
  });

  it('stay warm when they are read again', () => {
    const pages = open();
    for (let i = 0; i < 20; i++) {
      pages.mark(0, page);
      now += 4999;
      expect(pages.has(0, page)).toBe(true);
    }
  });

  it('are warm for five seconds at least and ten at most, whenever that is', () => {
    fc.assert(
      fc.property(fc.nat(10 ** 10), fc.nat(20_000), (start, later) => {
        now = start;
        const pages = open();
        pages.mark(0, size);
        now += later;
        if (later < 5000) expect(pages.has(0, size)).toBe(true);
        if (later >= 10_000) expect(pages.has(0, size)).toBe(false);
      }),
    );
  });

  it('forget each page for itself', () => {
    const pages = open();
    pages.mark(0, 2 * page);
    now += 5000;
    pages.mark(page, 2 * page);
    now += 5000;
    expect(pages.has(page, 2 * page)).toBe(true);
    expect(pages.has(0, 2 * page)).toBe(false);
  });
});
