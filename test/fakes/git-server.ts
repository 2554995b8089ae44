// Repositories over smart HTTP on loopback: the real `git upload-pack` behind a server that counts, delays and misbehaves.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { join } from 'node:path';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { createGunzip } from 'node:zlib';
import { git } from './git-repos.ts';
import { tlsFile } from './tls.ts';

export interface GitServerOptions {
  /** Where the repositories lie; a URL path is a path in it. */
  readonly folder: string;
  /** Milliseconds before each answer: one round trip of a network. */
  readonly latencyMs?: number;
  /** Whether clones may be partial; true unless it is told, as with the large hosts. */
  readonly filter?: boolean;
  /** The newest version of git's protocol that is spoken; 2 unless it is told. */
  readonly protocol?: 0 | 2;
  /** Basic authentication is asked for, and these are let in; or who is by the headers and the repository. */
  readonly login?:
    | { readonly username: string; readonly password: string }
    | ((headers: IncomingMessage['headers'], repo: string) => boolean);
  /** Over TLS with this certificate of test/testdata/tls. */
  readonly certificate?: string;
  /** Answers what is no request of git's, such as `?go-get=1`; else it gets 404. */
  readonly otherwise?: RequestListener;
}

/** `advertisement` is `…/info/refs`; the others are posts, told apart by the command of protocol 2 (`fetch` in protocol 0). */
export type GitRequestKind = 'advertisement' | 'ls-refs' | 'fetch' | 'other';

interface GitRequest {
  readonly kind: GitRequestKind;
  /** The path of the repository below the folder. */
  readonly repo: string;
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  /** The lines of a post, as far as they are text. */
  readonly body: string;
  /** Bytes of the answer's body so far. */
  readonly bytes: number;
  /** Fulfilled when the exchange is over, with whether the answer was sent to its end. */
  readonly over: Promise<'finished' | 'cut'>;
}

/** What goes wrong. */
export type GitFault =
  /** Another answer; a redirect is `{ status: 302, headers: { location } }`. */
  | {
      readonly do: 'answer';
      readonly status: number;
      readonly headers?: Readonly<Record<string, string>>;
      readonly body?: string;
    }
  /** Nothing more after so many bytes of the body (0: not even a head) before `until`, or for ever. */
  | { readonly do: 'hang'; readonly afterBytes: number; readonly until?: Promise<unknown> }
  /** The connection is destroyed after so many bytes of the body. */
  | { readonly do: 'cut'; readonly afterBytes: number }
  /** One bit is wrong, so many bytes before the end of the answer. */
  | { readonly do: 'corrupt'; readonly beforeEnd: number }
  /** A body that never ends: a beginning, and then the same again and again. */
  | { readonly do: 'endless'; readonly begin: string; readonly chunk: Uint8Array };

export interface GitServer {
  /** Without a slash at its end. */
  readonly url: string;
  /** `host:port`. */
  readonly host: string;
  /** The requests so far, oldest first. */
  readonly requests: readonly GitRequest[];
  /** Connections that are open now. */
  readonly sockets: ReadonlySet<Socket>;
  /** How many requests of each kind there were since the last call, and the bytes they were answered with. */
  take(): {
    readonly counts: Partial<Record<GitRequestKind, number>>;
    readonly trips: number;
    readonly bytes: number;
  };
  /** What the next requests of this kind meet, `times` of them. */
  fault(kind: GitRequestKind, fault: GitFault, times?: number): void;
  /** Forgets the faults that nobody met yet. */
  calm(): void;
  close(): Promise<void>;
}

type Exchange = { -readonly [Key in keyof GitRequest]: GitRequest[Key] };

