/** Counts of observations by size; recording one is a short scan and three additions. */
export interface Histogram {
  observe(value: number): void;
  /** For each bound how many observations were at most as large. */
  cumulative(): readonly number[];
  count(): number;
  sum(): number;
}

/** A histogram with these upper bounds, in ascending order. */
export function createHistogram(bounds: readonly number[]): Histogram {
  const limits = Float64Array.from(bounds);
  const counts = new Float64Array(limits.length + 1);
  let total = 0;
  return {
    observe(value) {
      let bucket = 0;
      while (bucket < limits.length && value > limits[bucket]!) bucket++;
      counts[bucket]!++;
      total += value;
    },
    cumulative() {
      let count = 0;
      return bounds.map((_, bucket) => {
        count += counts[bucket]!;
        return count;
      });
    },
    count: () => counts.reduce((count, more) => count + more, 0),
    sum: () => total,
  };
}
