import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { errorKinds, toStoaError } from '../../src/errors.ts';
import type { Ledger } from '../../src/sumdb/ledger.ts';
import { answerLedger } from '../../src/sumdb/ledger-answer.ts';
import { parseSumdbTarget } from '../../src/sumdb/target.ts';

export interface ServedLedger extends AsyncDisposable {
  /** A module proxy without modules, that passes the database on; below `/sumdb/<name>` of it is the database itself. */
  readonly url: string;
  /** The targets of all requests so far, and the status each got. */
  readonly requests: readonly string[];
}

/** A private log on a free loopback port, and nothing else. `current` may become that of another process meanwhile. */
export async function serveLedger(current: () => Ledger): Promise<ServedLedger> {
  const requests: string[] = [];

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = decodeURIComponent(new URL(request.url!, 'http://localhost').pathname);
    const ledger = current();
    const prefix = `/sumdb/${ledger.name}/`;
    const target = path.startsWith(prefix) ? path.slice(prefix.length) : undefined;
    const left = new AbortController();
    response.once('close', () => left.abort());
    try {
      if (target === undefined) throw new URIError('no module is here');
      const { body, type } = await answerLedger(ledger, parseSumdbTarget(target), left.signal);
      requests.push(`200 ${target}`);
      response.writeHead(200, { 'content-type': type, 'content-length': body.length });
      response.end(body);
    } catch (error) {
      const { kind, message } = toStoaError(error);
      const status = error instanceof URIError ? 404 : errorKinds[kind].status;
      requests.push(`${status} ${target ?? path}`);
      response.writeHead(status, { 'content-type': 'text/plain; charset=UTF-8' });
      response.end(`${message}\n`);
    }
  }

  const server = createServer((request, response) => void answer(request, response));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
    },
  };
}
