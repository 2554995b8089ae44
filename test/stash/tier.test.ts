import { describe, expect, it } from 'vitest';
import { createTier } from '../../src/stash/tier.ts';

describe('a tier', () => {
  it('gives back what was kept', () => {
    const tier = createTier<string>(10_000);
    tier.set('a', 'A', 1);
    expect(tier.get('a')).toBe('A');
    expect(tier.get('b')).toBeUndefined();
  });

  it('never holds more than its budget, the cost of the entries themselves included', () => {
    const tier = createTier<number>(10_000);
    for (let i = 0; i < 1000; i++) {
      tier.set(`key ${i}`, i, 0);
      expect(tier.bytes).toBeLessThanOrEqual(10_000);
    }
    expect(tier.entries).toBeGreaterThan(1);
    expect(tier.entries).toBeLessThan(30);
  });

  it('lets go of what was not asked for before what was', () => {
    const tier = createTier<string>(4 * 1512);
    for (const key of ['a', 'b', 'c', 'd']) tier.set(key, key, 1000);
    tier.get('a');
    tier.set('e', 'e', 1000);
    expect(tier.get('a')).toBe('a');
    expect(tier.get('b')).toBeUndefined();
  });

  it('does not throw everything out for a value that would not fit', () => {
    const tier = createTier<string>(4000);
    tier.set('small', 's', 10);
    tier.set('huge', 'h', 5000);
    expect(tier.get('huge')).toBeUndefined();
    expect(tier.get('small')).toBe('s');
  });

  it('counts a replaced value once', () => {
    const tier = createTier<string>(10_000);
    tier.set('a', '1', 1000);
    const before = tier.bytes;
    tier.set('a', '2', 1000);
    expect(tier.bytes).toBe(before);
    tier.delete('a');
    expect(tier.bytes).toBe(0);
  });
});
