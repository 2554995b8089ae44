/** The key of our own checksum database. */
import { StoaError } from '../errors.ts';
import { quote } from '../module/quote.ts';
import { generateKey, parseSignerKey, type Signer } from './note.ts';

/** A new key for a log of this name. Throws `malformed` for a name that no log of ours may have. */
export function makeLedgerKey(name: string, seed: Uint8Array): ReturnType<typeof generateKey> {
  checkName(name);
  return generateKey(name, seed);
}

/** The signer of such a key. Throws `malformed`, without showing it, for any other text. */
export function parseLedgerKey(text: string): Signer {
  const signer = parseSignerKey(text);
  checkName(signer.name);
  return signer;
}

/** Databases whose keys the go command knows: signed by another, such a name would be a forgery to it. */
const known = ['sum.golang.org', 'sum.golang.google.cn'];

/** It becomes a part of storage keys and of URLs, and the go command takes only hosts. */
function checkName(name: string): void {
  const problem = nameProblem(name);
  if (problem !== undefined)
    throw new StoaError('malformed', `${quote(name)} cannot be the name of a private log: ${problem}`);
}

function nameProblem(name: string): string | undefined {
  if (!/^[a-z\d]([a-z\d-]*[a-z\d])?(\.[a-z\d]([a-z\d-]*[a-z\d])?)*$/.test(name))
    return 'it should be that of a host in lower case, such as sum.example.com';
  if (name.length > 100) return 'it has more than 100 characters';
  return known.includes(name) ? 'it is that of a public database' : undefined;
}
