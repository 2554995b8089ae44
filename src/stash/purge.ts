import type { Recorder } from '../catalog/recorder.ts';
import { isStoaError } from '../errors.ts';
import { formatKey } from '../module/target.ts';
import type { BlobStore } from '../storage/store.ts';
import type { Gone } from './gone.ts';
import type { Inspection } from './inspect.ts';
import type { Withdrawal } from './withdrawal.ts';

/**
 * Takes away what an inspection found to be wrong, after all files of the version were copied into the backup. Where the
 * database contradicts what was published, all of it goes, as in a withdrawal. Where only bytes rotted, they alone go: `.ziphash` and
 * `.info` stay, so that only the agreed content can come again, of the same commit. False, and nothing is done, where the files
 * are not those any more that were inspected.
 */
export type Purge = (found: Inspection, backup: BlobStore, signal: AbortSignal) => Promise<boolean>;

export function createPurge(options: {
  readonly store: BlobStore;
  readonly gone: Gone;
  readonly withdrawal: Withdrawal;
  readonly recorder: Recorder;
  readonly now: () => number;
}): Purge {
  const { store, gone, withdrawal, recorder, now } = options;

  async function isAsFound({ path, version, identities }: Inspection, signal: AbortSignal): Promise<boolean> {
    for (const [file, identity] of identities) {
      const info = await store.stat(formatKey(path, version, file), { signal });
      if (info?.identity !== identity) return false;
    }
    return true;
  }

  async function copy(
    { path, version, identities }: Inspection,
    backup: BlobStore,
    signal: AbortSignal,
  ): Promise<void> {
    for (const file of identities.keys()) {
      const key = formatKey(path, version, file);
      await using blob = await store.get(key, { signal });
      if (blob !== undefined) await backup.put(key, blob.read(), { signal });
    }
  }

  /** The tombstone forbids nothing; it has every process forget what it holds of the version, and so comes when that is gone. */
  async function removeRotten({ path, version, faults }: Inspection, signal: AbortSignal): Promise<void> {
    const reason = faults.map(({ text }) => text).join('; ');
    const time = new Date(now()).toISOString();
    for (const { file } of faults) await store.delete(formatKey(path, version, file), { signal });
    await gone.add({ module: path, version, reason, time, by: 'verification' }, signal);
    recorder.event('purged', { path, version }, reason);
  }

  return async (found, backup, signal) => {
    const { path, version, faults, contradicted } = found;
    if (!(await isAsFound(found, signal))) return false;
    await copy(found, backup, signal);
    if (contradicted === undefined) {
      await removeRotten(found, signal);
      return true;
    }
    const { file, found: h1 } = faults.find(({ by }) => by !== undefined)!;
    try {
      await withdrawal.contradicted(
        { path, version },
        file === 'mod' ? 'mod' : 'zip',
        h1,
        contradicted,
        signal,
      );
    } catch (error) {
      // That it is gone is what had to be done.
      if (!isStoaError(error, 'integrity')) throw error;
    }
    return true;
  };
}
