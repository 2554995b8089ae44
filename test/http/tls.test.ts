import { once } from 'node:events';
import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { type ClientHttp2Session, connect as connectHttp2, type IncomingHttpHeaders } from 'node:http2';
import { get as getHttps } from 'node:https';
import { connect as connectPlain } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { describe, expect, it, onTestFinished } from 'vitest';
import { StoaError } from '../../src/errors.ts';
import type { Answered, Ask } from '../../src/stash/modules.ts';
import { type Changes, memoryFile, openFile, openTestServer, paths, type TestServer } from './harness.ts';

const fixture = (name: string) => fileURLToPath(new URL(`../testdata/tls/${name}`, import.meta.url));
const ca = await readFile(fixture('ca.pem'));

/** A server with TLS whose certificate files can be replaced. */
async function openTlsServer(
  changes: Changes = {},
): Promise<TestServer & { certFile: string; keyFile: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'stoa-'));
  const [certFile, keyFile] = [join(folder, 'server.pem'), join(folder, 'server.key')];
  await copyFile(fixture('server.pem'), certFile);
  await copyFile(fixture('server.key'), keyFile);
  const server = await openTestServer({
    ...changes,
    settings: { tls: { certFile, keyFile, checkMs: 50 }, ...changes.settings },
  });
  onTestFinished(() => rm(folder, { recursive: true }));
  return { ...server, certFile, keyFile };
}

function openSession(port: number): ClientHttp2Session {
  const session = connectHttp2(`https://localhost:${port}`, { ca });
  onTestFinished(() => session.destroy());
  return session;
}

/** A request over HTTP/2; rejects where its stream was reset. */
async function ask2(
  session: ClientHttp2Session,
  path: string,
  headers: Record<string, string> = {},
): Promise<{ headers: IncomingHttpHeaders; body: Buffer }> {
  const stream = session.request({ ':path': path, ...headers });
  const [answer] = (await once(stream, 'response')) as [IncomingHttpHeaders];
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return { headers: answer, body: Buffer.concat(chunks) };
}

/** The name in the certificate that a new connection is shown. */
async function certificateName(port: number): Promise<string | undefined> {
  const socket = connectTls({ port, host: '127.0.0.1', ca, rejectUnauthorized: false });
  await once(socket, 'secureConnect');
  const { subjectaltname } = socket.getPeerCertificate();
  socket.destroy();
  return subjectaltname;
}

