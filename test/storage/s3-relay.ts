import { once } from 'node:events';
import {
  type ClientRequest,
  createServer,
  type IncomingMessage,
  request,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo, Socket } from 'node:net';

/** What becomes of a request on its way to the server and back. */
export type Fate =
  | 'pass'
  /** The connection breaks before anything reaches the server. */
  | 'cut'
  /** It breaks in the middle of the request's body, of which the server gets the first half. */
  | 'cut request'
  /** The server does it, and the answer is lost. */
  | 'lose answer'
  /** Half of the answer's body comes through. */
  | 'cut answer'
  /** No answer ever comes, and the server sees nothing. */
  | 'hang'
  /** Another answer; the server sees nothing. */
  | { readonly status: number; readonly code: string };

/** A relay before a server that speaks S3. */
export interface Relay extends AsyncDisposable {
  readonly endpoint: string;
  /** Requests so far, as `PUT /bucket/key?query`. */
  readonly requests: readonly string[];
  /** The most connections that were open at a time. */
  readonly mostConnections: number;
}

/** The fate of each request, with its number from 1 on. */
export type Choose = (asked: {
  readonly method: string;
  readonly url: string;
  readonly number: number;
}) => Fate;

/** Starts a relay. The host of a request is signed, so that it is handed on as it is. */
export async function startRelay(target: string, choose: Choose): Promise<Relay> {
  const requests: string[] = [];
  const sockets = new Set<Socket>();
  let mostConnections = 0;
  const server = createServer((asked, answer) => {
    requests.push(`${asked.method} ${asked.url}`);
    const fate = choose({ method: asked.method!, url: asked.url!, number: requests.length });
    handle(target, fate, asked, answer).catch(() => asked.socket.destroy());
  });
  server.on('connection', (socket) => {
    sockets.add(socket);
    mostConnections = Math.max(mostConnections, sockets.size);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => undefined);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    get mostConnections() {
      return mostConnections;
    },
    async [Symbol.asyncDispose]() {
      server.close();
      for (const socket of sockets) socket.destroy();
      await once(server, 'close');
    },
  };
}

async function handle(
  target: string,
  fate: Fate,
  asked: IncomingMessage,
  answer: ServerResponse,
): Promise<void> {
  if (fate === 'hang') return;
  if (fate === 'cut') {
    asked.socket.destroy();
    return;
  }
  const body = await whole(asked);
  if (typeof fate === 'object') {
    answer.writeHead(fate.status, { 'content-type': 'application/xml' });
    answer.end(
      fate.status === 200
        ? ''
        : `<?xml version="1.0"?><Error><Code>${fate.code}</Code><Message>injected</Message></Error>`,
    );
    return;
  }
  const onward = request(`${target}${asked.url}`, { method: asked.method!, headers: asked.headers });
  if (fate === 'cut request') {
    await cutRequest(onward, body);
    asked.socket.destroy();
    return;
  }
  onward.end(body);
  const [got] = (await once(onward, 'response')) as [IncomingMessage];
  const content = await whole(got);
  if (fate === 'lose answer') {
    asked.socket.destroy();
    return;
  }
  answer.writeHead(got.statusCode!, got.headers);
  if (fate === 'pass') {
    answer.end(content);
  } else {
    answer.flushHeaders();
    answer.write(content.subarray(0, content.length / 2), () => asked.socket.destroy());
  }
}

async function cutRequest(onward: ClientRequest, body: Buffer): Promise<void> {
  onward.on('error', () => undefined);
  onward.flushHeaders();
  await new Promise((resolve) => onward.write(body.subarray(0, body.length / 2), resolve));
  onward.destroy();
}

async function whole(stream: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}
