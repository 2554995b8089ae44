// The part of GitHub's API that Apps use, on loopback: it checks who asks as GitHub does, and gives tokens that end.
import { generateKeyPairSync, type KeyObject, verify } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface GitHubOptions {
  /** Below this path, as on a GitHub Enterprise Server: `/api/v3`. */
  readonly base?: string;
  /** The id of the App. */
  readonly app?: string;
  /** The installations of the App, by their owners; those that begin with `user:` are users, the others organizations. */
  readonly installations?: Readonly<Record<string, number>>;
  readonly tokenMs?: number;
  readonly now?: () => number;
}

export interface GitHub {
  /** Of the API, with its base path. */
  readonly url: string;
  readonly host: string;
  readonly key: KeyObject;
  /** The key as GitHub gives it away. */
  readonly pem: string;
  /** The requests so far, as `POST /app/installations/1/access_tokens`. */
  readonly requests: readonly string[];
  /** Whether a token is one of an installation that may still be used. */
  isToken(token: string): boolean;
  /** Ends all tokens at once. */
  revoke(): void;
  /** What the next request gets in place of an answer. */
  fail(status: number, message: string): void;
  close(): Promise<void>;
}

/** One for all of a process: making one takes a while. */
const pair = generateKeyPairSync('rsa', { modulusLength: 2048 });

export async function startGitHub(options: GitHubOptions = {}): Promise<GitHub> {
  const { base = '', app = '12', installations = {}, tokenMs = 3_600_000, now = Date.now } = options;
  const requests: string[] = [];
  const tokens = new Map<string, number>();
  const failures: { readonly status: number; readonly message: string }[] = [];
  let made = 0;

  /** The status and the value that a request is answered with. */
  function answer(request: IncomingMessage, body: string): [status: number, value: object] {
    const path = request.url ?? '';
    requests.push(`${request.method} ${path}`);
    const failure = failures.shift();
    if (failure !== undefined) return [failure.status, { message: failure.message }];
    const problem = tokenProblem(request.headers.authorization, pair.publicKey, app, now());
    if (problem !== undefined) return [401, { message: problem }];
    const asked = path.startsWith(base) ? path.slice(base.length) : '';
    const [, kind, owner] = /^\/(orgs|users)\/([^/]+)\/installation$/.exec(asked) ?? [];
    if (request.method === 'GET' && owner !== undefined) {
      const id = installations[kind === 'orgs' ? owner : `user:${owner}`];
      if (id !== undefined) return [200, { id }];
    }
    const id = /^\/app\/installations\/(\d+)\/access_tokens$/.exec(asked)?.[1];
    if (request.method === 'POST' && Object.values(installations).includes(Number(id))) {
      if (JSON.parse(body).permissions.contents !== 'read') return [422, { message: 'not that much' }];
      const token = `ghs_${++made}x`;
      tokens.set(token, now() + tokenMs);
      return [201, { token, expires_at: new Date(now() + tokenMs).toISOString() }];
    }
    return [404, { message: 'Not Found' }];
  }

  const server = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (chunk: string) => {
      body += chunk;
    });
    request.on('end', () => {
      const [status, value] = answer(request, body);
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url: `http://${host}${base}`,
    host,
    key: pair.privateKey,
    pem: String(pair.privateKey.export({ type: 'pkcs1', format: 'pem' })),
    requests,
    isToken: (token) => (tokens.get(token) ?? 0) > now(),
    revoke: () => tokens.clear(),
    fail: (status, message) => void failures.push({ status, message }),
    async close() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

/** What is wrong with the token by which an App says who it is, by the rules of GitHub and RFC 7519. */
function tokenProblem(authorization = '', key: KeyObject, app: string, nowMs: number): string | undefined {
  const [head = '', payload = '', signature = ''] = authorization.replace(/^Bearer /, '').split('.');
  if (signature === '') return 'A JSON web token could not be decoded';
  const [{ alg }, claims] = [head, payload].map((part) =>
    JSON.parse(Buffer.from(part, 'base64url').toString()),
  );
  const isSigned = verify(
    'sha256',
    Buffer.from(`${head}.${payload}`),
    key,
    Buffer.from(signature, 'base64url'),
  );
  if (alg !== 'RS256' || !isSigned) return 'A JSON web token could not be decoded';
  const { iat, exp, iss } = claims;
  if (iss !== app) return 'Integration not found';
  if (exp - iat > 600 || exp * 1000 > nowMs + 600_000)
    return "'Expiration time' claim ('exp') is too far in the future";
  if (exp * 1000 <= nowMs || iat * 1000 > nowMs) return "'Issued at' claim ('iat') or 'exp' is not of now";
  return undefined;
}
