import type { StoaError } from '../errors.ts';
import type { Remote } from './remote.ts';

/** The systems that are read through the go command. */
export type GoVcs = 'hg' | 'svn' | 'fossil';

/** A repository as the go command is given it: at the public URL, which its programs replace by the one that is asked. */
export interface GoRemote extends Remote {
  readonly vcs: GoVcs;
  /** What the page of the path says, for the go command, which asks for it; absent where the path itself tells. */
  readonly page?: { readonly root: string; readonly html: string };
  /** Over HTTP: the way out for the programs, the only one that they are told of. */
  readonly openExit?: () => Promise<GoExit>;
  renew?(signal: AbortSignal): Promise<GoRemote | undefined>;
}

/** An HTTP proxy on loopback that leads to the host of a remote alone. */
export interface GoExit {
  readonly port: number;
  /** What stood in the way first. */
  readonly trouble: StoaError | undefined;
  close(): void;
}
