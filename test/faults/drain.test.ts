import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { Agent, get, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type FakeUpstream, startUpstream } from '../fakes/upstream.ts';
import { createRandom, noise } from './random.ts';

const path = 'example.com/m';
const zip = `${path}/@v/v1.0.0.zip`;
const data = noise(createRandom(5000), 300_000);
const files = { 'go.mod': `module ${path}\n`, 'data.bin': data };

let folder: string;
let upstream: FakeUpstream;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'drain-'));
  upstream = await startUpstream({ modules: [{ path, versions: { 'v1.0.0': { files, compress: false } } }] });
});
afterEach(async () => {
  await upstream.close();
  await rm(folder, { recursive: true });
});

describe('SIGTERM', () => {
  test('first fails readyz, then refuses connections, lets a download finish, and ends with 0', async () => {
    const rest = Promise.withResolvers<void>();
    upstream.fault({ kind: 'zip' }, { do: 'hang', afterBytes: 100_000, until: rest.promise });
    await using server = await start({ STOA_DRAIN_DELAY: '1s' });
    const download = await open(`${server.url}/${zip}`);
    server.kill('SIGTERM');

    await server.said('SIGTERM: draining');
    const ready = await open(`${server.url}/readyz`);
    expect(ready.statusCode).toBe(503);
    expect(ready.headers['retry-after']).toBe('5');
    expect(`${await buffer(ready)}`).toBe('the server is shutting down\n');
    // Still: whoever has not noticed yet is served.
    expect((await open(`${server.url}/${path}/@v/v1.0.0.mod`)).statusCode).toBe(200);
    await expect.poll(() => refuses(server.url), { timeout: 10_000 }).toBe(true);

    expect(server.ended).toBe(false);
    rest.resolve();
    expect((await buffer(download)).equals(upstream.fixture(path, 'v1.0.0').zip)).toBe(true);
    expect(await server.exit).toBe(0);
  });

  test('without anything to wait for ends at once, idle connections or not', async () => {
    await using server = await start({ STOA_DRAIN_DELAY: '0', STOA_DRAIN_TIMEOUT: '60s' });
    const agent = new Agent({ keepAlive: true });
    const answer = await open(`${server.url}/healthz`, agent);
    await buffer(answer);
    server.kill('SIGTERM');
    expect(await server.exit).toBe(0);
    agent.destroy();
    expect(server.seconds()).toBeLessThan(10);
  });

  test('cuts what takes longer than it may, and still ends with 0', async () => {
    upstream.fault({ kind: 'zip' }, { do: 'hang', afterBytes: 100_000, until: new Promise(() => {}) });
    await using server = await start({ STOA_DRAIN_DELAY: '0', STOA_DRAIN_TIMEOUT: '300ms' });
    const download = await open(`${server.url}/${zip}`);
    // One that was answered nothing yet.
    upstream.fault({ kind: 'list' }, { do: 'hang', until: new Promise(() => {}) });
    const waiting = open(`${server.url}/${path}/@v/list`);
    await upstream.request({ kind: 'list' });
    const outcomes = Promise.allSettled([buffer(download), waiting]);
    server.kill('SIGTERM');
    expect(await outcomes).toMatchObject([
      { status: 'rejected', reason: { message: 'aborted' } },
      { status: 'rejected', reason: { message: 'socket hang up' } },
    ]);
    expect(await server.exit).toBe(0);
    expect(server.seconds()).toBeLessThan(10);
  });

  test('a second time ends it at once', async () => {
    upstream.fault({ kind: 'zip' }, { do: 'hang', afterBytes: 100_000, until: new Promise(() => {}) });
    await using server = await start({ STOA_DRAIN_DELAY: '60s' });
    const download = await open(`${server.url}/${zip}`);
    server.kill('SIGTERM');
    await server.said('SIGTERM: draining');
    server.kill('SIGTERM');
    expect(await server.exit).toBe(1);
    await expect(buffer(download)).rejects.toThrow('aborted');
    expect(server.seconds()).toBeLessThan(10);
  });

  test('leaves nothing unfinished: what was served before it is served after it', async () => {
    await using before = await start({ STOA_DRAIN_DELAY: '0' });
    const { zip: whole } = upstream.fixture(path, 'v1.0.0');
    expect((await buffer(await open(`${before.url}/${zip}`))).equals(whole)).toBe(true);
    expect(`${await buffer(await open(`${before.url}/${path}/@v/list`))}`).toBe('v1.0.0\n');
    before.kill('SIGTERM');
    expect(await before.exit).toBe(0);
    await upstream.stop();
    await using after = await start({ STOA_DRAIN_DELAY: '0' });
    expect((await buffer(await open(`${after.url}/${zip}`))).equals(whole)).toBe(true);
    expect(`${await buffer(await open(`${after.url}/${path}/@v/list`))}`).toBe('v1.0.0\n');
  });
});

type Server = ChildProcessByStdio<null, Readable, null>;

/** The server as a process that a test sends signals to. */
async function start(env: Readonly<Record<string, string>>) {
  const program = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
  const child: Server = spawn(process.execPath, [program, 'serve'], {
    cwd: folder,
    env: {
      PATH: process.env.PATH,
      HOME: folder,
      STOA_HOST: '127.0.0.1',
      STOA_PORT: '0',
      STOA_DATA: join(folder, 'data'),
      STOA_UPSTREAM: upstream.url,
      STOA_SUMDB: 'off',
      // The zip here counts as a large one, which is shown while it comes.
      STOA_CACHE_MEMORY_FILE: '64KiB',
      ...env,
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exit = once(child, 'exit').then(([code]) => code as number | null);
  const messages: string[] = [];
  const lines = createInterface({ input: child.stdout });
  lines.on('line', (line) => messages.push((JSON.parse(line) as { message: string }).message));
  const said = async (start: string): Promise<string> => {
    for (;;) {
      const found = messages.find((message) => message.startsWith(start));
      if (found !== undefined) return found;
      await Promise.race([
        once(lines, 'line'),
        exit.then(() => Promise.reject(new Error(messages.join('\n')))),
      ]);
    }
  };
  const url = (await said('listening on ')).slice('listening on '.length);
  let signalled = 0;
  return {
    url,
    said,
    exit,
    get ended() {
      return child.exitCode !== null;
    },
    kill(signal: 'SIGTERM') {
      signalled = performance.now();
      child.kill(signal);
    },
    /** Since the last signal. */
    seconds: () => (performance.now() - signalled) / 1000,
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL');
      await exit;
    },
  };
}

/** The head of an answer, on a connection of its own. */
function open(url: string, agent: Agent | false = false): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    get(url, { agent: agent === false ? new Agent() : agent }, resolve).on('error', reject);
  });
}

/** Whether a new connection is refused. */
function refuses(url: string): Promise<boolean> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve) => {
    const socket = connect(Number(port), hostname, () => {
      socket.destroy();
      resolve(false);
    });
    socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code === 'ECONNREFUSED'));
  });
}
