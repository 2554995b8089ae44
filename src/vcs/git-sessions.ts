import { isStoaError } from '../errors.ts';
import type { GitSetup } from './git-command.ts';
import type { Idle, Idler } from './git-idle.ts';
import { withCredential } from './git-login.ts';
import { type GitSession, openSession } from './git-session.ts';
import { createTurns } from './git-shared.ts';
import { createTransport, type TransportLimits } from './git-transport.ts';
import type { Remote } from './remote.ts';

/** Connections to remotes, one of which is kept for a while for who asks the same remote next. */
export interface GitSessions {
  /**
   * Does a piece of work over a connection. Where that was kept and turns out to be gone, or its credential is refused and
   * there is another one, the work is done once more over a new one. Throws OldProtocolError where the remote speaks no version 2 of the protocol.
   */
  use<T>(remote: Remote, signal: AbortSignal, work: (session: GitSession) => Promise<T>): Promise<T>;
  /** The same, for work that must see the refs as they are now. */
  useFresh<T>(remote: Remote, signal: AbortSignal, work: (session: GitSession) => Promise<T>): Promise<T>;
}

interface Kept extends Idler {
  readonly session: GitSession;
}

/** `life` ends all connections. */
export function createSessions(
  setup: GitSetup,
  limits: TransportLimits,
  idle: Idle,
  life: AbortSignal,
): GitSessions {
  const kept = new Map<string, Kept>();
  // What comes over a connection needs a process to take it: connections alone must not have all places.
  const turns = createTurns(Math.max(1, Math.floor(setup.run.limit / 3)));

  function keep(key: string, session: GitSession): void {
    kept.get(key)?.close();
    const entry: Kept = {
      session,
      close() {
        if (kept.get(key) === entry) kept.delete(key);
        idle.take(entry);
        session.close();
      },
    };
    kept.set(key, entry);
    idle.keep(entry);
  }

  function take(key: string): GitSession | undefined {
    const entry = kept.get(key);
    if (entry === undefined) return undefined;
    kept.delete(key);
    idle.take(entry);
    return entry.session.isOpen ? entry.session : undefined;
  }

  async function over<T>(
    key: string,
    session: GitSession,
    work: (session: GitSession) => Promise<T>,
  ): Promise<T> {
    try {
      return await work(session);
    } finally {
      if (session.isOpen) keep(key, session);
    }
  }

  async function use<T>(
    remote: Remote,
    signal: AbortSignal,
    work: (session: GitSession) => Promise<T>,
    mayReuse: (session: GitSession) => boolean,
  ): Promise<T> {
    const key = keyOf(remote);
    const known = take(key);
    if (known !== undefined && mayReuse(known)) {
      try {
        return await over(key, known, work);
      } catch (error) {
        if (signal.aborted || !isStoaError(error, 'upstream')) throw error;
      }
    }
    known?.close();
    const transport = createTransport(setup, remote, limits);
    const { run } = setup;
    const session = await openSession(remote, { run, transport, stallMs: limits.stallMs, life }, signal);
    return over(key, session, work);
  }

  function inTurn<T>(
    remote: Remote,
    signal: AbortSignal,
    work: (session: GitSession) => Promise<T>,
    mayReuse: (session: GitSession) => boolean,
  ): Promise<T> {
    return turns.run(
      () => withCredential(remote, signal, (current) => use(current, signal, work, mayReuse)),
      signal,
    );
  }

  return {
    use: (remote, signal, work) => inTurn(remote, signal, work, () => true),
    useFresh: (remote, signal, work) => inTurn(remote, signal, work, (session) => !session.isStream),
  };
}

/** All that makes a connection what it is; a renewed credential or another address needs another one. */
function keyOf({ fetchUrl, resolve, proxy, credential, ssh }: Remote): string {
  return JSON.stringify([fetchUrl, resolve, proxy, credential, ssh]);
}
