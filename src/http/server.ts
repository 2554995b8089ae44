import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import {
  createSecureServer,
  type Http2SecureServer,
  type Http2ServerRequest,
  type Http2ServerResponse,
  type Http2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import type { Server, Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Certificate, readCertificate, watchCertificate } from './certificate.ts';
import { createAskerOf } from './client-address.ts';
import { createCompression } from './compression.ts';
import { drainServer } from './drain.ts';
import { createHandler } from './handler.ts';
import { listen } from './listen.ts';
import { createPages } from './pages.ts';
import { createQuickWriter } from './quick.ts';
import { refuse } from './refuse.ts';
import { createRespond } from './respond.ts';
import { createRoutes } from './routes.ts';
import { createRunning } from './running.ts';
import type { ServerLimits, ServerOptions } from './settings.ts';

/** A server that takes requests. */
export interface RunningServer {
  /** Where it listens: `http://127.0.0.1:3000`, `https://…`, or `unix:/run/stoa.sock`. */
  readonly url: string;
  /** Reads the certificate again; one that is no good is logged, and the old one stays in use. */
  reload(): Promise<void>;
  /**
   * Ends: readyz fails, then no connection is taken any more, what runs may finish within its time, the rest is cut.
   * Fulfilled when all sockets are closed; calling it again waits for the same end.
   */
  drain(): Promise<void>;
}

/** Opens the server. Throws `config` where it can't: an address in use, a bad certificate, a bad option. */
export async function openServer(options: ServerOptions): Promise<RunningServer> {
  const { settings, log, metrics, clock = () => performance.now() } = options;
  const { limits, tls, prefix } = settings;
  let phase: 'open' | 'lingering' | 'closing' = 'open';
  const sockets = new Set<Socket>();
  const sessions = new Set<Http2Session>();
  const running = createRunning<Connection>(limits.maxRequestsPerConnection, metrics);

  const handle = createHandler({
    ...options,
    clock,
    routeOf: createRoutes({ prefix, maxUrlLength: limits.maxUrlLength, sumdb: options.sumdb }),
    page: createPages({
      ...options,
      ...settings,
      home: { ...settings.home, prefix },
      isDraining: () => phase !== 'open',
    }),
    askerOf: createAskerOf(settings.trustedProxies),
    respond: createRespond({ compression: createCompression(), quick: createQuickWriter() }),
  });

  const onRequest = (incoming: AnyRequest, outgoing: AnyResponse) => {
    if ('stream' in incoming) watchStream(incoming.stream, limits.idleMs);
    else if (phase === 'closing' || hasBody(incoming)) (outgoing as ServerResponse).shouldKeepAlive = false;
    const later = handle(incoming, outgoing);
    if (later !== undefined) running.add(connectionOf(incoming), later);
  };

  const server: Server =
    tls === undefined ? createPlain(limits) : createSecure(await readCertificate(tls), limits);
  server.maxConnections = limits.maxConnections;
  server.on('request', onRequest);
  server.on('checkContinue', onRequest);
  server.on('checkExpectation', onRequest);
  server.on('connect', (_: IncomingMessage, socket: Socket) => refuse(socket, 'CONNECT', options));
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => {
    // Between the bytes of another answer nothing can be said.
    if (running.has(socket)) socket.destroy();
    else refuse(socket, error.code, options);
  });
  server.on('timeout', (connection: Connection) => {
    const stuck = 'writableLength' in connection && connection.writableLength > 0;
    if (stuck || !running.has(connection)) connection.destroy();
  });
  server.on('drop', createDropWarning(options, clock));
  server.on(tls === undefined ? 'connection' : 'secureConnection', (socket: Socket) => {
    sockets.add(socket);
    // Each waiting request looks out for the end.
    socket.setMaxListeners(limits.maxRequestsPerConnection + 20);
    socket.once('close', () => sockets.delete(socket));
  });
  server.on('session', (session: Http2Session) => {
    sessions.add(session);
    session.once('close', () => sessions.delete(session));
    if (phase === 'closing') session.close();
  });
  metrics.gauge('stoa_connections', () => sockets.size);

  const url = await listen(server, settings.listen, tls === undefined ? 'http' : 'https');
  server.on('error', (error) => log.error('the server failed to take a connection', { error }));
  const watch = tls && watchCertificate(tls, tls.checkMs, () => void reload());

  async function reload(): Promise<void> {
    if (tls === undefined) return;
    try {
      (server as Http2SecureServer).setSecureContext({ ...tlsOptions, ...(await readCertificate(tls)) });
      log.info('the TLS certificate was loaded again', { file: tls.certFile });
    } catch (error) {
      log.error('the new TLS certificate is no good; the old one stays in use', {
        file: tls.certFile,
        error,
      });
    }
  }

  async function end(): Promise<void> {
    phase = 'lingering';
    watch?.stop();
    await sleep(settings.drain.lingerMs);
    phase = 'closing';
    for (const session of sessions) session.close();
    const { timeoutMs } = settings.drain;
    await drainServer({ server, sockets, isRunning: (socket) => running.has(socket), timeoutMs, clock });
  }

  let ended: Promise<void> | undefined;
  return {
    url,
    reload,
    drain: () => {
      ended ??= end();
      return ended;
    },
  };
}

