import { StoaError } from '../errors.ts';
import type { VcsMetrics } from '../observe/metrics.ts';
import { createShare } from '../work/share.ts';
import type { GitSetup } from './git-command.ts';
import type { RemoteRefs } from './git-copy.ts';
import { about } from './git-failure.ts';
import { listRemote } from './git-plain.ts';
import { OldProtocolError } from './git-session.ts';
import type { GitSessions } from './git-sessions.ts';
import type { TransportLimits } from './git-transport.ts';
import { hostOf, type Remote } from './remote.ts';

/** What remotes say about their refs. */
export interface GitRefs {
  /** An answer that is at most a moment old: one question to the remote for all who ask at once or shortly after. */
  recent(remote: Remote, signal: AbortSignal): Promise<RemoteRefs>;
  /** The last answer, however old, while it is remembered. */
  last(remote: Remote): RemoteRefs | undefined;
  /** Whether the remote was seen to speak only older versions of the protocol. */
  isOld(remote: Remote): boolean;
  setOld(remote: Remote): void;
}

export interface GitRefsParts {
  readonly setup: GitSetup;
  readonly sessions: GitSessions;
  readonly limits: TransportLimits;
  readonly now: () => number;
  /** How old a recent answer is at most, in milliseconds since the question. */
  readonly maxAgeMs: number;
  readonly metrics?: VcsMetrics | undefined;
}

/** Refs that are remembered of all last answers together, and remotes that are remembered to be old. */
const maxRemembered = 500_000;
const maxOld = 10_000;

export function createRefs({ setup, sessions, limits, now, maxAgeMs, metrics }: GitRefsParts): GitRefs {
  const share = createShare<RemoteRefs>({});
  const answers = new Map<string, RemoteRefs>();
  const old = new Set<string>();

  async function read(remote: Remote, signal: AbortSignal): Promise<ReadonlyMap<string, string>> {
    if (old.has(remote.key)) return listRemote(setup, remote, limits, signal);
    try {
      const lines = await sessions.useFresh(remote, signal, (session) => session.refs(signal));
      return new Map(lines.map(({ name, hash, peeled }) => [name, peeled ?? hash]));
    } catch (error) {
      if (!(error instanceof OldProtocolError)) throw about(remote, error);
      setOld(remote);
      return listRemote(setup, remote, limits, signal);
    }
  }

  function remember(key: string, answer: RemoteRefs): void {
    answers.delete(key);
    answers.set(key, answer);
    let total = answers.values().reduce((sum, { commits }) => sum + commits.size + 1, 0);
    for (const [oldest, { commits }] of answers) {
      if (total <= maxRemembered || oldest === key) return;
      answers.delete(oldest);
      total -= commits.size + 1;
    }
  }

  async function ask(remote: Remote, signal: AbortSignal): Promise<RemoteRefs> {
    const askedAt = now();
    try {
      const answer = { commits: await read(remote, signal), askedAt };
      metrics?.request(hostOf(remote), 'refs', 'ok', 0);
      remember(remote.key, answer);
      return answer;
    } catch (error) {
      if (!signal.aborted) metrics?.request(hostOf(remote), 'refs', 'failed', 0);
      throw error;
    }
  }

  function setOld({ key }: Remote): void {
    const [oldest] = old;
    if (old.size >= maxOld && oldest !== undefined) old.delete(oldest);
    old.add(key);
  }

  return {
    async recent(remote, signal) {
      const known = answers.get(remote.key);
      if (known !== undefined && now() - known.askedAt <= maxAgeMs) {
        if (signal.aborted) throw new StoaError('canceled', 'canceled');
        return known;
      }
      return share(remote.key, signal, (work) => ask(remote, work));
    },
    last: ({ key }) => answers.get(key),
    isOld: ({ key }) => old.has(key),
    setOld,
  };
}
