import { StoaError } from '../errors.ts';
import type { ReadFile } from './machine.ts';

/** The content of a file that holds a secret, without the one line break editors put at its end. Throws `config` when it can't be read. */
export function readSecret(file: string, readFile: ReadFile): string {
  try {
    return readFile(file).replace(/\r?\n$/, '');
  } catch (error) {
    throw new StoaError('config', `${file} can't be read: ${reasonOf(error)}`, { cause: error });
  }
}

/** True when a file could not be read because there is none. */
export function isAbsence(error: unknown): boolean {
  return codeOf(error) === 'ENOENT';
}

/** Why a file could not be read, in a few words. */
export function reasonOf(error: unknown): string {
  const code = codeOf(error);
  if (code === 'ENOENT') return 'it does not exist';
  if (code === 'EACCES') return 'permission denied';
  if (code === 'EISDIR') return 'it is a folder';
  return code ?? 'unknown failure';
}

function codeOf(error: unknown): string | undefined {
  const code = error instanceof Error ? (error as { code?: unknown }).code : undefined;
  return typeof code === 'string' ? code : undefined;
}
