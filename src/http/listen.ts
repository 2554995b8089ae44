import { chmod, lstat, unlink } from 'node:fs/promises';
import { createConnection, type Server } from 'node:net';
import { StoaError } from '../errors.ts';

/** Where a server listens: an address (port 0 takes any free one), or a unix socket with its permissions. */
export type ListenAddress =
  | { readonly host?: string; readonly port: number }
  | { readonly socket: string; readonly mode?: number };

/**
 * Starts to listen. The socket file of a process that is gone is replaced, anything else at its place is left alone.
 * Returns where it listens: `http://127.0.0.1:3000`, or `unix:/run/stoa.sock`. Throws `config` where it can't.
 */
export async function listen(server: Server, address: ListenAddress, scheme: string): Promise<string> {
  if ('socket' in address) {
    await removeStale(address.socket);
    await start(server, { path: address.socket }, address.socket);
    if (address.mode !== undefined) await chmod(address.socket, address.mode);
    return `unix:${address.socket}`;
  }
  const { host, port } = address;
  await start(server, host === undefined ? { port } : { host, port }, `${host ?? ''}:${port}`);
  const bound = server.address();
  if (bound === null || typeof bound === 'string')
    throw new StoaError('internal', 'no address after listening');
  return `${scheme}://${bound.family === 'IPv6' ? `[${bound.address}]` : bound.address}:${bound.port}`;
}

function start(
  server: Server,
  where: { path: string } | { host?: string; port: number },
  name: string,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (cause: NodeJS.ErrnoException) =>
      reject(
        new StoaError('config', `cannot listen on ${name}: ${reasons[cause.code ?? ''] ?? cause.message}`, {
          cause,
        }),
      );
    server.once('error', fail);
    server.listen(where, () => {
      server.off('error', fail);
      resolve();
    });
  });
}

const reasons: Readonly<Partial<Record<string, string>>> = {
  EADDRINUSE: 'another process listens there',
  EACCES: 'permission denied',
  EADDRNOTAVAIL: 'this machine has no such address',
};

/** Unlinks a socket file that nobody listens on. */
async function removeStale(path: string): Promise<void> {
  const info = await lstat(path).catch(() => undefined);
  if (info === undefined) return;
  if (!info.isSocket()) throw new StoaError('config', `cannot listen on ${path}: it is no socket`);
  if (!(await answers(path))) await unlink(path);
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createConnection(path);
    probe.once('connect', () => {
      probe.destroy();
      resolve(true);
    });
    probe.once('error', (error: NodeJS.ErrnoException) => resolve(error.code !== 'ECONNREFUSED'));
  });
}
