import { fileURLToPath } from 'node:url';
import { StoaError } from '../errors.ts';
import { type GitConfig, type GitSetup, gitCommand } from './git-command.ts';
import type { Remote, RemoteCredential } from './remote.ts';
import type { Command } from './run.ts';
import { shellQuote, sshArguments } from './ssh.ts';

/** How a remote is reached. */
export interface GitTransport {
  /** A process that speaks git's protocol with the remote on its standard streams. */
  readonly command: Command;
  /**
   * `helper`: one that is told first to connect (gitremote-helpers(7), `stateless-connect`), and sends every request as
   * one of its own. `stream`: the remote itself, which keeps what it knows from request to request.
   */
  readonly kind: 'helper' | 'stream';
}

/** How the settings of all remotes differ from git's own. */
export interface TransportLimits {
  /** Milliseconds without a byte after which a remote is given up. */
  readonly stallMs: number;
  /** A file with all certificate authorities that are trusted, in place of the system's. */
  readonly caFile?: string;
}

/** Throws `malformed` for a URL that no repository may have. */
export function createTransport(setup: GitSetup, remote: Remote, limits: TransportLimits): GitTransport {
  const scheme = schemeOf(remote);
  switch (scheme) {
    case 'http':
    case 'https': {
      const config = remoteConfig(remote, limits);
      const args = [`remote-${scheme}`, 'origin', remote.fetchUrl];
      return { kind: 'helper', command: gitCommand(setup, args, { config, protocols: scheme }) };
    }
    case 'file': {
      // A mirror belongs to whom it belongs, and how it may be read is for the settings that lead to it to say.
      const config: GitConfig = [
        ['safe.directory', '*'],
        ['uploadpack.allowFilter', 'true'],
      ];
      const args = ['upload-pack', '--end-of-options', fileURLToPath(remote.fetchUrl)];
      return { kind: 'stream', command: gitCommand(setup, args, { config, env: protocolEnv }) };
    }
    case 'ssh':
      return { kind: 'stream', command: sshCommand(setup, remote) };
  }
}

/** The settings with which git itself fetches from a remote, which it knows as `origin`. */
function remoteConfig(remote: Remote, { stallMs, caFile }: TransportLimits): GitConfig {
  return [
    ['remote.origin.url', remote.fetchUrl],
    ['credential.helper', ''],
    ['http.followRedirects', 'false'],
    ['http.lowSpeedLimit', '1'],
    ['http.lowSpeedTime', String(Math.ceil(stallMs / 1000))],
    ['http.proxy', remote.proxy ?? ''],
    ...(remote.resolve ?? []).map((entry) => ['http.curloptResolve', entry] as const),
    ...(caFile === undefined ? [] : [['http.sslCAInfo', caFile] as const]),
    ...(remote.credential === undefined ? [] : [['http.extraHeader', headerOf(remote.credential)] as const]),
  ];
}

/** What git is told besides, to fetch with those settings. */
export function fetchOptions(remote: Remote, limits: TransportLimits) {
  const scheme = schemeOf(remote);
  const config = remoteConfig(remote, limits);
  if (scheme !== 'ssh') return { config, protocols: scheme };
  const { args, env } = sshArguments(remote);
  return {
    config,
    protocols: scheme,
    env: { ...env, GIT_SSH_COMMAND: shellQuote(['ssh', ...args]) },
  };
}

const protocolEnv = { GIT_PROTOCOL: 'version=2' };

type Scheme = 'http' | 'https' | 'ssh' | 'file';

function schemeOf({ url, fetchUrl }: Remote): Scheme {
  const scheme = protocolOf(fetchUrl);
  switch (scheme) {
    case 'http':
    case 'https':
    case 'ssh':
      return scheme;
    case 'file':
      if (protocolOf(url) !== 'file') return scheme;
  }
  throw new StoaError('malformed', `${url}: git is not asked over ${scheme}`);
}

function protocolOf(url: string): string {
  return /^([a-z+]+):\/\//.exec(url)?.[1] ?? 'what is no URL';
}

function headerOf(credential: RemoteCredential): string {
  if ('header' in credential) return credential.header;
  const { username, password } = credential;
  return `Authorization: Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
}

function sshCommand({ path, home }: GitSetup, remote: Remote): Command {
  const { username, hostname, port, pathname } = new URL(remote.fetchUrl);
  if (hostname === '' || hostname.startsWith('-'))
    throw new StoaError('malformed', `${remote.url}: it names no host`);
  const { args, env } = sshArguments(remote);
  const user = username === '' ? [] : ['-l', decodeURIComponent(username)];
  // `/~name` is a folder in that user's home.
  const folder = decodeURIComponent(pathname).replace(/^\/~/, '~');
  const address = [...(port === '' ? [] : ['-p', port]), ...user, '--', hostname];
  return {
    program: 'ssh',
    args: [...args, '-o', 'SendEnv=GIT_PROTOCOL', ...address, shellQuote(['git-upload-pack', folder])],
    cwd: home,
    env: { PATH: path, HOME: home, LC_ALL: 'C', ...protocolEnv, ...env },
  };
}