/** Counts each refused connection, and says so once a minute. */
function createDropWarning({ settings, log, metrics }: ServerOptions, clock: () => number): () => void {
  let quietUntil = Number.NEGATIVE_INFINITY;
  return () => {
    metrics.event('connection_refused');
    const now = clock();
    if (now < quietUntil) return;
    quietUntil = now + 60_000;
    log.warn('connections are refused: too many are open', { limit: settings.limits.maxConnections });
  };
}

type AnyRequest = IncomingMessage | Http2ServerRequest;
type AnyResponse = ServerResponse | Http2ServerResponse;
type Connection = Socket | Http2Session;

/** Old protocol versions are left out. */
const tlsOptions = { minVersion: 'TLSv1.2' } as const;

/** Idle connections are ended by the `timeout` event alone: a keep-alive timeout of node:http would set two timers for each request. */
function httpOptions(limits: ServerLimits) {
  return {
    maxHeaderSize: limits.maxHeaderBytes,
    headersTimeout: limits.headerMs,
    requestTimeout: limits.headerMs,
    connectionsCheckingInterval: Math.ceil(limits.headerMs / 4),
    keepAliveTimeout: 0,
    optimizeEmptyRequests: true,
  };
}

function createPlain(limits: ServerLimits): Server {
  const server = createServer(httpOptions(limits));
  server.setTimeout(limits.idleMs);
  // A client that closed its own side still gets an answer that is known or has begun.
  return Object.assign(server, { httpAllowHalfOpen: true });
}

function createSecure(certificate: Certificate, limits: ServerLimits): Server {
  const server = createSecureServer({
    ...tlsOptions,
    ...certificate,
    ...httpOptions(limits),
    http1Options: httpOptions(limits),
    allowHTTP1: true,
    handshakeTimeout: limits.headerMs,
    settings: {
      maxConcurrentStreams: limits.maxRequestsPerConnection,
      maxHeaderListSize: limits.maxHeaderBytes,
    },
  });
  server.setTimeout(limits.idleMs);
  return Object.assign(server, { httpAllowHalfOpen: true });
}

/** A stream whose client takes nothing of what is there for it is closed; one that waits for its source is not. */
function watchStream(stream: ServerHttp2Stream, idleMs: number): void {
  stream.setTimeout(idleMs, () => {
    if (stream.writableLength > 0) stream.close(canceled);
  });
}

/** CANCEL of RFC 9113, section 7. */
const canceled = 8;

/** A body is not wanted: it is not read, and the connection ends with the answer. */
function hasBody({ headers }: IncomingMessage): boolean {
  const length = headers['content-length'];
  return (length !== undefined && length !== '0') || headers['transfer-encoding'] !== undefined;
}

function connectionOf(incoming: AnyRequest): Connection | undefined {
  return 'stream' in incoming ? incoming.stream.session : incoming.socket;
}
