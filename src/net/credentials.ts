import type { KeyObject } from 'node:crypto';
import { StoaError } from '../errors.ts';
import { matchesPatterns } from '../module/pattern.ts';
import { parseAddress } from './address.ts';
import { parseAuthority, portOf, userinfoOf } from './authority.ts';
import { privateRange } from './guard.ts';
import {
  type Basic,
  basicHeader,
  type Login,
  type LoginHeader,
  loginProblem,
  type NoLogin,
} from './login.ts';
import type { Logins } from './logins.ts';
import type { NetrcEntry } from './netrc.ts';

/** A credential, and what it may be used for. */
export interface Credential {
  /** `host` (at the default port of the scheme) or `host:port`. */
  readonly host: string;
  /** The path below which it is used, whole segments; absent: all. */
  readonly prefix?: string;
  /**
   * The module paths it serves, as GOPRIVATE patterns. Absent: the private ones and, at a URL that the settings
   * name, all.
   */
  readonly modules?: string;
  /** Sent over plain HTTP too; always so to a loopback host. */
  readonly allowHttp?: boolean;
  readonly secret: Secret;
}

export type Secret = SentSecret | AskedSecret | SshIdentity;

/** What is sent as it is. */
type SentSecret =
  | ({ readonly kind: 'basic' } & Basic)
  | { readonly kind: 'bearer'; readonly token: string }
  | { readonly kind: 'header'; readonly name: string; readonly value: string };

/** Who is asked for a login when one is needed. */
export type AskedSecret = HelperSecret | AppSecret;

/** A credential helper of git (gitcredentials(7)). */
interface HelperSecret {
  readonly kind: 'helper';
  /** A program and its arguments, or a text as `credential.helper` of git has it. */
  readonly command: string | readonly string[];
  /** It is asked for each path, not only for the host. */
  readonly usePath?: boolean;
}

/** A GitHub App, whose installations have tokens that last for an hour. */
export interface AppSecret {
  readonly kind: 'app';
  /** Its id, or its client id. */
  readonly app: string;
  readonly key: KeyObject;
  /** Absent: that of the owner whom a URL names first. */
  readonly installation?: number;
  /** The base URL of the API, without a slash at its end. */
  readonly api: string;
}

/** How to log in where the URL is one of `ssh`, and how its host is known. */
interface SshIdentity {
  readonly kind: 'ssh';
  /** A file with a private key; absent: the keys of the agent. */
  readonly identityFile?: string;
  /** The socket of an agent. */
  readonly agentSocket?: string;
  /** A file with the keys of hosts; absent: those of the system. */
  readonly knownHostsFile?: string;
}

/** What a credential is asked for. */
export interface CredentialAsk {
  /** The module path asked for. */
  readonly module: string | undefined;
  /** Not the settings led to this URL but a redirect from another host, a page, or the module path itself. */
  readonly redirected: boolean;
}

/** Which credential may be used for what. */
export interface Credentials {
  /** Of those that may be used for an http, https or ssh URL the one with the longest prefix; of equals the first. */
  choose(url: URL, ask: CredentialAsk): ChosenCredential | undefined;
  /** Equal for module paths that every host treats alike, for what is kept of their answers. */
  audience(module: string): string;
}

export interface ChosenCredential {
  /** Names the entry of the settings, without its secret; equal as long as that stands. */
  readonly id: string;
  readonly secret: Secret;
  /**
   * What is sent to that URL over HTTP. Throws `upstream` or `timeout` where a helper or an App could not be asked,
   * `canceled` on abort; messages begin with a host and hold no secret.
   */
  login(signal: AbortSignal): Promise<Login | NoLogin>;
}

/** Finds out who gives the logins of a credential. */
export type OpenLogins = (secret: AskedSecret) => Logins;

/**
 * The credentials of the settings; `privatePatterns` says which modules are private. Throws `config` for one that
 * names no host or that no header can carry; the message does not hold the secret.
 */
