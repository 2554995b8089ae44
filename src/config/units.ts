/** Milliseconds of a duration such as `30s`, `1h30m`, `1.5h` or `250ms` (days: `d`; a bare `0` is zero); undefined for anything else. */
export function parseDuration(text: string): number | undefined {
  if (text === '0') return 0;
  if (!/^(\d+(\.\d+)?(ms|[smhd]))+$/.test(text)) return undefined;
  let total = 0;
  for (const [, number, unit] of text.matchAll(/([\d.]+)(ms|[smhd])/g)) {
    total += Number(number) * (durations.find(([name]) => name === unit)?.[1] ?? Number.NaN);
  }
  return Number.isSafeInteger(Math.round(total)) ? Math.round(total) : undefined;
}

/** The shortest text of whole units that `parseDuration` reads as the same number of milliseconds: `1h30m`. */
export function formatDuration(milliseconds: number): string {
  let rest = milliseconds;
  let text = '';
  for (const [name, size] of durations) {
    const count = Math.floor(rest / size);
    if (count > 0) text += `${count}${name}`;
    rest -= count * size;
  }
  return text || '0s';
}

/** Bytes of a size such as `256MiB`, `10MB`, `1.5GiB` or a plain number, rounded down; undefined for anything else. */
export function parseBytes(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?) ?([kmgt]i?b|b)?$/i.exec(text);
  if (match === null) return undefined;
  const unit = (match[2] ?? 'B').toLowerCase();
  const size = sizes.find(([name]) => name.toLowerCase() === unit)?.[1] ?? Number.NaN;
  const bytes = Math.floor(Number(match[1]) * size);
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}

/** The number of bytes in the largest unit that divides it, binary before decimal ones: `256MiB`, `10MB`, `1234B`. */
export function formatBytes(bytes: number): string {
  const [name, size] = sizes.find(([, size]) => bytes >= size && bytes % size === 0) ?? ['B', 1];
  return `${bytes / size}${name}`;
}

const durations: readonly (readonly [string, number])[] = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1_000],
  ['ms', 1],
];

const sizes: readonly (readonly [string, number])[] = [
  ['TiB', 2 ** 40],
  ['GiB', 2 ** 30],
  ['MiB', 2 ** 20],
  ['KiB', 2 ** 10],
  ['TB', 1e12],
  ['GB', 1e9],
  ['MB', 1e6],
  ['KB', 1e3],
  ['B', 1],
];
