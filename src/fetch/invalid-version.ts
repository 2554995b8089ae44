import { StoaError } from '../errors.ts';

/** A version that a repository does not have, or not as this one, in the words of the go command (x/mod module.ModuleError). */
export function invalidVersion(path: string, version: string, problem: string): StoaError {
  return new StoaError('notFound', `${path}@${version}: invalid version: ${problem}`);
}

/** The same for a pseudo-version that contradicts its repository. */
export function invalidPseudoVersion(path: string, version: string, problem: string): StoaError {
  return new StoaError('notFound', `${path}@${version}: invalid pseudo-version: ${problem}`);
}
