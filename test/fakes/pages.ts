// Hosts with `go-import` pages, as an egress proxy on loopback has them: every name leads to it.
import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { tlsFile } from './tls.ts';

export interface Pages extends AsyncDisposable {
  /** Of the proxy. */
  readonly url: string;
  /** What was asked for, as `https://host/path?query`. */
  readonly asked: readonly string[];
}

export interface PagesOptions {
  /** The contents of go-import tags by import path. */
  readonly pages: Readonly<Record<string, string>>;
  /** Where what is no page redirects to, if anywhere; else it gets 404. */
  readonly redirect?: (url: URL) => string | undefined;
  /** Nothing answers over https; else all hosts do, with the certificate server.pem. */
  readonly plainHttp?: boolean;
}

export async function startPages({ pages, redirect, plainHttp = false }: PagesOptions): Promise<Pages> {
  const asked: string[] = [];
  const listener: RequestListener = (request, response) => {
    // A proxy is asked for whole URLs, a host for paths.
    const url = new URL(request.url!, `https://${request.headers.host}`);
    asked.push(url.href);
    const path = `${url.host}${url.pathname}`.replace(/\/$/, '');
    const content = pages[path];
    const location = redirect?.(url);
    if (location !== undefined) {
      response.writeHead(302, { location }).end();
      return;
    }
    const tag = content && `<html><head><meta name="go-import" content="${content}"></head></html>`;
    response.writeHead(tag === undefined ? 404 : 200, { 'content-type': 'text/html' }).end(tag);
  };
  const secure = createTlsServer({ cert: tlsFile('server.pem'), key: tlsFile('server.key') }, listener);
  const server = createServer(listener);
  server.on('connect', (_, socket: Socket) => {
    socket.on('error', () => undefined);
    if (plainHttp) {
      socket.destroy();
      return;
    }
    socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
    secure.emit('connection', socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
      secure.closeAllConnections();
      await once(server, 'close');
    },
  };
}
