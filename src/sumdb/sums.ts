import { StoaError } from '../errors.ts';
import { quote } from '../module/quote.ts';
import { formatModuleVersion, type ModuleVersion } from '../module/version.ts';

/** What a checksum database knows of a version: h1 hashes, of all of its zip and of its go.mod. */
export interface Sums {
  readonly zip: string;
  readonly mod: string;
}

/**
 * The hashes that the text of a record has for exactly this version; lines of other modules are nobody's. Throws
 * `integrity` where it lacks one of both, or has two for the same thing.
 */
export function parseSums(text: string, version: ModuleVersion): Sums {
  const lines = text.split('\n');
  return {
    zip: findSum(lines, version, version.version),
    mod: findSum(lines, version, `${version.version}/go.mod`),
  };
}

/** The text of the record for a version. */
export function formatSums({ path, version }: ModuleVersion, { zip, mod }: Sums): string {
  return `${path} ${version} ${zip}\n${path} ${version}/go.mod ${mod}\n`;
}

function findSum(lines: readonly string[], version: ModuleVersion, what: string): string {
  const prefix = `${version.path} ${what} `;
  const found = new Set(
    lines.filter((line) => line.startsWith(`${prefix}h1:`)).map((line) => line.slice(prefix.length)),
  );
  const [sum, another] = found;
  if (sum === undefined || another !== undefined) {
    const wrong = sum === undefined ? 'no hash' : 'two hashes';
    throw new StoaError('integrity', `the record of ${formatModuleVersion(version)} has ${wrong} of ${what}`);
  }
  if (!/^h1:[A-Za-z0-9+/]{43}=$/.test(sum))
    throw new StoaError(
      'integrity',
      `the record of ${formatModuleVersion(version)} has ${quote(sum)} for a hash`,
    );
  return sum;
}
