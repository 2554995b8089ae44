import { type ErrorKind, isStoaError, StoaError, toStoaError } from '../errors.ts';
import { formatModuleVersion, type ModuleVersion } from '../module/version.ts';

/** A source whose content was refused, and why. */
export interface Refusal {
  readonly source: string;
  readonly error: StoaError;
}

/** Failures that are none of a source's: what the others sent does not matter then. */
const ownKinds: readonly ErrorKind[] = ['canceled', 'storage', 'draining', 'internal'];

/**
 * Fetches from one source after another until one is accepted. Whose content `accept` refuses with `integrity` is added to `refused`
 * and passed over; where `isFinal` by then, the refusal is the end. Throws `integrity` with all refusals when no source is left.
 */
export async function firstAccepted<F extends { readonly source: string }, T>(options: {
  readonly version: ModuleVersion;
  readonly refused: Refusal[];
  readonly fetch: (not: readonly string[]) => Promise<F>;
  readonly accept: (fetched: F) => Promise<T>;
  readonly isFinal?: () => boolean;
}): Promise<T> {
  const { version, refused, fetch, accept, isFinal } = options;
  for (;;) {
    const not = refused.map(({ source }) => source);
    const fetched = await fetch(not).catch((error: unknown) => {
      // That another source failed too says less than what was refused; nor is its absence one of the version.
      throw refused.length === 0 || ownKinds.includes(toStoaError(error).kind)
        ? error
        : join(version, refused, error);
    });
    const { source } = fetched;
    if (not.includes(source)) throw join(version, refused, undefined);
    try {
      return await accept(fetched);
    } catch (error) {
      if (!isStoaError(error, 'integrity')) throw error;
      refused.push({ source, error });
      if (isFinal?.() === true) throw error;
    }
  }
}

/** What all of them sent, as one error; `cause` is why there was no other. */
function join(version: ModuleVersion, refused: readonly Refusal[], cause: unknown): StoaError {
  const subject = `${formatModuleVersion(version)}: `;
  const reasons = refused.map(({ error }) => error.message.replace(subject, ''));
  return new StoaError('integrity', `${subject}${reasons.join('; ')}`, { cause });
}
