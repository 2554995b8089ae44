// A host of repositories, a process of its own: `git-remote.ts FOLDER LATENCY_MS` serves them over smart HTTP with a latency for
// each request. `/bench/NAME-ANYTHING` is the repository NAME, so that there are as many that nobody knows yet as are wanted.
// GET /__counts says what it was asked for.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { createGunzip } from 'node:zlib';
import { gitEnv } from './git-data.ts';

/** What the host was asked for since the last time somebody wanted to know. */
export interface RemoteCounts {
  /** Requests of every kind. */
  readonly trips: number;
  /** Questions for the names of a repository. */
  readonly lsRemotes: number;
  /** Requests for objects. */
  readonly fetches: number;
  /** Of all answers. */
  readonly bytes: number;
}

const none: RemoteCounts = { trips: 0, lsRemotes: 0, fetches: 0, bytes: 0 };

const [folder, latency] = [process.argv[2]!, Number(process.argv[3])];
let counts: { -readonly [Key in keyof RemoteCounts]: number } = { ...none };
/** What protocol 2 says before it is asked anything; the same whatever a repository holds. */
const greetings = new Map<string, Buffer>();

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = request.url ?? '/';
  if (url === '/__counts') {
    response.end(JSON.stringify(counts));
    counts = { ...none };
    return;
  }
  counts.trips++;
  const [body] = await Promise.all([bodyOf(request), sleep(latency)]);
  const [, name, rest] =
    /^\/bench\/([a-z]+)[\w-]*(\/info\/refs\?service=git-upload-pack|\/git-upload-pack)$/.exec(url) ?? [];
  if (name === undefined || !existsSync(join(folder, name))) {
    response.writeHead(404).end('no such repository\n');
    return;
  }
  const isGreeting = rest!.startsWith('/info');
  if (!isGreeting) counts[body.includes('command=ls-refs') ? 'lsRemotes' : 'fetches']++;
  response.writeHead(200, {
    'Content-Type': `application/x-git-upload-pack-${isGreeting ? 'advertisement' : 'result'}`,
    'Cache-Control': 'no-cache',
  });
  const source = isGreeting ? [await greetingOf(name)] : uploadPack(name, [], body, response);
  await pipeline(source, counted, response);
}

async function greetingOf(name: string): Promise<Buffer> {
  const known = greetings.get(name);
  if (known !== undefined) return known;
  const said = await collect(uploadPack(name, ['--http-backend-info-refs']));
  greetings.set(name, said);
  return said;
}

/** Protocol 2 alone: all whose speed matters speak it. */
function uploadPack(
  name: string,
  options: readonly string[],
  body = Buffer.alloc(0),
  response?: ServerResponse,
): Readable {
  const settings = ['-c', 'uploadpack.allowFilter=true'];
  const child = spawn(
    'git',
    [...settings, 'upload-pack', '--strict', '--stateless-rpc', ...options, join(folder, name)],
    { env: { ...gitEnv, GIT_PROTOCOL: 'version=2' }, stdio: ['pipe', 'pipe', 'ignore'] },
  );
  response?.once('close', () => child.kill());
  child.stdin.on('error', () => {});
  child.stdin.end(body);
  return child.stdout;
}

async function* counted(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  for await (const chunk of source) {
    counts.bytes += chunk.length;
    yield chunk;
  }
}

function bodyOf(request: IncomingMessage): Promise<Buffer<ArrayBuffer>> {
  if (request.headers['content-encoding'] !== 'gzip') return collect(request);
  return pipeline(request, createGunzip(), collect);
}

async function collect(source: AsyncIterable<Buffer>): Promise<Buffer<ArrayBuffer>> {
  const parts: Buffer[] = [];
  for await (const part of source) parts.push(part);
  return Buffer.concat(parts);
}

const server = createServer({ keepAliveTimeout: 600_000 }, (request, response) => {
  // A client that left ends its own answer only.
  answer(request, response).catch(() => response.destroy());
});
server.listen(0, '127.0.0.1');
await once(server, 'listening');
process.on('disconnect', () => process.exit());
process.send?.((server.address() as AddressInfo).port);
