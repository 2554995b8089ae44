/** The objects of git, as far as they are read here (gitformat of commits and trees). */

/** A commit's own data. */
export interface Commit {
  /** The object of its root folder. */
  readonly tree: string;
  /** Committer time. */
  readonly time: Date;
}

/** An entry of a folder. */
export interface TreeEntry {
  readonly kind: 'file' | 'link' | 'folder' | 'submodule';
  readonly hash: string;
}

/** Reads a commit object; undefined for what is none. */
export function parseCommit(bytes: Buffer): Commit | undefined {
  const end = bytes.indexOf('\n\n');
  const head = bytes.subarray(0, end === -1 ? bytes.length : end).toString('latin1');
  const tree = /^tree ([0-9a-f]{40}|[0-9a-f]{64})\n/.exec(head)?.[1];
  const seconds = Number(/^committer .*> (\d{1,15})(?: [+-]\d+)?$/m.exec(head)?.[1]);
  const time = new Date(seconds * 1000);
  return tree === undefined || Number.isNaN(time.getTime()) ? undefined : { tree, time };
}

/**
 * Finds an entry of a folder by its name, from the bytes of the folder's object, whose hashes have `hashBytes` bytes.
 * Undefined where there is none; `broken` for bytes that are no folder.
 */
export function findEntry(tree: Buffer, name: string, hashBytes: number): TreeEntry | undefined | 'broken' {
  const wanted = Buffer.from(name);
  for (let at = 0; at < tree.length; ) {
    const space = tree.indexOf(0x20, at);
    const zero = tree.indexOf(0, space);
    const end = zero + 1 + hashBytes;
    if (space === -1 || zero === -1 || end > tree.length) return 'broken';
    if (tree.subarray(space + 1, zero).equals(wanted)) {
      const mode = Number.parseInt(tree.toString('latin1', at, space), 8);
      return { kind: kindOf(mode), hash: tree.toString('hex', zero + 1, end) };
    }
    at = end;
  }
  return undefined;
}

/** What a mode stands for, as git decides it (object.h, canon_mode). */
export function kindOf(mode: number): TreeEntry['kind'] {
  switch (mode & 0o170000) {
    case 0o100000:
      return 'file';
    case 0o120000:
      return 'link';
    case 0o040000:
      return 'folder';
    default:
      return 'submodule';
  }
}
