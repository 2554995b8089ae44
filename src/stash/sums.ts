import { StoaError } from '../errors.ts';
import type { ModuleFile } from '../fetch/fetcher.ts';
import { hashGoMod } from '../module/dirhash.ts';
import { formatModuleVersion, type ModuleVersion } from '../module/version.ts';
import type { Sums } from '../sumdb/sums.ts';
import type { Ask, Opened } from './modules.ts';
import type { Proof } from './proof.ts';
import type { Publisher } from './publish.ts';

/**
 * The hashes of a version, as a checksum database of our own has to say them for good: those that the public database proves, without
 * fetching anything; for a module that none answers for those of the files that stand, which are fetched and published first
 * where they are not. Throws where it must not be said: a public version whose database cannot be reached is not vouched for.
 */
export type SumsOf = (version: ModuleVersion, signal: AbortSignal) => Promise<Sums>;

export function createSumsOf(options: {
  readonly proof: Proof;
  readonly publisher: Publisher;
  readonly open: (version: ModuleVersion, file: ModuleFile, ask: Ask) => Promise<Opened>;
}): SumsOf {
  const { proof, publisher, open } = options;
  return async (version, signal) => {
    const { vouched } = await proof.ask(version, { signal, mustAnswer: true });
    if (vouched !== undefined) return vouched.sums;
    const ask: Ask = { asker: { address: '' }, signal };
    const [mod, zip] = await Promise.all([open(version, 'mod', ask), open(version, 'zip', ask)]);
    await zip.close();
    const published = await publisher.readZipHash(version, signal);
    if (published === undefined)
      throw new StoaError('storage', `${formatModuleVersion(version)}: the hash of its zip is not stored`);
    return { zip: published, mod: hashGoMod(mod.bytes!) };
  };
}