export function createCredentials(
  credentials: readonly Credential[],
  privatePatterns = '',
  openLogins: OpenLogins = nobodyToAsk,
): Credentials {
  const entries = credentials
    .map((credential) => {
      const authority = parseAuthority(credential.host);
      const prefix = (credential.prefix ?? '').replace(/^\/*/, '/').replace(/\/+$/, '');
      const { modules, allowHttp = false, secret } = credential;
      const id = JSON.stringify([secret.kind, authority.host, authority.port ?? 0, prefix, modules ?? null]);
      return {
        ...authority,
        prefix,
        modules,
        allowHttp,
        id,
        secret,
        logins: loginsOf(credential, openLogins),
      };
    })
    .sort((a, b) => b.prefix.length - a.prefix.length);

  function serves(modules: string | undefined, module: string | undefined): boolean {
    return module !== undefined && matchesPatterns(modules ?? privatePatterns, module);
  }

  return {
    choose(url, { module, redirected }) {
      const isSsh = url.protocol === 'ssh:';
      const defaultPort = portOf({ protocol: url.protocol, port: '' });
      const entry = entries.find(
        (entry) =>
          (entry.secret.kind === 'ssh') === isSsh &&
          entry.host === url.hostname &&
          (entry.port ?? defaultPort) === portOf(url) &&
          (url.pathname === entry.prefix || url.pathname.startsWith(`${entry.prefix}/`)) &&
          (url.protocol !== 'http:' || entry.allowHttp || isLoopback(url.hostname)) &&
          ((entry.modules === undefined && !redirected) || serves(entry.modules, module)),
      );
      if (entry === undefined) return undefined;
      const { id, secret, logins } = entry;
      return { id, secret, login: (signal) => logins(url, signal) };
    },
    audience(module) {
      const served = entries.flatMap(({ modules }, index) => (serves(modules, module) ? [index] : []));
      return served.join(' ');
    },
  };
}

/** The machines of a netrc file as credentials; `modules` as in `Credential`, for all of them. */
export function netrcCredentials(entries: readonly NetrcEntry[], modules?: string): Credential[] {
  return entries.map(({ machine, login, password }) => {
    const slash = machine.indexOf('/');
    return {
      host: slash === -1 ? machine : machine.slice(0, slash),
      ...(slash === -1 ? {} : { prefix: machine.slice(slash) }),
      ...(modules === undefined ? {} : { modules }),
      secret: { kind: 'basic', username: login, password },
    };
  });
}

/**
 * Takes user and password out of a URL from the settings. Over plain HTTP they are allowed: whoever wrote
 * them there meant it.
 */
export function splitUserinfo(url: URL): { readonly url: URL; readonly credential?: Credential } {
  const bare = new URL(url);
  bare.username = bare.password = '';
  const login = userinfoOf(url);
  if (login === undefined) return { url: bare };
  const credential: Credential = {
    host: url.port === '' ? url.hostname : url.host,
    prefix: url.pathname,
    allowHttp: url.protocol === 'http:',
    secret: { kind: 'basic', ...login },
  };
  return { url: bare, credential };
}

function loginsOf({ host, secret }: Credential, openLogins: OpenLogins): Logins {
  switch (secret.kind) {
    case 'ssh':
      return async () => ({ none: 'an SSH key opens nothing over HTTP' });
    case 'helper':
    case 'app':
      return openLogins(secret);
    default: {
      const header = headerOf(secret);
      const basic = secret.kind === 'basic' ? secret : undefined;
      const problem = loginProblem(header, basic);
      if (problem !== undefined) throw new StoaError('config', `credential for ${host}: ${problem}`);
      const login: Login = {
        header,
        ...(basic && { basic: { username: basic.username, password: basic.password } }),
        accepted: () => undefined,
        refused: async () => undefined,
      };
      return async () => login;
    }
  }
}

function headerOf(secret: SentSecret): LoginHeader {
  switch (secret.kind) {
    case 'basic':
      return basicHeader(secret);
    case 'bearer':
      return { name: 'authorization', value: `Bearer ${secret.token}` };
    case 'header':
      return { name: secret.name.toLowerCase(), value: secret.value };
  }
}

function nobodyToAsk({ kind }: AskedSecret): never {
  throw new StoaError('internal', `nobody is there to ask for a login of the kind ${kind}`);
}

function isLoopback(hostname: string): boolean {
  return (
    hostname === 'localhost' ||
    (parseAddress(hostname) !== undefined && privateRange(hostname) === 'loopback')
  );
}
