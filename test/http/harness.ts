import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';
import { StoaError } from '../../src/errors.ts';
import { openServer, type RunningServer } from '../../src/http/server.ts';
import type { ServerOptions, ServerSettings } from '../../src/http/settings.ts';
import type { AccessEntry } from '../../src/observe/log.ts';
import { createMetrics } from '../../src/observe/metrics.ts';
import type { Sumdb } from '../../src/protocol/sumdb.ts';
import type { Answered, Modules, Opened } from '../../src/stash/modules.ts';

/** A checksum database that has nothing. */
export const noSumdb: Sumdb = {
  parse: (path) => ({
    quick: () => undefined,
    answer: () => Promise.reject(new StoaError('notFound', `no ${path} here`)),
  }),
};

/** What a test changes of the server it opens. */
export interface Changes {
  readonly modules?: Partial<Modules>;
  readonly settings?: Partial<Omit<ServerSettings, 'limits'>> & {
    readonly limits?: Partial<ServerSettings['limits']>;
  };
  readonly options?: Partial<Pick<ServerOptions, 'health' | 'caching' | 'loop' | 'sumdb'>>;
}

/** A server on a free port of loopback, with what it reported. */
export interface TestServer extends RunningServer {
  readonly port: number;
  readonly lines: readonly AccessEntry[];
  readonly problems: readonly { readonly message: string; readonly fields: unknown }[];
  readonly events: readonly string[];
  readonly requests: readonly (readonly unknown[])[];
  /** Keys of files that were served. */
  readonly served: readonly string[];
  readonly connections: () => number;
  /** The access line of the request that ends next, or of the last one that nobody waited for. */
  line(): Promise<AccessEntry>;
}

/** Opens a server over fake modules; it is closed when the test is finished. */
export async function openTestServer(changes: Changes = {}): Promise<TestServer> {
  const lines: AccessEntry[] = [];
  const problems: { message: string; fields: unknown }[] = [];
  const events: string[] = [];
  const requests: unknown[][] = [];
  const served: string[] = [];
  const gauges = new Map<string, () => number>();
  const waiting: ((line: AccessEntry) => void)[] = [];
  const unread: AccessEntry[] = [];
  const problem = (message: string, fields: unknown) => void problems.push({ message, fields });
  let count = 0;
  const server = await openServer({
    modules: { ...fakeModules, ...changes.modules },
    sumdb: noSumdb,
    caching: { shared: true },
    loop: { header: 'stoa-via', check: () => undefined },
    health: async () => ({ ready: true, text: 'ok' }),
    version: { version: 'v1.2.3', date: '2026-11-22' },
    log: {
      debug: () => undefined,
      info: () => undefined,
      warn: problem,
      error: problem,
      access(line) {
        lines.push(line);
        const next = waiting.shift();
        if (next === undefined) unread.push(line);
        else next(line);
      },
      flush: async () => undefined,
    },
    metrics: {
      ...createMetrics({ version: 'test' }),
      request: (...request) => void requests.push(request),
      upstream: () => undefined,
      event: (name) => void events.push(name),
      gauge: (name, read) => void gauges.set(name, read),
      counter: () => undefined,
      render: async () => ({ contentType: 'text/plain; version=0.0.4', text: 'stoa_requests_total 1\n' }),
    },
    traceIds: { next: (parent) => parent ?? `trace-${++count}` },
    served: (key) => void served.push(key),
    ...changes.options,
    settings: {
      listen: { host: '127.0.0.1', port: 0 },
      prefix: '',
      trustedProxies: [],
      drain: { lingerMs: 0, timeoutMs: 10_000 },
      home: { noSumPatterns: '' },
      showsMetrics: true,
      ...changes.settings,
      limits: {
        maxUrlLength: 4096,
        maxHeaderBytes: 16 * 1024,
        headerMs: 10_000,
        idleMs: 30_000,
        maxConnections: 100,
        maxRequestsPerConnection: 16,
        ...changes.settings?.limits,
      },
    },
  });
  onTestFinished(() => server.drain());
  return {
    ...server,
    port: Number(/:(\d+)$/.exec(server.url)?.[1]),
    lines,
    problems,
    events,
    requests,
    served,
    connections: () => gauges.get('stoa_connections')!(),
    line: () => {
      const line = unread.shift();
      return line === undefined ? new Promise((resolve) => waiting.push(resolve)) : Promise.resolve(line);
    },
  };
}

const info = { bytes: Buffer.from('{"Version":"v1.0.0"}'), ageSeconds: 0, outcome: 'hit' } satisfies Answered;

