/**
 * The name that somebody who wrote `given` most likely meant: the one with the fewest insertions, deletions,
 * replacements and swaps of neighbours between them. Undefined when all are further than a third of its length away.
 */
export function nearest(given: string, names: Iterable<string>): string | undefined {
  let best: string | undefined;
  let least = Math.max(1, Math.floor(given.length / 3)) + 1;
  for (const name of names) {
    const distance = editDistance(given, name);
    if (distance < least) [best, least] = [name, distance];
  }
  return best;
}

/** `; did you mean "port"?`, or nothing when no name is near. */
export function suggestion(given: string, names: Iterable<string>): string {
  const name = nearest(given, names);
  return name === undefined ? '' : `; did you mean ${name}?`;
}

function editDistance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    for (let column = 1; column <= b.length; column++) {
      const isSame = a[row - 1] === b[column - 1];
      const isSwap = row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1];
      current[column] = Math.min(
        last[column]! + 1,
        current[column - 1]! + 1,
        last[column - 1]! + (isSame ? 0 : 1),
        isSwap ? beforeLast[column - 2]! + 1 : Number.POSITIVE_INFINITY,
      );
    }
    [beforeLast, last] = [last, current];
  }
  return last[b.length]!;
}
