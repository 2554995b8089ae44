// Repositories of Mercurial and Fossil over HTTP, and of Subversion over its own protocol, on loopback: the real servers, behind
// sockets that can misbehave.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer as createHttpServer, request } from 'node:http';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { dirname } from 'node:path';
import { createInterface } from 'node:readline';
import type { Duplex } from 'node:stream';
import { createServer as createTlsServer } from 'node:tls';
import { type OtherRepo, tools } from './other-repos.ts';
import { tlsFile } from './tls.ts';

export interface OtherServerOptions {
  /** Over TLS with this certificate of test/testdata/tls. */
  readonly certificate?: string;
  /** Basic authentication is asked for, and these are let in. */
  readonly login?: { readonly username: string; readonly password: string };
  /** What is answered to everything: a whole answer of HTTP. */
  readonly answer?: string;
}

export interface OtherServer {
  /** Of the repository, without a slash at its end; of Subversion its trunk. Mercurial takes no certificate for an address. */
  readonly url: string;
  /** `host:port`. */
  readonly host: string;
  /** Heads of requests, each the first of its connection. */
  readonly heads: readonly string[];
  /** From now on nothing is answered; fulfilled when somebody waits for an answer. */
  stall(): Promise<void>;
  close(): Promise<void>;
}

/** Serves it where the repository itself is at the root of the server. */
export async function serveOther(repo: OtherRepo, options: OtherServerOptions = {}): Promise<OtherServer> {
  const { certificate, login, answer } = options;
  const mercurial = repo.vcs === 'hg' ? await startMercurial(repo.folder) : undefined;
  const heads: string[] = [];
  const sockets = new Set<Duplex>();
  const children = new Set<ChildProcess>();
  let stalled: PromiseWithResolvers<void> | undefined;

  function keep<T extends Duplex>(socket: T): T {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.once('close', () => sockets.delete(socket));
    return socket;
  }

  function serve(socket: Socket): void {
    keep(socket);
    // Its server speaks first.
    if (repo.vcs === 'svn') {
      runFor(socket, ['svnserve', '-i', '-r', repo.folder]);
      return;
    }
    socket.once('data', (first: Buffer) => {
      const head = first.toString('latin1');
      heads.push(head);
      if (stalled !== undefined) stalled.resolve();
      else if (answer !== undefined) socket.end(answer);
      else if (login !== undefined && !isLetIn(head, login)) socket.end(loginAnswer);
      else passOn(socket, first);
    });
  }

  function passOn(socket: Socket, first: Buffer): void {
    if (mercurial !== undefined) {
      socket.unshift(first);
      mercurial.front.emit('connection', socket);
      return;
    }
    runFor(socket, [tools.fossil!, 'http', repo.folder, '--nossl', '--ipaddr', '127.0.0.1'], first);
  }

  /** A server of one connection, as inetd starts them. */
  function runFor(
    socket: Socket,
    [program, ...args]: readonly string[],
    first: Uint8Array = Buffer.of(),
  ): void {
    const child = spawn(program!, args, {
      stdio: ['pipe', 'pipe', 'ignore'],
      env: { PATH: process.env.PATH, HOME: dirname(repo.folder), USER: 'gopher' },
    });
    children.add(child);
    child.once('close', () => children.delete(child));
    child.stdin.on('error', () => undefined);
    child.stdin.write(first);
    socket.pipe(child.stdin);
    child.stdout.pipe(socket);
  }

  const server =
    certificate === undefined
      ? createServer(serve)
      : createTlsServer({ cert: tlsFile(certificate), key: tlsFile('server.key') }, serve);
  server.on('tlsClientError', () => undefined);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const host = `${certificate === undefined ? '127.0.0.1' : 'localhost'}:${(server.address() as AddressInfo).port}`;
  const http = certificate === undefined ? 'http' : 'https';
  return {
    url: repo.vcs === 'svn' ? `svn://${host}/trunk` : `${http}://${host}`,
    host,
    heads,
    stall() {
      stalled ??= Promise.withResolvers<void>();
      return stalled.promise;
    },
    async close() {
      server.close();
      for (const socket of sockets) socket.destroy();
      for (const child of children) child.kill('SIGKILL');
      await mercurial?.close();
    },
  };
}

const loginAnswer =
  'HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm="r"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n';

function isLetIn(head: string, { username, password }: { username: string; password: string }): boolean {
  return head.toLowerCase().includes(`authorization: basic ${btoa(`${username}:${password}`)}`.toLowerCase());
}

async function startMercurial(folder: string) {
  const child = spawn(tools.hg!, ['serve', '-R', folder, '-a', '127.0.0.1', '-p', '0', '--print-url'], {
    stdio: ['ignore', 'pipe', 'ignore'],
    env: { PATH: process.env.PATH, HOME: folder, HGRCPATH: '' },
  });
  const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
  const { port } = new URL(line);
  // Of the servers that stand before it, all take whole URLs, which hg sends through a tunnel when it logs in.
  const front = createHttpServer(({ url, method, headers }, response) => {
    const path = url!.replace(/^https?:\/\/[^/]*/, '');
    request({ host: '127.0.0.1', port, path, method, headers, agent: false }, (answer) => {
      response.writeHead(answer.statusCode!, answer.headers);
      answer.pipe(response);
    })
      .on('error', () => response.destroy())
      .end();
  });
  return {
    front,
    async close() {
      const closed = once(child, 'close');
      child.kill('SIGKILL');
      await closed;
    },
  };
}
