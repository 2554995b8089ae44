import type { Recorder } from '../catalog/recorder.ts';
import { isStoaError, StoaError } from '../errors.ts';
import { hashGoMod } from '../module/dirhash.ts';
import { formatKey } from '../module/target.ts';
import { checkModuleVersion, formatModuleVersion, type ModuleVersion } from '../module/version.ts';
import type { BlobStore } from '../storage/store.ts';
import type { Sums } from '../sumdb/sums.ts';
import type { Proof, Vouched } from './proof.ts';
import { type Publisher, readWhole } from './publish.ts';
import type { Withdrawal } from './withdrawal.ts';

/**
 * The jobs that ask a checksum database for what it could not be asked when it was needed. The first tries are seconds apart,
 * later ones an hour: a database may be away for a week.
 */
export const proveLaterJob = { kind: 'verify', attempts: 180 } as const;

/** Does one: what is stored of the version by then is held against the database. A failure is to be tried again. */
export type ProveLater = (payload: unknown, signal: AbortSignal) => Promise<void>;

export function createProveLater(options: {
  readonly store: BlobStore;
  readonly proof: Proof;
  readonly publisher: Publisher;
  /** The h1 of a stored zip whose hash is not published. */
  readonly hashStored: (version: ModuleVersion, signal: AbortSignal) => Promise<string>;
  readonly withdrawal: Withdrawal;
  readonly recorder: Recorder;
}): ProveLater {
  const { store, proof, publisher, withdrawal, recorder } = options;

  async function storedMod(
    { path, version }: ModuleVersion,
    signal: AbortSignal,
  ): Promise<string | undefined> {
    const mod = await readWhole(store, formatKey(path, version, 'mod'), signal);
    return mod && hashGoMod(mod);
  }

  async function storedZip(version: ModuleVersion, signal: AbortSignal): Promise<string | undefined> {
    const published = await publisher.readZipHash(version, signal);
    if (published !== undefined) return published;
    const zip = await store.stat(formatKey(version.path, version.version, 'zip'), { signal });
    return zip && options.hashStored(version, signal);
  }

  async function takeAway(
    version: ModuleVersion,
    what: keyof Sums,
    h1: string,
    vouched: Vouched,
    signal: AbortSignal,
  ): Promise<void> {
    try {
      await withdrawal.contradicted(version, what, h1, vouched, signal);
    } catch (error) {
      // That it is gone is what had to be done; who asked for it was told.
      if (!isStoaError(error, 'integrity')) throw error;
    }
  }

  return async (payload, signal) => {
    const { file, ...version } = parsePayload(payload);
    const { vouched } = await proof.ask(version, { signal, mustAnswer: true });
    if (vouched === undefined) return;
    const [mod, zip] = await Promise.all([storedMod(version, signal), storedZip(version, signal)]);
    // It is asked for before the file is published: one that comes first is too early.
    if ((file === 'zip' ? zip : mod) === undefined)
      throw new StoaError('storage', `${formatModuleVersion(version)}: its ${file} is not stored yet`);
    if (mod !== undefined && mod !== vouched.sums.mod) await takeAway(version, 'mod', mod, vouched, signal);
    else if (zip !== undefined && zip !== vouched.sums.zip)
      await takeAway(version, 'zip', zip, vouched, signal);
    else if (zip !== undefined) await recorder.verified(version, zip, vouched.by);
  };
}

function parsePayload(payload: unknown): ModuleVersion & { readonly file: 'mod' | 'zip' } {
  const { path = '', version = '', file } = payload as Partial<ModuleVersion & { file: string }>;
  checkModuleVersion(path, version);
  return { path, version, file: file === 'zip' ? 'zip' : 'mod' };
}