export async function startGitServer(options: GitServerOptions): Promise<GitServer> {
  const { latencyMs = 0, login, certificate } = options;
  const requests: Exchange[] = [];
  const faults: { kind: GitRequestKind; fault: GitFault; times: number }[] = [];
  const children = new Set<ChildProcess>();
  const sockets = new Set<Socket>();
  const advertisements = new Map<string, Buffer>();
  let taken = 0;

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const target = /^\/(.+?)\/(info\/refs\?service=git-upload-pack|git-upload-pack)$/.exec(request.url ?? '');
    const gathered = await readBody(request);
    const exchange: Exchange = {
      kind: target === null ? 'other' : kindOf(request.method, gathered),
      repo: target?.[1] ?? '',
      url: request.url ?? '',
      headers: request.headers,
      body: gathered.toString('latin1'),
      bytes: 0,
      over: once(response, 'close').then(() => (response.writableFinished ? 'finished' : 'cut')),
    };
    requests.push(exchange);
    if (latencyMs > 0) await sleep(latencyMs);
    const fault = takeFault(exchange.kind);
    if (fault?.do === 'answer') {
      response.writeHead(fault.status, fault.headers).end(fault.body ?? '');
      return;
    }
    if (fault?.do === 'hang' && fault.afterBytes === 0) await (fault.until ?? new Promise(() => undefined));
    if (target === null) {
      if (options.otherwise) options.otherwise(request, response);
      else response.writeHead(404).end('not found\n');
      return;
    }
    if (login !== undefined && !isLetIn(login, request.headers, exchange.repo)) {
      response.writeHead(401, { 'www-authenticate': 'Basic realm="repositories"' }).end('log in\n');
      return;
    }
    if (!existsSync(join(options.folder, exchange.repo, 'HEAD'))) {
      response.writeHead(404).end('no such repository\n');
      return;
    }
    await serve(exchange, request, gathered, response, fault);
  }

  async function serve(
    exchange: Exchange,
    request: IncomingMessage,
    gathered: Buffer,
    response: ServerResponse,
    fault: GitFault | undefined,
  ): Promise<void> {
    const isAdvertisement = exchange.kind === 'advertisement';
    const version = options.protocol === 0 ? undefined : request.headers['git-protocol'];
    const source = await open(exchange.repo, isAdvertisement, version, gathered, response);
    const service = isAdvertisement ? 'advertisement' : 'result';
    response.writeHead(200, {
      'content-type': `application/x-git-upload-pack-${service}`,
      'cache-control': 'no-cache',
    });
    response.flushHeaders();
    if (isAdvertisement && version !== 'version=2') response.write('001e# service=git-upload-pack\n0000');
    const count = new Transform({
      transform(chunk: Buffer, _, done) {
        exchange.bytes += chunk.length;
        done(null, chunk);
      },
    });
    await pipeline(misbehave(source, fault), count, response);
  }

  /** What git answers. In protocol 2 an advertisement says nothing about refs: it is made once. */
  async function open(
    repo: string,
    isAdvertisement: boolean,
    version: string | string[] | undefined,
    gathered: Buffer,
    response: ServerResponse,
  ): Promise<Readable> {
    const isKept = isAdvertisement && version === 'version=2';
    const kept = advertisements.get(repo);
    if (isKept && kept !== undefined) return Readable.from([kept]);
    const child = spawnUploadPack(options, repo, isAdvertisement, version);
    children.add(child);
    child.once('close', () => children.delete(child));
    response.once('close', () => child.kill('SIGKILL'));
    child.stdin.on('error', () => undefined);
    child.stdin.end(gathered);
    if (!isKept) return child.stdout;
    const advertisement = await collect(child.stdout);
    advertisements.set(repo, advertisement);
    return Readable.from([advertisement]);
  }

  function takeFault(kind: GitRequestKind): GitFault | undefined {
    const found = faults.find((entry) => entry.kind === kind && entry.times > 0);
    if (found !== undefined) found.times--;
    return found?.fault;
  }

  const listener: RequestListener = (request, response) => {
    // A client that leaves is no fault of the server's.
    answer(request, response).catch(() => response.destroy());
  };
  const server = certificate
    ? createTlsServer({ cert: tlsFile(certificate), key: tlsFile('server.key') }, listener)
    : createServer(listener);
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;

  return {
    url: `${certificate ? 'https' : 'http'}://${host}`,
    host,
    requests,
    sockets,
    take() {
      const counts: Partial<Record<GitRequestKind, number>> = {};
      const recent = requests.slice(taken);
      taken = requests.length;
      for (const { kind } of recent) counts[kind] = (counts[kind] ?? 0) + 1;
      return { counts, trips: recent.length, bytes: recent.reduce((sum, { bytes }) => sum + bytes, 0) };
    },
    fault: (kind, fault, times = 1) => void faults.push({ kind, fault, times }),
    calm: () => void faults.splice(0),
    async close() {
      server.close();
      for (const socket of sockets) socket.destroy();
      for (const child of children) child.kill('SIGKILL');
      await once(server, 'close');
    },
  };
}

