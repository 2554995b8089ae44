import { join } from 'node:path';
import type { Settings } from './schema.ts';

/** The file of the catalog: the one that is named, else one in the data folder. */
export function catalogFile({ catalog, data }: Pick<Settings, 'catalog' | 'data'>): string {
  return catalog ?? join(data, 'catalog.db');
}
