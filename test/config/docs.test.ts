import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { pages } from '../../scripts/docs.ts';
import { athensSettings } from '../../src/config/athens-table.ts';
import { named } from '../../src/config/schema.ts';
import { errorKinds } from '../../src/errors.ts';

function read(file: string): string {
  return readFileSync(join(import.meta.dirname, '../../docs', file), 'utf8');
}

/** The first cell of every row of the tables in a page, without the marks around its names. */
function firstCells(file: string): string[] {
  return [...read(file).matchAll(/^\| `([^`]+)`/gm)].map((match) => match[1]!);
}

describe('a page that is made from code', () => {
  test.each(pages.map(({ file, render }) => [file, render] as const))(
    '%s is as the code makes it (node scripts/docs.ts writes it)',
    (file, render) => {
      expect(read(file)).toBe(render());
    },
  );
});

describe('the pages have exactly what the code has', () => {
  test('every setting', () => {
    expect(firstCells('settings.md')).toEqual(named.map(({ name }) => name));
  });

  test('every kind of error', () => {
    expect(firstCells('errors.md')).toEqual(Object.keys(errorKinds));
  });

  test('every setting of Athens', () => {
    const keys = athensSettings.map(({ key }) => key).filter((key) => key !== '');
    expect(firstCells('athens-settings.md')).toEqual(keys);
  });
});