/** Knows example.com/m at v1.0.0, all of it in memory. */
const fakeModules: Modules = {
  list: (path) => {
    if (path !== 'example.com/m') throw new StoaError('notFound', `${path}: no such module`);
    return { bytes: Buffer.from('v1.0.0\n'), ageSeconds: 0, outcome: 'hit' };
  },
  query: () => info,
  open: (version, file) => {
    if (version.version !== 'v1.0.0')
      throw new StoaError('notFound', `${version.path}@${version.version}: unknown revision`);
    return memoryFile(contents[file]);
  },
};

const contents = {
  info: Buffer.from('{"Version":"v1.0.0"}'),
  mod: Buffer.from('module example.com/m\n'),
  zip: Buffer.from('PK, twenty-six letters: abcdefghijklmnopqrstuvwxyz'),
};

/** A stored file in memory. */
export function memoryFile(bytes: Uint8Array, changes: Partial<Opened> = {}): Opened {
  return {
    outcome: 'hit',
    size: bytes.length,
    etag: `"h1:fake-${bytes.length}"`,
    stored: true,
    bytes,
    read: () => {
      throw new Error('what is in memory is not read');
    },
    close: async () => undefined,
    ...changes,
  };
}

/** A stored file outside memory; `chunks` are yielded in one buffer that is overwritten each time, as real ones are. */
export function openFile(
  chunks: readonly string[],
  changes: Partial<Opened> = {},
): Opened & { closed: boolean } {
  const content = Buffer.from(chunks.join(''));
  const file = {
    outcome: 'hit' as const,
    size: content.length,
    etag: `"h1:fake-${content.length}"`,
    stored: true,
    closed: false,
    async *read({ start = 0, end = content.length }: { start?: number; end?: number }) {
      const size = Math.max(1, ...chunks.map((chunk) => chunk.length));
      const buffer = Buffer.alloc(size);
      for (let at = start; at < end; at += size) {
        const length = content.copy(buffer, 0, at, Math.min(end, at + size));
        yield buffer.subarray(0, length);
        buffer.fill('!');
      }
    },
    async close() {
      file.closed = true;
    },
    ...changes,
  };
  return file;
}

/** A connection that says what it got when the server ended it. */
export interface RawConnection {
  readonly socket: Socket;
  /** All that came, once the server ended the connection; `reset` at its end where it was reset. */
  readonly all: Promise<string>;
  /** Fulfilled when what came holds this text. */
  until(text: string): Promise<string>;
}

/** Sends bytes as they are. */
export async function dial(port: number, bytes = ''): Promise<RawConnection> {
  const socket = connect({ host: '127.0.0.1', port, allowHalfOpen: true });
  await once(socket, 'connect');
  let text = '';
  let reset = '';
  socket.setEncoding('latin1');
  socket.on('data', (chunk) => {
    text += chunk;
    socket.emit('more');
  });
  socket.on('error', (error: NodeJS.ErrnoException) => {
    reset = error.code === 'ECONNRESET' ? 'reset' : `${error.code}`;
  });
  const all = new Promise<string>((resolve) => {
    socket.once('end', () => socket.end());
    socket.once('close', () => resolve(text + reset));
  });
  onTestFinished(() => void socket.destroy());
  socket.write(bytes, 'latin1');
  return {
    socket,
    all,
    until: async (wanted) => {
      while (!text.includes(wanted)) {
        if (socket.closed) throw new Error(`the connection ended with ${JSON.stringify(text + reset)}`);
        await Promise.race([once(socket, 'more'), once(socket, 'close')]);
      }
      return text;
    },
  };
}

/** The answer to one request on a connection of its own, head and body as they came. */
export async function ask(port: number, request: string): Promise<string> {
  const { all } = await dial(port, request);
  return all;
}

/** A GET that ends the connection. */
export function get(path: string, ...headers: string[]): string {
  return [`GET ${path} HTTP/1.1`, 'Host: go.example.com', 'Connection: close', ...headers, '', ''].join(
    '\r\n',
  );
}

/** A GET that keeps it. */
export function getAndStay(path: string, ...headers: string[]): string {
  return [`GET ${path} HTTP/1.1`, 'Host: go.example.com', ...headers, '', ''].join('\r\n');
}

export const paths = {
  list: '/example.com/m/@v/list',
  info: '/example.com/m/@v/v1.0.0.info',
  mod: '/example.com/m/@v/v1.0.0.mod',
  zip: '/example.com/m/@v/v1.0.0.zip',
};