function kindOf(method: string | undefined, body: Buffer): GitRequestKind {
  if (method === 'GET') return 'advertisement';
  return body.subarray(4).toString('latin1').startsWith('command=ls-refs') ? 'ls-refs' : 'fetch';
}

function spawnUploadPack(
  { folder, filter = true }: GitServerOptions,
  repo: string,
  isAdvertisement: boolean,
  version: string | string[] | undefined,
) {
  const config = [`uploadpack.allowFilter=${filter}`, 'uploadpack.keepAlive=1', 'pack.threads=1'];
  return spawn(
    git!,
    [
      ...config.flatMap((entry) => ['-c', entry]),
      'upload-pack',
      '--strict',
      '--stateless-rpc',
      ...(isAdvertisement ? ['--http-backend-info-refs'] : []),
      join(folder, repo),
    ],
    {
      env: {
        PATH: process.env.PATH,
        GIT_CONFIG_NOSYSTEM: '1',
        GIT_CONFIG_GLOBAL: '/dev/null',
        ...(typeof version === 'string' && { GIT_PROTOCOL: version }),
      },
      stdio: ['pipe', 'pipe', 'ignore'],
    },
  );
}

async function readBody(request: IncomingMessage): Promise<Buffer> {
  if (request.headers['content-encoding'] !== 'gzip') return collect(request);
  return pipeline(request, createGunzip(), collect);
}

async function collect(source: AsyncIterable<Buffer>): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of source) parts.push(part);
  return Buffer.concat(parts);
}

function misbehave(source: Readable, fault: GitFault | undefined): Readable {
  switch (fault?.do) {
    case undefined:
    case 'answer':
      return source;
    case 'corrupt':
      return Readable.from(corrupted(source, fault.beforeEnd));
    case 'endless':
      return Readable.from(endless(fault));
    case 'hang':
    case 'cut':
      return Readable.from(stopped(source, fault));
  }
}

async function* stopped(
  source: Readable,
  fault: Extract<GitFault, { afterBytes: number }>,
): AsyncGenerator<Buffer> {
  let left = fault.afterBytes;
  for await (const chunk of source as AsyncIterable<Buffer>) {
    if (left > 0) yield chunk.subarray(0, left);
    if (chunk.length > left) {
      if (fault.do === 'cut') throw new Error('cut');
      await (fault.until ?? new Promise(() => undefined));
      yield chunk.subarray(left);
      left = Number.POSITIVE_INFINITY;
    }
    left -= chunk.length;
  }
}

async function* corrupted(source: Readable, beforeEnd: number): AsyncGenerator<Buffer> {
  const whole = await collect(source);
  const at = whole.length - beforeEnd;
  whole[at] = whole[at]! ^ 1;
  yield whole;
}

async function* endless({ begin, chunk }: Extract<GitFault, { do: 'endless' }>): AsyncGenerator<Uint8Array> {
  yield Buffer.from(begin);
  for (;;) yield chunk;
}

function isLetIn(
  login: NonNullable<GitServerOptions['login']>,
  headers: IncomingMessage['headers'],
  repo: string,
): boolean {
  if (typeof login === 'function') return login(headers, repo);
  return headers.authorization === `Basic ${btoa(`${login.username}:${login.password}`)}`;
}

/** The password of basic authentication. */
export function passwordOf({ authorization = '' }: IncomingMessage['headers']): string | undefined {
  const login = /^Basic (.+)$/.exec(authorization)?.[1];
  return login && atob(login).replace(/^[^:]*:/, '');
}
