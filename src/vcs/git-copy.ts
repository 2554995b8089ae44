import type { VcsMetrics } from '../observe/metrics.ts';
import type { GitObjects } from './git-objects.ts';
import type { Remote } from './remote.ts';

/** The refs of a remote as it told them. */
export interface RemoteRefs {
  /** The commit that each leads to, by its whole name, `HEAD` among them. */
  readonly commits: ReadonlyMap<string, string>;
  /** Milliseconds since the epoch, when the remote was asked. */
  readonly askedAt: number;
}

/**
 * A local repository with a part of what a remote has. What fetches lets the remote send what is missing, one fetch at
 * a time; the objects can be read meanwhile. Throws StoaErrors about the remote, DamageError where the repository is
 * broken, OldProtocolError where it is of the wrong kind for the remote.
 */
export interface GitCopy {
  readonly folder: string;
  readonly objects: GitObjects;
  /** Fetches a commit and all its folders, perhaps without the content of its files. `refs` are recent ones. */
  fetchSnapshot(remote: Remote, commit: string, refs: RemoteRefs, signal: AbortSignal): Promise<void>;
  /** Fetches these objects of a commit whose folders are here, and nothing below them. */
  fetchObjects(remote: Remote, hashes: readonly string[], signal: AbortSignal): Promise<void>;
  /** Fetches a folder with all that is in it. */
  fetchTree(remote: Remote, hash: string, signal: AbortSignal): Promise<void>;
  /** Makes the local branches and tags those of the refs, and fetches all commits that lead to them. */
  fetchHistory(remote: Remote, refs: RemoteRefs, signal: AbortSignal): Promise<void>;
  close(): void;
}

/** What both kinds of copies are made of. */
export interface CopyParts {
  readonly folder: string;
  readonly objects: GitObjects;
  /** Told about how many bytes came in. */
  readonly grew: (bytes: number) => void;
  readonly metrics?: VcsMetrics | undefined;
}
