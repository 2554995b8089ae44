import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { type Duplex, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { isStoaError, StoaError } from '../errors.ts';
import { portOf } from './authority.ts';
import type { Connections } from './connect.ts';
import { formatMs } from './failure.ts';

/**
 * The way out for a program that dials by itself: an HTTP proxy on loopback that leads to one host and to nobody else, by
 * connections of ours. A redirect to another host ends here.
 */
export interface Exit {
  /** Where it listens, on 127.0.0.1. */
  readonly port: number;
  /** What stood in the way first, for the message when the program fails. */
  readonly trouble: StoaError | undefined;
  /** Ends all connections. */
  close(): void;
}

export interface ExitOptions {
  readonly connections: Pick<Connections, 'open'>;
  /** Milliseconds for which the host may be silent. */
  readonly stallMs: number;
  /** Bytes that the host may send, over all connections. */
  readonly maxBytes: number;
}

/** Opens one to the host of an http or https URL. */
export async function openExit(target: URL, options: ExitOptions): Promise<Exit> {
  const { connections, stallMs, maxBytes } = options;
  const own = `${target.hostname}:${portOf(target)}`;
  const life = new AbortController();
  const open = new Set<Duplex>();
  let trouble: StoaError | undefined;
  let received = 0;

  function keep(socket: Duplex): void {
    open.add(socket);
    // Whoever reads or writes it learns of it.
    socket.on('error', () => undefined);
    socket.once('close', () => open.delete(socket));
  }

  async function serve(program: Socket): Promise<void> {
    const request = parseHead(await readHead(program));
    if (request?.host !== own) {
      program.end('HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n');
      throw new StoaError('upstream', `it leads to ${request?.host ?? 'nowhere'}, and only ${own} is asked`);
    }
    const host = await connections.open(target, life.signal);
    keep(host);
    // Nobody is there any more who would end it.
    if (life.signal.aborted) host.destroy();
    if (request.forwarded === undefined) program.write('HTTP/1.1 200 OK\r\n\r\n');
    else host.write(request.forwarded, 'latin1');
    await join(program, host);
  }

  async function join(program: Socket, host: Duplex): Promise<void> {
    const watch = setTimeout(() => {
      host.destroy(new StoaError('timeout', `${own}: it was silent for ${formatMs(stallMs)}`));
    }, stallMs);
    const counted = new Transform({
      transform(chunk: Buffer, _encoding, done) {
        watch.refresh();
        received += chunk.length;
        if (received <= maxBytes) return done(null, chunk);
        done(new StoaError('integrity', `${own}: it sends more than ${maxBytes} bytes`));
      },
    });
    const noted = new Transform({
      transform(chunk: Buffer, _encoding, done) {
        watch.refresh();
        done(null, chunk);
      },
    });
    // A host that closes when it has answered must not end what is still on the way to the program.
    const asked = pipeline(program.iterator({ destroyOnReturn: false }), noted, host);
    asked.catch(() => undefined);
    try {
      await pipeline(host, counted, program);
    } finally {
      clearTimeout(watch);
    }
  }

  const server = createServer({ allowHalfOpen: true }, (program) => {
    keep(program);
    serve(program).catch((error: unknown) => {
      if (isStoaError(error)) trouble ??= error;
      // What is under way to the program, such as a refusal, still reaches it.
      program.destroySoon();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  return {
    port,
    get trouble() {
      return trouble;
    },
    close() {
      life.abort();
      server.close();
      for (const socket of open) socket.destroy();
    },
  };
}

/** Bytes of the head of a request. */
const maxHead = 64 * 1024;

/** The head of what a program sends first; what stands behind it is left to be read. */
async function readHead(program: Socket): Promise<string> {
  let head = '';
  for (;;) {
    const chunk = program.read() as Buffer | null;
    if (chunk !== null) head += chunk.toString('latin1');
    const end = head.indexOf('\r\n\r\n');
    if (end !== -1) {
      program.unshift(Buffer.from(head.slice(end + 4), 'latin1'));
      return head.slice(0, end);
    }
    if (program.readableEnded || program.destroyed || head.length > maxHead) return '';
    await Promise.race(['readable', 'end', 'close'].map((event) => once(program, event)));
  }
}

interface ProxyRequest {
  /** With its port. */
  readonly host: string;
  /** The head as the host itself is asked; absent for a tunnel. */
  readonly forwarded?: string;
}

/** What a request to a proxy asks for (RFC 9110, section 9.3.6; RFC 9112, section 3.2.2). */
function parseHead(head: string): ProxyRequest | undefined {
  const [first = '', ...lines] = head.split('\r\n');
  const [method, asked = '', version] = first.split(' ');
  if (method === 'CONNECT') return { host: asked.toLowerCase() };
  if (!asked.startsWith('http://') || !URL.canParse(asked)) return undefined;
  const url = new URL(asked);
  // One request a connection, so that what comes behind it needs not be read.
  const kept = lines.filter((line) => !/^(?:host|proxy-[\w-]+|connection|keep-alive):/i.test(line));
  const start = `${method} ${url.pathname}${url.search} ${version}`;
  return {
    host: `${url.hostname}:${portOf(url)}`,
    forwarded: [start, `Host: ${url.host}`, ...kept, 'Connection: close', '', ''].join('\r\n'),
  };
}
