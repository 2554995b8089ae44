import { expect, test } from 'vitest';
import { catalogFile } from '../../src/config/catalog-file.ts';
import { load } from './machine.ts';

test.each([
  ['', '/srv/stoa/catalog.db'],
  ['other.db', 'other.db'],
  ['/var/lib/catalog.db', '/var/lib/catalog.db'],
  ['sqlite:other.db', 'other.db'],
  ['sqlite:/var/lib/catalog.db', '/var/lib/catalog.db'],
  ['SQLite:///var/lib/catalog.db', '/var/lib/catalog.db'],
  ['C:\\stoa\\catalog.db', 'C:\\stoa\\catalog.db'],
])('the catalog %j is the file %s', (said, file) => {
  const { settings } = load({ env: { STOA_DATA: '/srv/stoa', STOA_CATALOG: said } });
  expect(catalogFile(settings)).toBe(file);
});
