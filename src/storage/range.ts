import type { GetOptions } from './store.ts';

/**
 * The bytes of a blob of this size that a get asks for: `start` up to but not including `end`, both cut to
 * the size.
 */
export function cutRange(
  size: number,
  { start = 0, end = size }: GetOptions,
): { start: number; end: number } {
  return { start: Math.min(start, size), end: Math.min(end, size) };
}