describe('HTTP/2', () => {
  it('serves hits, pages and failures as HTTP/1 does', async () => {
    const server = await openTlsServer();
    expect(server.url).toMatch(/^https:/);
    const session = openSession(server.port);
    const mod = await ask2(session, paths.mod);
    expect(mod.body.toString()).toBe('module example.com/m\n');
    expect(mod.headers).toMatchObject({
      ':status': 200,
      'content-length': '21',
      etag: '"h1:fake-21"',
      'accept-ranges': 'bytes',
    });
    expect(mod.headers).not.toHaveProperty('connection');
    expect((await ask2(session, '/nope')).headers).toMatchObject({ ':status': 404 });
    expect((await ask2(session, paths.mod, { range: 'bytes=0-5' })).body.toString()).toBe('module');
    expect((await ask2(session, paths.mod, { 'if-none-match': '*' })).headers[':status']).toBe(304);
    expect((await ask2(session, paths.mod, { ':method': 'HEAD' })).body).toHaveLength(0);
    expect((await ask2(session, paths.mod, { ':method': 'POST' })).headers[':status']).toBe(405);
    expect((await ask2(session, '/')).body.toString()).toContain(`https://localhost:${server.port},direct`);
    expect(await server.line()).toMatchObject({ kind: 'mod', status: 200, bytes: 21, address: '127.0.0.1' });
  });

  it('compresses', async () => {
    const bytes = Buffer.from('v1.0.0\n'.repeat(1000));
    const { port } = await openTlsServer({
      modules: { list: () => ({ bytes, ageSeconds: 0, outcome: 'hit' }) },
    });
    const list = await ask2(openSession(port), paths.list, { 'accept-encoding': 'gzip' });
    expect(gunzipSync(list.body).equals(bytes)).toBe(true);
  });

  it('serves long bodies from memory and storage, side by side', async () => {
    const long = Buffer.alloc(3_000_000, 'm');
    const chunks = Array.from({ length: 30 }, (_, i) => String.fromCharCode(97 + (i % 26)).repeat(100_000));
    const { port, line } = await openTlsServer({
      modules: { open: async (_, file) => (file === 'mod' ? memoryFile(long) : openFile(chunks)) },
    });
    const session = openSession(port);
    const [mod, zip] = await Promise.all([ask2(session, paths.mod), ask2(session, paths.zip)]);
    expect(mod.body.equals(long)).toBe(true);
    expect(zip.body.toString() === chunks.join('')).toBe(true);
    expect([await line(), await line()].map(({ bytes }) => bytes)).toEqual([3_000_000, 3_000_000]);
  });

  it('shows a first download, and resets the stream where it fails', async () => {
    const asks: Ask[] = [];
    const failing = openFile(['abcd'], {
      stored: false,
      async *read() {
        yield Buffer.from('ab');
        throw new StoaError('integrity', 'not the bytes that were promised');
      },
    });
    const server = await openTlsServer({
      modules: {
        open: async (_version, _file, from) => {
          asks.push(from);
          return failing;
        },
      },
    });
    const session = openSession(server.port);
    await expect(ask2(session, paths.zip)).rejects.toThrow('NGHTTP2_INTERNAL_ERROR');
    expect(asks[0]!.mayStream).toBe(true);
    expect(await server.line()).toMatchObject({ status: 502, errorKind: 'integrity' });
    expect((await ask2(session, '/healthz')).headers[':status']).toBe(200);
  });

  it('aborts what a client asked for that cancels its stream', async () => {
    const asked = Promise.withResolvers<Ask>();
    const server = await openTlsServer({
      modules: {
        list: (_, from) => {
          asked.resolve(from);
          return new Promise<Answered>((_, reject) => {
            from.signal.addEventListener('abort', () => reject(new StoaError('canceled', 'canceled')));
          });
        },
      },
    });
    const session = openSession(server.port);
    const stream = session.request({ ':path': paths.list });
    stream.on('error', () => undefined);
    const { signal } = await asked.promise;
    stream.close(8);
    await once(signal, 'abort');
    expect(await server.line()).toMatchObject({ status: 499 });
  });

  it('lets no client have more requests under way than the limit', async () => {
    const answer = Promise.withResolvers<Answered>();
    const server = await openTlsServer({
      modules: { list: () => answer.promise },
      settings: { limits: { maxRequestsPerConnection: 3 } },
    });
    const session = openSession(server.port);
    await once(session, 'remoteSettings');
    expect(session.remoteSettings.maxConcurrentStreams).toBe(3);
  });

  it('ends a stream whose client takes nothing of it', async () => {
    const server = await openTlsServer({
      modules: { open: () => memoryFile(Buffer.alloc(3_000_000)) },
      settings: { limits: { idleMs: 200 } },
    });
    const session = openSession(server.port);
    const stream = session.request({ ':path': paths.zip });
    stream.on('error', () => undefined);
    stream.pause();
    expect(await server.line()).toMatchObject({ status: 499, errorKind: 'canceled' });
  });

  it('ends a session that is idle', async () => {
    const { port } = await openTlsServer({ settings: { limits: { idleMs: 200 } } });
    const session = openSession(port);
    await ask2(session, '/healthz');
    await once(session, 'close');
  });

  it('does not end a stream that waits for its source', async () => {
    const answer = Promise.withResolvers<Answered>();
    const { port } = await openTlsServer({
      modules: { list: () => answer.promise },
      settings: { limits: { idleMs: 100 } },
    });
    const waiting = ask2(openSession(port), paths.list);
    const idle = openSession(port);
    await ask2(idle, '/healthz');
    await once(idle, 'close');
    answer.resolve({ bytes: Buffer.from('v9.0.0'), ageSeconds: 0, outcome: 'miss' });
    expect((await waiting).body.toString()).toBe('v9.0.0');
  });

  it('drains: what runs comes to its end, then the session does', async () => {
    const answer = Promise.withResolvers<Answered>();
    const asked = Promise.withResolvers<void>();
    const server = await openTlsServer({
      modules: {
        list: () => {
          asked.resolve();
          return answer.promise;
        },
      },
    });
    const session = openSession(server.port);
    const idle = openSession(server.port);
    await ask2(idle, '/healthz');
    const waiting = ask2(session, paths.list);
    await asked.promise;
    const done = server.drain();
    await once(idle, 'close');
    answer.resolve({ bytes: Buffer.from('v9.0.0'), ageSeconds: 0, outcome: 'miss' });
    expect((await waiting).body.toString()).toBe('v9.0.0');
    await done;
  });
});

