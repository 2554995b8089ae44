/** The h1 hash of go.sum and the checksum database: golang.org/x/mod/sumdb/dirhash, Hash1. */
import { createHash } from 'node:crypto';
import { StoaError } from '../errors.ts';
import { compareBytes } from './order.ts';
import { quote } from './quote.ts';

/** One file of a hash: its full name (in a module zip `path@version/file`) and the SHA-256 of its content. */
export interface FileHash {
  readonly name: string;
  readonly sha256: Uint8Array;
}

/** `h1:` and the base64 hash of the files, whatever their order. Throws `integrity` for a name with a newline. */
export function hash1(files: Iterable<FileHash>): string {
  const hash = createHash('sha256');
  for (const { name, sha256 } of [...files].sort((a, b) => compareBytes(a.name, b.name))) {
    if (name.includes('\n')) throw new StoaError('integrity', `file name ${quote(name)} has a newline`);
    hash.update(`${Buffer.from(sha256).toString('hex')}  ${name}\n`);
  }
  return `h1:${hash.digest('base64')}`;
}

/** The h1 hash of a go.mod file: the one that go.sum has under `version/go.mod`. */
export function hashGoMod(bytes: Uint8Array): string {
  return hash1([{ name: 'go.mod', sha256: createHash('sha256').update(bytes).digest() }]);
}
