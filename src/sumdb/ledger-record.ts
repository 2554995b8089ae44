/** The records of our own log: each has exactly the two lines of one version. */
import { StoaError } from '../errors.ts';
import { formatModuleVersion, isModuleVersion, type ModuleVersion } from '../module/version.ts';
import { formatRecord, parseRecord } from './record.ts';
import { formatSums, parseSums, type Sums } from './sums.ts';

/** A version as it is logged. */
export interface Logged {
  readonly version: ModuleVersion;
  readonly sums: Sums;
  /** The number of its record. */
  readonly id: number;
}

/** The text of a record. */
export function recordText({ version, sums }: Pick<Logged, 'version' | 'sums'>): Buffer {
  return Buffer.from(formatSums(version, sums));
}

/** What a text says that is the record of this number. Throws `integrity` unless it is one that `recordText` wrote. */
export function parseRecordText(id: number, text: Buffer): Logged {
  const [, path = '', name = ''] = /^([^ \n]+) ([^ \n]+) /.exec(text.toString()) ?? [];
  if (!isModuleVersion(path, name)) throw new StoaError('integrity', `record ${id} is that of no version`);
  const version = { path, version: name };
  const sums = parseSums(text.toString(), version);
  if (!recordText({ version, sums }).equals(text))
    throw new StoaError('integrity', `record ${id} is not only that of ${formatModuleVersion(version)}`);
  return { version, sums, id };
}

/** A record as it is stored for look-ups: as they answer it. */
export function formatLogged(logged: Logged): Buffer {
  return formatRecord(logged.id, recordText(logged));
}

/** The record that was stored for a version. Throws `integrity` where it is another one. */
export function parseLogged(stored: Buffer, version: ModuleVersion): Logged {
  const { id, text, rest } = parseRecord(stored);
  const logged = parseRecordText(id, text);
  if (rest.length > 0 || formatModuleVersion(logged.version) !== formatModuleVersion(version))
    throw new StoaError(
      'integrity',
      `${formatModuleVersion(version)}: its stored look-up is that of another record`,
    );
  return logged;
}
