import { Server } from 'node:net';

/** A connection as a drain sees it. */
export interface DrainedSocket {
  readonly bytesRead: number;
  readonly writableLength: number;
  /** `h2`: the connection of an HTTP/2 session, which ends by itself once it was told to. */
  readonly alpnProtocol?: string | false | null;
  destroy(): unknown;
}

/** What is ended. */
export interface Drained<S extends DrainedSocket> {
  readonly server: Server;
  readonly sockets: ReadonlySet<S>;
  /** True while a request of the connection is being answered. */
  isRunning(socket: S): boolean;
  /** Milliseconds after which what still runs is cut. */
  readonly timeoutMs: number;
  readonly clock: () => number;
}

/** Milliseconds between two looks at what is left. */
const sweepMs = 100;

/**
 * Takes no more connections, closes those on which nothing goes on, and is fulfilled when all are closed. A
 * connection is quiet when it has neither a request nor bytes to send, and nothing came on it between two looks.
 */
export async function drainServer<S extends DrainedSocket>(drained: Drained<S>): Promise<void> {
  const { server, sockets, isRunning, timeoutMs, clock } = drained;
  const read = new Map<S, number>();
  const deadline = clock() + timeoutMs;
  const sweep = () => {
    const late = clock() >= deadline;
    for (const socket of sockets) {
      const quiet =
        socket.alpnProtocol !== 'h2' &&
        !isRunning(socket) &&
        socket.writableLength === 0 &&
        read.get(socket) === socket.bytesRead;
      if (late || quiet) socket.destroy();
      else read.set(socket, socket.bytesRead);
    }
  };
  // The close of an HTTP server cuts what was answered but is not yet taken by a slow client; the one below it does not.
  const closed = new Promise<void>((resolve) => Server.prototype.close.call(server, () => resolve()));
  sweep();
  const sweeping = setInterval(sweep, sweepMs);
  await closed;
  clearInterval(sweeping);
  // Only its check for late request heads is left to end.
  server.close();
}
