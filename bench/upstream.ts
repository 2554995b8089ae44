// The raw upstream, a process of its own: a module proxy that knows every module of the benchmark. Told a port to its
// parent for each latency it was given; GET /__counts says how often each path was asked for.
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { createData, version } from './data.ts';

const hangMilliseconds = 3000;

const data = createData();
let counts: Record<string, number> = {};

async function answer(request: IncomingMessage, response: ServerResponse, latency: number): Promise<void> {
  const path = request.url ?? '/';
  if (path === '/__counts') {
    response.end(JSON.stringify(counts));
    counts = {};
    return;
  }
  counts[path] = (counts[path] ?? 0) + 1;
  const [, module, file] = /^\/(example\.com\/[^@]+)\/@(.+)$/.exec(path) ?? [];
  await sleep(module?.startsWith('example.com/hang/') && file === 'v/list' ? hangMilliseconds : latency);
  const parts = module === undefined || file === undefined ? undefined : contentOf(module, file);
  if (parts === undefined) {
    response.writeHead(404, { 'Content-Type': 'text/plain; charset=utf-8' }).end('not found');
    return;
  }
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  response.writeHead(200, { 'Content-Length': length });
  if (request.method === 'HEAD') response.end();
  else await pipeline(parts, response);
}

function contentOf(module: string, file: string): readonly Buffer[] | undefined {
  if (file === 'v/list') return [data.list()];
  if (file === 'latest') return [data.info(version)];
  const [, at, extension] = /^v\/(v1\.\d\.0)\.(info|mod|zip)$/.exec(file) ?? [];
  if (at === undefined) return undefined;
  if (extension === 'zip') return data.zip(module, at);
  return [extension === 'mod' ? data.mod(module) : data.info(at)];
}

const ports = await Promise.all(
  process.argv.slice(2).map(async (latency) => {
    const server = createServer({ keepAliveTimeout: 600_000 }, (request, response) => {
      // A client that left ends its own answer only.
      answer(request, response, Number(latency)).catch(() => response.destroy());
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return (server.address() as AddressInfo).port;
  }),
);
process.on('disconnect', () => process.exit());
process.send?.(ports);
