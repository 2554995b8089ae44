import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';

/** A server on loopback that answers every request for a page with the same one, or refuses it where there is none. */
export interface GoPage {
  /** For HTTP_PROXY and HTTPS_PROXY. */
  readonly proxy: string;
  close(): void;
}

/**
 * Tells the go command where a repository is: what was found out before, so that it asks nobody else, and is answered
 * nothing else. It goes through this proxy for its page, over TLS first, which is refused, and then without.
 */
export async function openGoPage(html: string | undefined): Promise<GoPage> {
  const refusal = answer('403 Forbidden', '');
  const page = html === undefined ? refusal : answer('200 OK', html);
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    socket.on('error', () => undefined);
    // The first bytes tell what is wanted, and what it says besides does not matter.
    socket.once('data', (head: Buffer) => {
      socket.end(head.toString('latin1').startsWith('GET http://') ? page : refusal);
    });
    socket.resume();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  return {
    proxy: `http://127.0.0.1:${port}`,
    close() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

function answer(status: string, body: string): string {
  const head = ['Content-Type: text/html; charset=utf-8', `Content-Length: ${Buffer.byteLength(body)}`];
  return [`HTTP/1.1 ${status}`, ...head, 'Connection: close', '', body].join('\r\n');
}
