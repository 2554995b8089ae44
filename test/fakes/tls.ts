import { readFileSync } from 'node:fs';

/** A file of test/testdata/tls. */
export function tlsFile(name: string): string {
  return readFileSync(new URL(`../testdata/tls/${name}`, import.meta.url), 'utf8');
}
