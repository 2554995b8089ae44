import type { ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { goDirectEnv, type Mirror, mirrorSetting } from './mirror.ts';
import { freePort, type Processes } from './processes.ts';

/** A server that is measured, running. */
export interface Server {
  readonly name: ServerName;
  readonly url: string;
  readonly pid: number;
  stop(): Promise<void>;
}

export type ServerName = 'stoa' | 'nginx' | 'athens' | 'goproxy';

/** How a server is started on an empty folder. */
export interface ServerKind {
  readonly name: ServerName;
  /** True for one that fetches; nginx only serves the folder it is given. */
  readonly fetches: boolean;
  command(place: Place): Command;
}

export interface Place {
  /** Of this start alone, but for `start to first answer`, where it holds data. */
  readonly folder: string;
  readonly port: number;
  /** Where it fetches; for nginx the folder that it serves. */
  readonly source: string;
}

interface Command {
  readonly program: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** The servers that can be started here, and the names of those that cannot with the reason. */
export function findServers(peers: ReadonlyMap<string, string>): {
  readonly kinds: readonly ServerKind[];
  readonly absent: ReadonlyMap<ServerName, string>;
} {
  const absent = new Map<ServerName, string>();
  const kinds: ServerKind[] = [];
  if (existsSync(dist)) kinds.push(stoa);
  else absent.set('stoa', 'dist/ is missing: npm run build');
  if (findProgram('nginx') === undefined)
    absent.set('nginx', 'not installed (Debian: apt-get install nginx)');
  else kinds.push(nginx);
  for (const [name, peer] of Object.entries(peerKinds)) {
    const program = peers.get(name);
    if (program === undefined) absent.set(name as ServerName, `not given (--peer ${name}=PATH)`);
    else kinds.push(peer(program));
  }
  return { kinds, absent };
}

/** The same server, but it reads repositories itself, from these mirrors, and asks again for whatever may have changed. */
export function directKind(kind: ServerKind, mirrors: readonly Mirror[]): ServerKind {
  return {
    ...kind,
    command(place) {
      const { env, ...command } = kind.command({ ...place, source: 'direct' });
      return { ...command, env: { ...env, ...directEnv(kind.name, place.folder, mirrors) } };
    },
  };
}

function directEnv(
  name: ServerName,
  folder: string,
  mirrors: readonly Mirror[],
): Readonly<Record<string, string>> {
  if (name === 'stoa')
    return {
      STOA_VCS_REWRITE: mirrorSetting(mirrors),
      STOA_FRESH_ANSWER: '0',
      STOA_FRESH_ABSENCE: '0',
      STOA_FRESH_REVALIDATE: '0',
    };
  const env = goDirectEnv(folder, mirrors);
  if (name !== 'athens') return env;
  const variables = Object.entries(env).map(([key, value]) => `${key}=${value}`);
  return { ATHENS_GO_BINARY_ENV_VARS: variables.join(';') };
}

/** Starts a server in a folder and waits until it answers. */
export async function startServer(
  processes: Processes,
  kind: ServerKind,
  place: { readonly folder: string; readonly source: string },
): Promise<Server> {
  const port = await freePort();
  const child = launch(processes, kind, { ...place, port });
  const url = `http://127.0.0.1:${port}`;
  await answers(child, url, kind.name, logFile(place.folder));
  return { name: kind.name, url, pid: child.pid!, stop: () => processes.stop(child) };
}

/** Starts a server without waiting for it. */
export function launch(processes: Processes, kind: ServerKind, place: Place): ChildProcess {
  mkdirSync(place.folder, { recursive: true });
  const { program, args, env = {} } = kind.command(place);
  const base = { PATH: process.env.PATH ?? '', HOME: place.folder, TMPDIR: place.folder };
  return processes.start(program, args, {
    env: { ...base, ...env },
    cwd: place.folder,
    log: logFile(place.folder),
  });
}

/** The path of a program on PATH; undefined where there is none. Debian keeps servers where a person's PATH does not reach. */
export function findProgram(name: string): string | undefined {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin'];
  return folders.map((folder) => join(folder, name)).find((path) => existsSync(path));
}

const dist = join(import.meta.dirname, '../dist/main.js');

const stoa: ServerKind = {
  name: 'stoa',
  fetches: true,
  command: ({ folder, port, source }) => ({
    program: process.execPath,
    args: [dist, 'serve'],
    env: {
      STOA_PORT: String(port),
      STOA_HOST: '127.0.0.1',
      STOA_DATA: join(folder, 'data'),
      STOA_UPSTREAM: source,
      STOA_LOG_LEVEL: 'info',
      // As for the peers: the modules are made up.
      STOA_SUMDB: 'off',
    },
  }),
};

const nginx: ServerKind = {
  name: 'nginx',
  fetches: false,
  command({ folder, port, source }) {
    const file = join(folder, 'nginx.conf');
    // As root the workers would become another user, who cannot read our folders.
    const user = process.getuid?.() === 0 ? 'user root;\n' : '';
    writeFileSync(
      file,
      `${user}daemon off;
worker_processes 1;
pid nginx.pid;
error_log error.log;
events { worker_connections 4096; }
http {
  access_log access.log;
  sendfile on;
  tcp_nopush on;
  keepalive_requests 1000000000;
  open_file_cache max=10000;
  client_body_temp_path body;
  proxy_temp_path proxy;
  fastcgi_temp_path fastcgi;
  uwsgi_temp_path uwsgi;
  scgi_temp_path scgi;
  server { listen 127.0.0.1:${port} backlog=4096; root ${source}; }
}
`,
    );
    return { program: findProgram('nginx')!, args: ['-p', folder, '-c', file] };
  },
};

/** The settings are the documented ones with a store on disk; logs as ours, a line a request. */
const peerKinds: Readonly<Record<'athens' | 'goproxy', (program: string) => ServerKind>> = {
  athens: (program) => ({
    name: 'athens',
    fetches: true,
    command({ folder, port, source }) {
      const root = join(folder, 'storage');
      mkdirSync(root, { recursive: true });
      return {
        program,
        args: [],
        env: {
          ATHENS_STORAGE_TYPE: 'disk',
          ATHENS_DISK_STORAGE_ROOT: root,
          ATHENS_PORT: `127.0.0.1:${port}`,
          ATHENS_LOG_LEVEL: 'info',
          ATHENS_GOGET_DIR: folder,
          ATHENS_GO_BINARY_ENV_VARS: `GOPROXY=${source};GOSUMDB=off;GONOSUMDB=*;GOFLAGS=-modcacherw`,
        },
      };
    },
  }),
  goproxy: (program) => ({
    name: 'goproxy',
    fetches: true,
    command({ folder, port, source }) {
      const modules = join(folder, 'modules');
      mkdirSync(modules, { recursive: true });
      return {
        program,
        args: [
          'server',
          '--address',
          `127.0.0.1:${port}`,
          '--cacher-dir',
          join(folder, 'cache'),
          '--temp-dir',
          folder,
        ],
        env: { GOPROXY: source, GOSUMDB: 'off', GOMODCACHE: modules, GOFLAGS: '-modcacherw' },
      };
    },
  }),
};

function logFile(folder: string): string {
  return join(folder, 'output.log');
}

async function answers(child: ChildProcess, url: string, name: string, log: string): Promise<void> {
  const deadline = Date.now() + 20_000;
  while (child.exitCode === null && Date.now() < deadline) {
    try {
      await (await fetch(`${url}/healthz`, { signal: AbortSignal.timeout(2000) })).arrayBuffer();
      return;
    } catch {
      await sleep(20);
    }
  }
  throw new Error(`${name} did not start:\n${readFileSync(log, 'utf8').slice(-2000)}`);
}
