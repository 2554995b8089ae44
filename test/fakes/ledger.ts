import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { errorKinds, StoaError, toStoaError } from '../../src/errors.ts';
import { createDatabases } from '../../src/sumdb/databases.ts';
import type { Ledger } from '../../src/sumdb/ledger.ts';
import { createMirror } from '../../src/sumdb/mirror.ts';
import { serveDatabases } from '../../src/sumdb/served.ts';

export interface ServedLedger extends AsyncDisposable {
  /** A module proxy without modules, that passes the database on; below `/sumdb/<name>` of it is the database itself. */
  readonly url: string;
  /** The status and the path of all requests so far. */
  readonly requests: readonly string[];
}

/** A private log on a free loopback port, and nothing else. `current` may become that of another process meanwhile. */
export async function serveLedger(current: () => Ledger): Promise<ServedLedger> {
  const requests: string[] = [];

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = decodeURIComponent(new URL(request.url!, 'http://localhost').pathname);
    const left = new AbortController();
    response.once('close', () => left.abort());
    try {
      if (!path.startsWith(prefix)) throw new StoaError('notFound', 'not found: no module is here');
      const target = serveDatabases(none, current()).parse(path.slice(prefix.length));
      const { body, type } = await target.answer(left);
      requests.push(`200 ${path}`);
      response.writeHead(200, { 'content-type': type, 'content-length': body.length });
      response.end(body);
    } catch (error) {
      const { kind, message } = toStoaError(error);
      const { status } = errorKinds[kind];
      requests.push(`${status} ${path}`);
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

const prefix = '/sumdb/';

/** No other database. */
const none = createMirror(
  createDatabases({
    list: { rules: [] },
    noSumdb: '',
    private: '',
    open() {
      throw new Error('there is none');
    },
  }),
);
