import type { Recorder } from '../catalog/recorder.ts';
import { StoaError } from '../errors.ts';
import { formatKey } from '../module/target.ts';
import { formatModuleVersion, type ModuleVersion } from '../module/version.ts';
import type { Log } from '../observe/log.ts';
import type { BlobStore } from '../storage/store.ts';
import type { Sums } from '../sumdb/sums.ts';
import type { Gone } from './gone.ts';
import type { Proof, Vouched } from './proof.ts';

/** Takes away what is stored and was found to be wrong. */
export interface Withdrawal {
  /**
   * What is stored of the version has a hash that the database contradicts: all of it is taken away, its `.ziphash` too, so that only
   * the content that is vouched for can come again. Never fulfilled: rejects with the `integrity` error that tells of it, or
   * with what kept it from being done.
   */
  contradicted(
    version: ModuleVersion,
    what: keyof Sums,
    h1: string,
    vouched: Vouched,
    signal: AbortSignal,
  ): Promise<never>;
}

export function createWithdrawal(options: {
  readonly store: BlobStore;
  readonly gone: Gone;
  readonly proof: Pick<Proof, 'ask'>;
  readonly recorder: Recorder;
  readonly log: Log;
  readonly now: () => number;
}): Withdrawal {
  const { store, gone, proof, recorder, log, now } = options;

  /** What was kept of the database may be what is wrong: nothing is taken away before it is proved again. */
  async function proveAgain(
    version: ModuleVersion,
    what: keyof Sums,
    h1: string,
    signal: AbortSignal,
  ): Promise<void> {
    const { vouched } = await proof.ask(version, { signal, mustAnswer: true });
    if (vouched !== undefined && vouched.sums[what] !== h1) return;
    const name = formatModuleVersion(version);
    throw new StoaError('storage', `${name}: what was kept of the checksum database was wrong; ask again`);
  }

  return {
    async contradicted({ path, version }, what, h1, { by, sums }, signal) {
      const name = formatModuleVersion({ path, version });
      const file = what === 'zip' ? 'zip' : 'go.mod';
      const reason = `the stored ${file} has ${h1}, but the checksum database ${by} has ${sums[what]}`;
      await proveAgain({ path, version }, what, h1, signal);
      const time = new Date(now()).toISOString();
      await gone.add({ module: path, version, reason, time, by: 'database', h1 }, signal);
      await recorder.gone({ path, version }, sums.zip);
      // The zip goes first: what else is left of a version binds nobody without it. Its hash goes last, since a sweep leaves that.
      for (const extension of ['zip', 'mod', 'info', 'ziphash'] as const)
        await store.delete(formatKey(path, version, extension), { signal });
      recorder.event('withdrawn', { path, version }, reason, { database: by });
      log.error('what was stored contradicts the checksum database, and was taken away', {
        module: path,
        version,
        reason,
      });
      throw new StoaError('integrity', `${name}: ${reason}; it was taken away, ask again`);
    },
  };
}
