import { type Figure, units } from './figures.ts';
import type { Verdict } from './measures.ts';

/** The servers in the order of the columns; `line` is the same request without any server between. */
const columns = ['stoa', 'nginx', 'athens', 'goproxy', 'line'] as const;

/** A table of figures; beside those of the others stands what ours is of theirs. In Markdown, which reads well at a terminal too. */
export function figuresTable(figures: readonly Figure[]): string {
  const rows = [...new Set(figures.map(({ row }) => row))];
  const lines = rows.flatMap((row) =>
    Object.entries(units).flatMap(([name, unit]) => {
      const found = figures.filter((figure) => figure.row === row && figure.name === name);
      if (found.length === 0) return [];
      const ours = found.find(({ server }) => server === 'stoa')?.value;
      const cells = columns.map((column) => {
        const value = found.find(({ server }) => server === column)?.value;
        if (value === undefined) return '';
        const text = formatNumber(value, unit.digits);
        const comparable = column !== 'stoa' && ours !== undefined && value > 0;
        return comparable ? `${text} (×${formatNumber(ours / value, 2)})` : text;
      });
      return [[row, unit.text, ...cells]];
    }),
  );
  return table(['', '', ...columns], lines);
}

/** A table of what was to be reached and what was. */
export function verdictsTable(verdicts: readonly Verdict[]): string {
  const lines = verdicts.map(({ row, text, bound, at, value, met }) => [
    row,
    text,
    `at ${at} ${bound}`,
    value === undefined ? '' : formatNumber(value, 2),
    met === undefined ? 'not measured' : met ? 'ok' : 'NOT MET',
  ]);
  return table(['', 'measure', 'bound', 'this run', ''], lines);
}

function table(head: readonly string[], lines: readonly (readonly string[])[]): string {
  const widths = head.map((cell, column) =>
    Math.max(3, ...[cell, ...lines.map((line) => line[column]!)].map(({ length }) => length)),
  );
  const format = (cells: readonly string[]) =>
    `| ${cells.map((cell, column) => (column < 2 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!))).join(' | ')} |`;
  const rule = `|${widths.map((width, column) => (column < 2 ? '-'.repeat(width + 2) : `${'-'.repeat(width + 1)}:`)).join('|')}|`;
  return [format(head), rule, ...lines.map(format)].join('\n');
}

function formatNumber(value: number, digits: number): string {
  return value.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits });
}
