/**
 * The commits of our own log: the records of a batch and the signed head of the tree that ends with them. All else
 * follows from them.
 */
import { StoaError } from '../errors.ts';
import { type Head, openHead } from './head.ts';
import { type Logged, parseRecordText } from './ledger-record.ts';
import type { Verifier } from './note.ts';
import { formatRecord, parseRecord } from './record.ts';

export interface Commit {
  /** At least one. */
  readonly texts: readonly Buffer[];
  /** The same records, read. */
  readonly logged: readonly Logged[];
  readonly head: Head;
}

/** The records as look-ups answer them, then the note of the head. */
export function formatCommit({ texts, head }: Omit<Commit, 'logged'>): Buffer {
  const first = head.tree.size - texts.length;
  return Buffer.concat([...texts.map((text, i) => formatRecord(first + i, text)), head.note]);
}

/** Throws `integrity` for what `formatCommit` did not write, and for a head that our key did not sign. */
export function parseCommit(bytes: Buffer, verifier: Verifier): Commit {
  const texts: Buffer[] = [];
  const logged: Logged[] = [];
  let rest = bytes;
  while (!rest.subarray(0, headStart.length).equals(headStart)) {
    const record = parseRecord(rest);
    texts.push(record.text);
    logged.push(parseRecordText(record.id, record.text));
    ({ rest } = record);
  }
  const head = openHead(rest, verifier);
  const first = head.tree.size - texts.length;
  if (texts.length === 0 || logged.some(({ id }, i) => id !== first + i))
    throw new StoaError('integrity', 'its records are not those before its head');
  return { texts, logged, head };
}

const headStart = Buffer.from('go.sum database tree\n');
