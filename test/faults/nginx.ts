import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { requireTool } from '../setup/require.ts';

/** The installed nginx; undefined where there is none, and the tests that need it are skipped. */
export const nginx = requireTool('nginx');

/** What nginx keeps of an answer. */
interface Kept {
  readonly status: number;
  readonly body: Buffer;
}

/** What a client of nginx got: `whole` is false where the connection broke in the middle of the body. */
interface Got extends Kept {
  readonly whole: boolean;
}

/** An nginx that caches what a server behind it says. */
export interface CachingFront extends AsyncDisposable {
  get(path: string): Promise<Got>;
  /** Everything in the folder of the cache. */
  kept(): Promise<Kept[]>;
}

/** Starts nginx before the server on a unix socket; `directives` are added to its defaults. */
export async function startFront(socket: string, directives: readonly string[]): Promise<CachingFront> {
  const folder = await mkdtemp(join(tmpdir(), 'nginx-'));
  const cache = join(folder, 'cache');
  const own = join(folder, 'front.sock');
  await mkdir(cache);
  await writeFile(join(folder, 'nginx.conf'), configuration(folder, socket, directives));
  const child = spawn(nginx!, ['-p', folder, '-c', join(folder, 'nginx.conf')], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let complaints = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    complaints += text;
  });
  const started = Promise.withResolvers<void>();
  child.stderr.on('data', () => complaints.includes('start worker process') && started.resolve());
  child.once('close', () => started.reject(new Error(`nginx ended:\n${complaints}`)));
  await started.promise;

  return {
    get: (path) => get(own, path),
    async kept() {
      const entries = await readdir(cache, { recursive: true, withFileTypes: true });
      const files = entries.filter((entry) => entry.isFile());
      return Promise.all(files.map(async (entry) => parseKept(await readFile(join(cache, entry.name)))));
    },
    async [Symbol.asyncDispose]() {
      const closed = once(child, 'close');
      child.kill('SIGTERM');
      await closed;
      await rm(folder, { recursive: true });
    },
  };
}

/** The defaults of nginx with a cache, everything it writes in the folder. */
function configuration(folder: string, socket: string, directives: readonly string[]): string {
  const root = process.getuid?.() === 0;
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (name) => `${name}_temp_path ${folder}/${name};`,
  );
  return `
daemon off;
worker_processes 1;
${root ? 'user root;' : ''}
error_log stderr notice;
pid ${folder}/nginx.pid;
events {}
http {
  access_log off;
  ${temporary.join('\n  ')}
  proxy_cache_path ${folder}/cache keys_zone=modules:1m;
  server {
    listen unix:${folder}/front.sock;
    location / {
      proxy_pass http://unix:${socket}:;
      proxy_cache modules;
      ${directives.join('\n      ')}
    }
  }
}
`;
}

function get(socketPath: string, path: string): Promise<Got> {
  return new Promise((resolve, reject) => {
    request({ socketPath, path, headers: { host: 'front.example.com' } }, (answer) => {
      const chunks: Buffer[] = [];
      answer.on('data', (chunk: Buffer) => chunks.push(chunk));
      answer.on('error', () => undefined);
      answer.on('close', () =>
        resolve({
          status: answer.statusCode!,
          body: Buffer.concat(chunks),
          whole: answer.complete,
        }),
      );
    })
      .on('error', reject)
      .end();
  });
}

/** A file of the cache: a header of nginx's own, a line with the key, the answer as it came. */
function parseKept(file: Buffer): Kept {
  const head = file.indexOf('HTTP/1.', file.indexOf('\nKEY: '));
  const body = file.indexOf('\r\n\r\n', head) + 4;
  return { status: Number(file.toString('latin1', head + 9, head + 12)), body: file.subarray(body) };
}
