import type { Metrics } from '../observe/metrics.ts';

/** The requests that wait or stream, by connection; what is answered at once never gets here. */
export interface Running<C extends Countable> {
  /** Counts a request until it is done. Nobody has more than `most` at once: HTTP/2 refuses them, a flood of pipelined ones ends the connection. */
  add(connection: C | undefined, done: Promise<void>): void;
  has(connection: C): boolean;
}

/** What is counted: a socket, or an HTTP/2 session. */
interface Countable {
  destroy(): unknown;
}

export function createRunning<C extends Countable>(most: number, metrics: Metrics): Running<C> {
  const counts = new Map<C, number>();
  return {
    add(connection, done) {
      if (connection === undefined) return;
      const count = (counts.get(connection) ?? 0) + 1;
      counts.set(connection, count);
      if (count > most) {
        metrics.event('pipelining_refused');
        connection.destroy();
      }
      void done.then(() => {
        const rest = counts.get(connection)! - 1;
        if (rest === 0) counts.delete(connection);
        else counts.set(connection, rest);
      });
    },
    has: (connection) => counts.has(connection),
  };
}
