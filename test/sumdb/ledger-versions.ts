/** The key and the versions of the private logs in tests; no part of a test runner, since processes of their own use them too. */
import { formatModuleVersion, type ModuleVersion } from '../../src/module/version.ts';
import { generateKey, parseSignerKey, parseVerifierKey, type Signer } from '../../src/sumdb/note.ts';
import type { Sums } from '../../src/sumdb/sums.ts';
import { sumsOf } from '../fakes/sumdb.ts';

export const ledgerName = 'sum.corp.example';

/** The key of the private logs here, or another one of the same name. */
export function signerOf(seed = 1): Signer {
  return parseSignerKey(generateKey(ledgerName, Buffer.alloc(32, seed)).signerKey);
}

export const verifier = parseVerifierKey(signerOf().verifierKey);

/** A version of which the rest follows from a number. */
export function numbered(n: number): ModuleVersion {
  return { path: `git.corp.example/team/module${n % 10}`, version: `v1.0.${n}` };
}

/** Made-up hashes of a version. */
export function sumsFor(version: ModuleVersion): Sums {
  return sumsOf(formatModuleVersion(version));
}

/** The same, but for one version in seven every process has its own. */
export function sumsBy(version: ModuleVersion, process: string): Sums {
  const patch = Number(version.version.split('.')[2]);
  return patch % 7 === 0 ? sumsOf(`${formatModuleVersion(version)} by ${process}`) : sumsFor(version);
}
