import type { Verifier } from './note.ts';
import { openNote } from './note.ts';
import { parseTree, type Tree } from './tlog.ts';

/** A state of the log with the note that its database signed. */
export interface Head {
  readonly tree: Tree;
  readonly note: Buffer;
}

/** The head that a note signs. Throws `integrity` unless the key of the database signed it. */
export function openHead(note: Buffer, verifier: Verifier): Head {
  return { tree: parseTree(openNote(note, [verifier]).text), note };
}
