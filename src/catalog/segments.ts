import { readdirSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** One file of an outbox. A process writes one after the other, and appends to the last. */
export interface Segment {
  readonly name: string;
  /** The own name of the process that wrote it. */
  readonly owner: string;
  /** It is the last one of its owner, so far. */
  readonly isLast: boolean;
}

/** The name of a process's n-th segment. */
export function segmentName(owner: string, sequence: number): string {
  return `${owner}-${String(sequence).padStart(8, '0')}.jsonl`;
}

/** The segments in an outbox, those of one owner in order. */
export function listSegments(folder: string): readonly Segment[] {
  const found = readdirSync(folder)
    .sort()
    .flatMap((name) => {
      const owner = /^(.+)-\d{8}\.jsonl$/.exec(name)?.[1];
      return owner === undefined ? [] : [{ name, owner }];
    });
  return found.map((segment, at) => ({ ...segment, isLast: found[at + 1]?.owner !== segment.owner }));
}

/**
 * A file in an outbox that says: lines may be missing in the catalog, so it is to be compared with storage. It stays until
 * that is done, whoever does it.
 */
export function reconcileMark(folder: string): string {
  return join(folder, 'reconcile');
}

/** Leaves that mark. */
export async function markForReconcile(folder: string): Promise<void> {
  await writeFile(reconcileMark(folder), '');
}
