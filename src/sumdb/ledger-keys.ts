/** Where our own log is in storage, beside its tiles: below `sumdb/<name>/`. */
import { StoaError } from '../errors.ts';
import { escapePath } from '../module/path.ts';
import { escapeVersion, formatModuleVersion, type ModuleVersion } from '../module/version.ts';
import { isKey } from '../storage/key.ts';
import { targetKey } from './keys.ts';

/** What the keys of all commits begin with. */
export function commitPrefix(name: string): string {
  return targetKey(name, 'commit/');
}

/** The key of a commit: their order is that of the numbers, and no folder has more than 4,096 of them. */
export function commitKey(name: string, sequence: number): string {
  const digits = sequence.toString(16).padStart(16, '0');
  return `${commitPrefix(name)}${digits.slice(0, -3)}/${digits.slice(-3)}`;
}

/** The number in the key of a commit; undefined for any other key. */
export function commitSequence(name: string, key: string): number | undefined {
  const rest = key.slice(commitPrefix(name).length);
  return /^[\da-f]{13}\/[\da-f]{3}$/.test(rest) ? Number.parseInt(rest.replace('/', ''), 16) : undefined;
}

/** The key of the state that a start goes on from. */
export function checkpointKey(name: string): string {
  return targetKey(name, 'checkpoint');
}

/** What the keys of all look-ups begin with. */
export function lookupPrefix(name: string): string {
  return targetKey(name, 'lookup/');
}

/** The key of a version's record. Throws `malformed` for one too long to have any. */
export function lookupKey(name: string, version: ModuleVersion): string {
  const key = `${lookupPrefix(name)}${escapePath(version.path)}/@v/${escapeVersion(version.version)}`;
  if (!isKey(key))
    throw new StoaError('malformed', `${formatModuleVersion(version)}: too long for the private log`);
  return key;
}
