import { describe, expect, test } from 'vitest';
import { createFigures } from '../../bench/figures.ts';
import { judge, measures } from '../../bench/measures.ts';
import { scenarios } from '../../bench/scenarios/all.ts';
import { figuresTable, verdictsTable } from '../../bench/table.ts';

describe('the measures of the benchmark', () => {
  test('are not judged by what a run did not measure', () => {
    expect(judge(createFigures()).every(({ met }) => met === undefined)).toBe(true);
  });

  test('are about rows that a scenario fills', () => {
    const rows = scenarios.flatMap((scenario) => scenario.rows);
    for (const { row } of measures) expect(rows).toContain(row);
  });

  test.each([
    [17, true],
    [18, true],
    [18.1, false],
  ])('are met up to the bound: %d µs beside 10', (cpu, met) => {
    const figures = createFigures();
    figures.set('hot-info', 'nginx', 'cpu', 10);
    figures.set('hot-info', 'stoa', 'cpu', cpu);
    const [verdict] = judge(figures);
    expect(verdict).toMatchObject({ row: 'hot-info', bound: 1.8, value: cpu / 10, met });
    expect(verdictsTable([verdict!])).toContain(met ? ' ok ' : ' NOT MET ');
  });

  test('compare the warm download with the fastest peer that was there', () => {
    const figures = createFigures();
    figures.set('go', 'stoa', 'warm', 2);
    figures.set('go', 'goproxy', 'warm', 3);
    expect(judge(figures).find(({ row }) => row === 'go')).toMatchObject({ value: 1.5, met: true });
    figures.set('go', 'athens', 'warm', 1);
    expect(judge(figures).find(({ row }) => row === 'go')).toMatchObject({ value: 0.5, met: false });
  });

  test('take from an answer what the requests for it were under way', () => {
    const figures = createFigures();
    figures.set('direct-mod-second', 'stoa', 'total', 190);
    figures.set('direct-mod-second', 'stoa', 'network', 90);
    figures.set('direct-mod-second', 'athens', 'total', 1900);
    const verdicts = judge(figures).filter(({ row }) => row === 'direct-mod-second');
    expect(verdicts.map(({ value, met }) => [value, met])).toEqual([
      [100, true],
      [10, false],
      [undefined, undefined],
    ]);
  });

  test('stand in a table with what ours is of theirs', () => {
    const figures = createFigures();
    figures.set('hot-info', 'stoa', 'perSecond', 60_000);
    figures.set('hot-info', 'nginx', 'perSecond', 120_000);
    expect(figuresTable(figures.all())).toBe(
      [
        '|          |            |   stoa |           nginx | athens | goproxy | line |',
        '|----------|------------|-------:|----------------:|-------:|--------:|-----:|',
        '| hot-info | requests/s | 60,000 | 120,000 (×0.50) |        |         |      |',
      ].join('\n'),
    );
  });
});
