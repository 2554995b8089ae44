// Subversion as houses serve it: Apache with mod_dav_svn, on loopback.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { requireTool } from '../setup/require.ts';
import type { OtherRepo } from './other-repos.ts';

/** The installed Apache; undefined where there is none, and the tests that need it are skipped. */
export const apache = requireTool('apache2');

export interface SvnServer {
  /** Of the trunk. */
  readonly url: string;
  /** `host:port`. */
  readonly host: string;
  /** The requests so far: user, method and path. */
  requests(): Promise<string[]>;
  close(): Promise<void>;
}

/** Serves a repository over TLS, for whoever logs in as `gopher` with `hush`. */
export async function startApache(repo: OtherRepo): Promise<SvnServer> {
  const folder = await mkdtemp(join(tmpdir(), 'apache-'));
  const port = await freePort();
  await writeFile(join(folder, 'httpd.conf'), configuration(folder, repo.folder, port));
  // What `htpasswd -s` makes of the password.
  await writeFile(join(folder, 'users'), 'gopher:{SHA}HyHjC/2o54DBcrn3W367/BjmyHk=\n');
  // It serves as somebody else than root.
  await chmod(folder, 0o755);
  const child = spawn(apache!, ['-f', join(folder, 'httpd.conf'), '-DFOREGROUND'], { stdio: 'ignore' });
  const closed = once(child, 'close');
  while (!(await answers(port))) {
    if (child.exitCode === null) await sleep(20);
    else throw new Error(`apache ended:\n${await readFile(join(folder, 'error'), 'utf8')}`);
  }
  // Subversion takes no certificate for an address.
  const host = `localhost:${port}`;
  return {
    url: `https://${host}/r/trunk`,
    host,
    requests: async () => (await readFile(join(folder, 'access'), 'utf8')).trimEnd().split('\n'),
    async close() {
      child.kill('SIGTERM');
      await closed;
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function configuration(folder: string, repository: string, port: number): string {
  const modules = [
    'mpm_event',
    'authn_core',
    'authn_file',
    'authz_core',
    'authz_user',
    'auth_basic',
    'dav',
    'ssl',
  ];
  const load = [...modules, 'dav_svn'].map(
    (name) => `LoadModule ${name}_module /usr/lib/apache2/modules/mod_${name}.so`,
  );
  const tls = join(import.meta.dirname, '../testdata/tls');
  return `
ServerRoot ${folder}
PidFile ${folder}/pid
ServerName localhost
Listen 127.0.0.1:${port}
${process.getuid?.() === 0 ? 'User www-data\nGroup www-data' : ''}
ErrorLog ${folder}/error
CustomLog ${folder}/access "%u %m %U"
${load.join('\n')}
SSLEngine on
SSLCertificateFile ${tls}/server.pem
SSLCertificateKeyFile ${tls}/server.key
<Location /r>
  DAV svn
  SVNPath ${repository}
  AuthType Basic
  AuthName r
  AuthUserFile ${folder}/users
  Require valid-user
</Location>
`;
}

async function answers(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  const isOpen = await once(socket, 'connect').then(
    () => true,
    () => false,
  );
  socket.destroy();
  return isOpen;
}

/** It cannot be told to choose one. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
