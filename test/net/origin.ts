// Servers on loopback that behave as a test says, and clients to ask them. All end with the test that opened them.
import { once } from 'node:events';
import { createServer, type IncomingMessage, type RequestListener } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { type AddressInfo, createServer as createSocketServer, type Server, type Socket } from 'node:net';
import { expect, onTestFinished } from 'vitest';
import type { HttpClient, HttpPoster, HttpReply, HttpRequest } from '../../src/net/client.ts';
import { type Credential, type Credentials, createCredentials } from '../../src/net/credentials.ts';
import { createHttpClient, type HttpClientOptions } from '../../src/net/http.ts';
import { tlsFile } from '../fakes/tls.ts';

export interface Origin {
  readonly url: URL;
  /** `host:port`. */
  readonly host: string;
  /** The requests that came, oldest first. */
  readonly requests: readonly IncomingMessage[];
  /** Connections that are open now. */
  readonly sockets: ReadonlySet<Socket>;
  /** Connections that were ever opened. */
  connections(): number;
}

/** An HTTP server; over TLS with this certificate of test/testdata/tls. */
export async function openOrigin(
  listener: RequestListener,
  options: { readonly address?: string; readonly certificate?: string } = {},
): Promise<Origin> {
  const requests: IncomingMessage[] = [];
  const listen: RequestListener = (request, response) => {
    requests.push(request);
    listener(request, response);
  };
  const { certificate } = options;
  const server = certificate
    ? createTlsServer({ cert: tlsFile(certificate), key: tlsFile('server.key') }, listen)
    : createServer(listen);
  return { ...(await open(server, certificate ? 'https' : 'http', options.address)), requests };
}

/** A server of bare sockets, for what an HTTP server would not do. */
export async function openSockets(listener: (socket: Socket) => void): Promise<Origin> {
  return { ...(await open(createSocketServer(listener), 'http')), requests: [] };
}

/** A server that sends these bytes to every request, and then does what `after` says. */
export function openAnswering(text: string, after: (socket: Socket) => void = () => {}): Promise<Origin> {
  return openSockets((socket) => {
    socket.on('data', () => socket.write(text, () => after(socket)));
  });
}

async function open(
  server: Server,
  scheme: string,
  address = '127.0.0.1',
): Promise<Omit<Origin, 'requests'>> {
  const sockets = new Set<Socket>();
  let connections = 0;
  server.on('connection', (socket) => {
    connections++;
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
  });
  server.listen(0, address);
  await once(server, 'listening');
  onTestFinished(async () => {
    server.close();
    for (const socket of sockets) socket.destroy();
    await once(server, 'close');
  });
  const host = `${address}:${(server.address() as AddressInfo).port}`;
  return { url: new URL(`${scheme}://${host}/`), host, sockets, connections: () => connections };
}

export interface Asker {
  readonly client: HttpClient & HttpPoster;
  /** The waits between tries, in milliseconds; none of them takes time. */
  readonly waits: readonly number[];
  get(url: URL | string, request?: Partial<HttpRequest>): Promise<HttpReply>;
}

/** Options of a client, with credentials as the settings have them. */
interface AskerOptions extends Partial<Omit<HttpClientOptions, 'credentials'>> {
  readonly credentials?: readonly Credential[] | Credentials;
  readonly privatePatterns?: string;
}

/** A client to which all loopback hosts are named, unless the options say otherwise; random numbers are 0.5. */
export function openAsker({ credentials = [], privatePatterns, ...options }: AskerOptions = {}): Asker {
  const waits: number[] = [];
  const client = createHttpClient({
    userAgent: 'Stoa/test',
    namedHosts: ['127.0.0.1', '127.0.0.2', 'localhost'],
    random: () => 0.5,
    wait: async (ms) => {
      waits.push(ms);
    },
    credentials: 'choose' in credentials ? credentials : createCredentials(credentials, privatePatterns),
    ...options,
  });
  onTestFinished(() => client.close());
  return {
    client,
    waits,
    get: (url, request) =>
      client.get(new URL(url), { signal: new AbortController().signal, maxBytes: 1_000_000, ...request }),
  };
}

/** A URL on loopback that refuses connections. */
export async function refusingUrl(): Promise<URL> {
  const server = createSocketServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return new URL(`http://127.0.0.1:${port}/`);
}

/** What a promise was rejected with; fails when it was fulfilled. */
export async function failure(promise: Promise<unknown>): Promise<Error> {
  return promise.then(
    () => {
      throw new Error('it was expected to fail');
    },
    (error) => error,
  );
}

/** Looks until a matcher agrees, on a busy machine too. */
export function until<T>(read: () => T) {
  return expect.poll(read, { timeout: 20_000 });
}
