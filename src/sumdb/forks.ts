import { createHash } from 'node:crypto';
import { StoaError } from '../errors.ts';
import type { Log } from '../observe/log.ts';
import type { Metrics } from '../observe/metrics.ts';
import type { BlobStore } from '../storage/store.ts';
import type { Head } from './head.ts';
import { forkKey } from './keys.ts';
import type { Hash } from './tlog.ts';

/** Two signed heads of one database, of which at most one can be true, and what proves that. */
interface Fork {
  readonly older: Head;
  readonly newer: Head;
  /** What the newer tree says that the hash of the older is, and the proof of that; absent where both are of one size. */
  readonly proof?: { readonly hash: Hash; readonly hashes: readonly Hash[] };
}

/** Keeps the evidence and tells the operator, once. The error is for whoever asked. */
export type ReportFork = (fork: Fork) => Promise<StoaError>;

export function createReportFork(options: {
  readonly name: string;
  readonly store: BlobStore;
  readonly log: Log;
  readonly metrics: Pick<Metrics, 'event'>;
}): ReportFork {
  const { name, store, log, metrics } = options;
  return async (fork) => {
    const { older, newer } = fork;
    const evidence = Buffer.from(formatFork(name, fork));
    const digest = createHash('sha256').update(evidence).digest('hex').slice(0, 16);
    const key = forkKey(name, older.tree.size, newer.tree.size, digest);
    const error = new StoaError(
      'integrity',
      `the checksum database ${name} contradicts itself: it signed a tree of ${older.tree.size} records and one of ${newer.tree.size} that does not begin with it; the proof is kept as ${key}`,
    );
    const isNew = await store.put(key, evidence, { ifAbsent: true });
    if (isNew) {
      metrics.event('sumdb_fork');
      log.error('a checksum database contradicts itself', { database: name, key, error });
    }
    return error;
  };
}

/** The evidence as a text for people, who can check it without asking anybody. */
function formatFork(name: string, { older, newer, proof }: Fork): string {
  const said =
    proof === undefined
      ? 'Both trees have the same size and other hashes.'
      : [
          `By the newer tree, the hash of its first ${older.tree.size} records is`,
          `\t${proof.hash.toString('base64')}`,
          'which is not the hash that was signed before. The consistency proof (RFC 6962) between the two:',
          ...proof.hashes.map((hash) => `\t${hash.toString('base64')}`),
        ].join('\n');
  return `The checksum database ${name} signed two trees that contradict each other.

The older one:

${indent(older.note)}
The newer one:

${indent(newer.note)}
${said}
`;
}

function indent(note: Buffer): string {
  return note.toString().replace(/^(?=.)/gm, '\t');
}
