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
  /** The world knows them: false for those of our own log. */
  readonly isPublic: boolean;
}

/** A checksum database of our own, as far as it binds what comes in. */
export interface OwnLog {
  readonly name: string;
  /** The hashes that are logged for a version. */
  find(version: ModuleVersion, signal: AbortSignal): Promise<Sums | undefined>;
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
  /** It answers for what no database does. */
  readonly ownLog?: OwnLog;
  /** What happens to a version while its database cannot be reached. */
  readonly whenUnreachable: 'refuse' | 'verify-later';
}): Proof {
  const { databases, store, ownLog, whenUnreachable } = options;

  async function logged(version: ModuleVersion, signal: AbortSignal): Promise<Vouched | undefined> {
    const sums = await ownLog?.find(version, signal);
    return sums && { by: ownLog!.name, sums, isPublic: false };
  }

  return {
    async ask(version, { signal, via, mustAnswer }) {
      const database = databases.choose(version.path);
      if (database === undefined) {
        const vouched = await logged(version, signal);
        return vouched === undefined ? {} : { vouched };
      }
      try {
        const sums = await database.lookup(version, signal, via);
        return { vouched: { by: database.name, sums, isPublic: true } };
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
      if (database === undefined) return logged(version, signal);
      const sums = await recallSums(store, database.name, version, signal);
      return sums && { by: database.name, sums, isPublic: true };
    },
  };
}

/**
 * The same for whoever asks for many versions in a row: when a database could not be reached a few times, nobody is asked any
 * more, so that not each of them waits for it in vain.
 */
export function giveUpSoon(proof: Proof): Proof {
  let failures = 0;
  return {
    async ask(version, asking) {
      if (failures >= maxFailures)
        throw new StoaError(
          'upstream',
          `${formatModuleVersion(version)}: not verified: its checksum database is not asked any more, since it could not be reached`,
        );
      try {
        const word = await proof.ask(version, asking);
        failures = 0;
        return word;
      } catch (error) {
        const hasAnswered = isStoaError(error) && isStoaError(error.cause, 'notFound');
        if (isStoaError(error) && unreachable.includes(error.kind) && !hasAnswered) failures++;
        throw error;
      }
    },
    recall: proof.recall,
  };
}

const maxFailures = 3;

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
