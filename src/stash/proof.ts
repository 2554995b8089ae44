import type { Recorder } from '../catalog/recorder.ts';
import { type ErrorKind, isStoaError, StoaError } from '../errors.ts';
import { formatModuleVersion, type ModuleVersion } from '../module/version.ts';
import type { BlobStore } from '../storage/store.ts';
import type { Databases } from '../sumdb/databases.ts';
import { recallSums } from '../sumdb/recall.ts';
import type { Sums } from '../sumdb/sums.ts';

/** What vouches for the content of versions beside the source that sent it. */
export interface Proof {
  /**
   * What the checksum database proves of a version; nothing for a module that none answers for. Where the database cannot be
   * reached, the settings decide: the failure is thrown, or the word is to be asked for later.
   */
  ask(version: ModuleVersion, asking: ProofAsking): Promise<Word>;
  /** The same from what was proved before and is in storage, without asking anybody. */
  recall(version: ModuleVersion, signal: AbortSignal): Promise<Vouched | undefined>;
}

interface ProofAsking {
  readonly signal: AbortSignal;
  readonly via?: string | undefined;
  /** Only an answer will do: a database that cannot be reached is a failure whatever the settings say. */
  readonly mustAnswer?: boolean;
}

/** The hashes of a version, and the database that has them. */
export interface Vouched {
  readonly by: string;
  readonly sums: Sums;
}

/** What is known beside the source: hashes, or why there are none yet, or nothing where nobody is asked. */
export interface Word {
  readonly vouched?: Vouched;
  readonly later?: string;
}

/** Who vouches for a version, as the catalog has it. */
export function verifiedBy({ vouched, later }: Word): { readonly verified?: string } {
  if (vouched !== undefined) return { verified: vouched.by };
  return later === undefined ? {} : { verified: 'pending' };
}

/** Failures of a database to answer. */
const unreachable: readonly ErrorKind[] = ['upstream', 'timeout', 'overloaded'];

export function createProof(options: {
  readonly databases: Databases;
  readonly store: BlobStore;
  /** What happens to a version while its database cannot be reached. */
  readonly whenUnreachable: 'refuse' | 'verify-later';
}): Proof {
  const { databases, store, whenUnreachable } = options;
  return {
    async ask(version, { signal, via, mustAnswer }) {
      const database = databases.choose(version.path);
      if (database === undefined) return {};
      try {
        return { vouched: { by: database.name, sums: await database.lookup(version, signal, via) } };
      } catch (error) {
        if (!isStoaError(error)) throw error;
        if (error.kind === 'notFound') throw unknown(version, database.name, error);
        const mayWait = whenUnreachable === 'verify-later' && mustAnswer !== true;
        if (mayWait && unreachable.includes(error.kind) && !signal.aborted) return { later: error.message };
        throw error;
      }
    },
    async recall(version, signal) {
      const database = databases.choose(version.path);
      const sums = database && (await recallSums(store, database.name, version, signal));
      return sums && { by: database.name, sums };
    },
  };
}

/**
 * The source has it and the database does not: no absence, since the go command would walk around it to the source. It may be
 * the database that could not fetch it.
 */
function unknown({ path, version }: ModuleVersion, database: string, cause: StoaError): StoaError {
  const name = formatModuleVersion({ path, version });
  return new StoaError(
    'upstream',
    `${name}: not verified: the checksum database ${database} does not know it; a private module belongs in the setting private (GOPRIVATE)`,
    { cause },
  );
}

/** Throws `integrity`, and records it, where what a source sent has not the hash that is vouched for. */
export function checkVouched(
  { path, version }: ModuleVersion,
  what: keyof Sums,
  sent: { readonly h1: string; readonly source: string },
  { vouched }: Word,
  recorder: Recorder,
): void {
  if (vouched === undefined || sent.h1 === vouched.sums[what]) return;
  const file = what === 'zip' ? 'zip' : 'go.mod';
  const problem = `${sent.source} sent a ${file} with ${sent.h1}, but the checksum database ${vouched.by} has ${vouched.sums[what]}`;
  recorder.event('sumdb_mismatch', { path, version }, problem, { source: sent.source, database: vouched.by });
  throw new StoaError('integrity', `${formatModuleVersion({ path, version })}: ${problem}`);
}
