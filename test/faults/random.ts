/** Numbers from 0 up to but not including 1 that a seed decides (mulberry32). */
export type Random = () => number;

/** The seed of this run: STOA_TEST_SEED repeats one that failed. */
export const seed = Number(process.env.STOA_TEST_SEED ?? Math.floor(Math.random() * 2 ** 31));

/** The numbers of one test; `stream` tells those of several in a run apart. */
export function createRandom(stream: number): Random {
  return randomFrom(seed + Math.imul(stream, 0x9e3779b9));
}

/** The numbers that follow from a seed, in every run. */
export function randomFrom(start: number): Random {
  let state = start | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A whole number from 0 up to but not including `end`. */
export function pick(random: Random, end: number): number {
  return Math.floor(random() * end);
}

/** Bytes that no compression makes smaller. */
export function noise(random: Random, length: number): Buffer {
  const bytes = Buffer.allocUnsafe(length);
  for (let i = 0; i < length; i++) bytes[i] = random() * 256;
  return bytes;
}
