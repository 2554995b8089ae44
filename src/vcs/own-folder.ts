import { once } from 'node:events';
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A folder for this process alone, until it ends. */
export interface OwnFolder {
  readonly path: string;
  /** The socket in it, to which it belongs to connect. */
  readonly socket: string;
  /** Closes the socket and removes the folder; when it is fulfilled nothing more is removed. */
  close(): Promise<void>;
}

export interface OwnFolderOptions {
  /** What it is for. */
  readonly name: 'run' | 'vcs' | 'catalog';
  /** Given who connects to the socket. */
  readonly connected?: (stream: Socket) => void;
  /** The folder that it is made in; default the system's for temporary files. */
  readonly parent?: string;
}

/**
 * Makes a folder, and begins to remove those of processes that were killed. Whether a process is still there its socket tells:
 * so a folder that several containers share is cleaned up too, in which numbers of processes say nothing.
 */
export async function openOwnFolder({
  name,
  connected = (stream) => void stream.destroy(),
  parent = tmpdir(),
}: OwnFolderOptions): Promise<OwnFolder> {
  const sweeping = sweep(parent).catch(() => undefined);
  const path = await mkdtemp(join(parent, `stoa-${name}-`));
  const socket = join(path, socketName);
  const server = createServer(connected).listen(socket);
  await once(server, 'listening');
  server.unref();
  return {
    path,
    socket,
    async close() {
      server.close();
      await Promise.all([rm(path, { recursive: true, force: true }), sweeping]);
    },
  };
}

const socketName = 'streams';
const ownName = /^stoa-(?:run|vcs|catalog)-\w{6}$/;

/** Milliseconds after which a folder without a socket is no longer one that is being made or removed. */
const unfinishedMs = 60 * 60 * 1000;

async function sweep(parent: string): Promise<void> {
  for (const entry of await readdir(parent, { withFileTypes: true })) {
    if (!entry.isDirectory() || !ownName.test(entry.name)) continue;
    const path = join(parent, entry.name);
    // What is somebody else's stays.
    if (await isLeft(path)) await rm(path, { recursive: true, force: true }).catch(() => undefined);
  }
}

async function isLeft(path: string): Promise<boolean> {
  const socket = connect(join(path, socketName));
  try {
    await once(socket, 'connect');
    return false;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ECONNREFUSED') return true;
    if (code !== 'ENOENT') return false;
    const made = await stat(path).catch(() => undefined);
    return made !== undefined && Date.now() - made.mtimeMs > unfinishedMs;
  } finally {
    socket.destroy();
  }
}
