import type { VcsMetrics } from '../observe/metrics.ts';
import type { GitSetup } from './git-command.ts';
import type { GitCopy } from './git-copy.ts';
import { about, brokenObjects, DamageError, localFailure } from './git-failure.ts';
import type { Idle } from './git-idle.ts';
import { gitLayout } from './git-layout.ts';
import { createObjects } from './git-objects.ts';
import { createPlainCopy } from './git-plain.ts';
import type { GitRefs } from './git-refs.ts';
import { OldProtocolError } from './git-session.ts';
import type { GitSessions } from './git-sessions.ts';
import type { TransportLimits } from './git-transport.ts';
import { createWireCopy } from './git-wire.ts';
import type { KeptFolders, Lease, OpenCopy } from './kept-folders.ts';
import type { Remote } from './remote.ts';

/** The local copies of remotes. */
export interface GitCopies {
  /** Takes the copy of this remote with hashes of this length into use. */
  lease(remote: Remote, hashLength: number): Promise<Lease<GitCopy>>;
  /**
   * Does a piece of work on it. A copy that turns out to be broken is taken away, and the work is done once more on a
   * new one; when that is as bad, the remote's objects are: `integrity`.
   */
  use<T>(remote: Remote, hashLength: number, work: (copy: GitCopy) => Promise<T>): Promise<T>;
}

export interface GitCopiesParts {
  readonly setup: GitSetup;
  readonly limits: TransportLimits;
  /** Bytes of the largest pack that is taken. */
  readonly maxFetchBytes: number;
  readonly sessions: GitSessions;
  readonly refs: GitRefs;
  readonly folders: KeptFolders<GitCopy>;
  readonly idle: Idle;
  readonly metrics?: VcsMetrics | undefined;
  /** Ends what runs for the copies. */
  readonly life: AbortSignal;
}

export function createCopies({ refs, folders, idle, life, ...parts }: GitCopiesParts): GitCopies {
  const openWire: OpenCopy<GitCopy> = (folder, grew) =>
    createWireCopy({ ...parts, folder, grew, objects: createObjects(parts.setup, folder, idle, life) });
  const openPlain: OpenCopy<GitCopy> = (folder, grew) =>
    createPlainCopy({ ...parts, folder, grew, objects: createObjects(parts.setup, folder, idle, life) });

  function lease(remote: Remote, hashLength: number): Promise<Lease<GitCopy>> {
    const [kind, open] = refs.isOld(remote) ? (['plain', openPlain] as const) : (['wire', openWire] as const);
    return folders.use(`${kind} ${remote.key}\n${hashLength}`, gitLayout(hashLength), open);
  }

  return {
    lease,
    async use(remote, hashLength, work) {
      for (let broken = 0; ; ) {
        const { copy, discard, release } = await lease(remote, hashLength);
        try {
          return await work(copy);
        } catch (error) {
          if (error instanceof OldProtocolError) {
            // The copy for the other kind of remote is another one.
            refs.setOld(remote);
          } else if (error instanceof DamageError) {
            await discard();
            broken++;
            if (broken > 1) throw brokenObjects(remote, error);
          } else {
            throw about(remote, localFailure(error));
          }
        } finally {
          release();
        }
      }
    },
  };
}