describe('TLS', () => {
  function get1(port: number, path: string): Promise<{ status: number; body: string }> {
    return new Promise((resolve, reject) => {
      getHttps({ host: 'localhost', port, path, ca, agent: false }, async (response) => {
        try {
          let body = '';
          for await (const chunk of response) body += chunk;
          resolve({ status: response.statusCode!, body });
        } catch (error) {
          reject(error);
        }
      }).on('error', reject);
    });
  }

  it('serves clients of HTTP/1.1', async () => {
    const { port } = await openTlsServer();
    expect(await get1(port, paths.mod)).toEqual({ status: 200, body: 'module example.com/m\n' });
  });

  it('keeps a connection of HTTP/1.1 for hits, and refuses garbage on it', async () => {
    const { port, lines } = await openTlsServer();
    const socket = connectTls({ port, host: 'localhost', ca, ALPNProtocols: ['http/1.1'] });
    const request = `GET ${paths.mod} HTTP/1.1\r\nHost: a\r\n\r\n`;
    socket.write(`${request}${request}\x01garbage\r\n\r\n`);
    let text = '';
    for await (const chunk of socket) text += chunk;
    expect(text.match(/module example\.com\/m/g)).toHaveLength(2);
    expect(text).toMatch(/malformed request: this is no HTTP\n$/);
    expect(lines.map(({ status }) => status)).toEqual([200, 200, 400]);
  });

  it('cuts a failing download of HTTP/1.1', async () => {
    const failing = openFile(['abcd'], {
      async *read() {
        yield Buffer.from('ab');
        throw new StoaError('integrity', 'no');
      },
    });
    const { port, line } = await openTlsServer({ modules: { open: async () => failing } });
    await expect(get1(port, paths.zip)).rejects.toThrow('aborted');
    expect(await line()).toMatchObject({ status: 502 });
  });

  it('ends the connection of a client that speaks none of it', async () => {
    const { port } = await openTlsServer();
    const socket = connectPlain({ port, host: '127.0.0.1' });
    socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    socket.on('error', () => undefined);
    socket.resume();
    await once(socket, 'close');
    expect((await get1(port, '/healthz')).status).toBe(200);
  });

  it('drains while a client has not finished its handshake', async () => {
    const server = await openTlsServer({ settings: { limits: { headerMs: 200 } } });
    const socket = connectPlain({ port: server.port, host: '127.0.0.1' });
    socket.on('error', () => undefined);
    await once(socket, 'connect');
    socket.resume();
    await server.drain();
    await once(socket, 'close');
  });
});

describe('a certificate', () => {
  it('is taken over when its file is replaced', async () => {
    const { port, certFile } = await openTlsServer();
    expect(await certificateName(port)).toContain('DNS:localhost');
    await copyFile(fixture('other.pem'), certFile);
    await expect.poll(() => certificateName(port), { timeout: 10_000 }).toBe('DNS:other.example.com');
  });

  it('is read again when the server is told to', async () => {
    const server = await openTlsServer({ settings: {} });
    await copyFile(fixture('other.pem'), server.certFile);
    await server.reload();
    expect(await certificateName(server.port)).toBe('DNS:other.example.com');
  });

  it('that is no good is told, and the old one stays', async () => {
    const server = await openTlsServer();
    await writeFile(server.certFile, 'half a certificate');
    await server.reload();
    expect(await certificateName(server.port)).toContain('DNS:localhost');
    expect(server.problems[0]).toMatchObject({
      message: 'the new TLS certificate is no good; the old one stays in use',
      fields: { file: server.certFile },
    });
    await rm(server.keyFile);
    await server.reload();
    expect(await certificateName(server.port)).toContain('DNS:localhost');
  });

  it('that is no good at the start stops it', async () => {
    const tls = { certFile: fixture('server.pem'), keyFile: fixture('absent.key'), checkMs: 1000 };
    await expect(openTestServer({ settings: { tls } })).rejects.toThrow(/TLS file .*absent\.key: ENOENT/);
    const swapped = { certFile: fixture('server.key'), keyFile: fixture('server.key'), checkMs: 1000 };
    await expect(openTestServer({ settings: { tls: swapped } })).rejects.toThrow(
      /TLS certificate .*server\.key/,
    );
  });
});
