import { isStoaError, StoaError } from '../errors.ts';
import { isolatedEnv } from './git-command.ts';
import { plain } from './git-failure.ts';
import type { Command, Ended, Run } from './run.ts';

/** A program that knows logins, asked as git asks its credential helpers (gitcredentials(7), git-credential(1)). */
export interface CredentialHelper {
  /** Equal for URLs that it is asked the same about. */
  scope(url: URL): string;
  /**
   * Asks for a login. Throws HelperError when it fails, `upstream` when it is missing or its protocol can't say what it is
   * asked for, `timeout` when it takes too long.
   */
  ask(url: URL, signal: AbortSignal): Promise<HelperLogin | { readonly none: string }>;
  /** Tells it that a login was taken (`store`). */
  accepted(url: URL, login: HelperLogin, signal: AbortSignal): Promise<void>;
  /** Tells it that a login was not taken (`erase`). */
  refused(url: URL, login: HelperLogin, signal: AbortSignal): Promise<void>;
}

interface HelperLogin {
  readonly username: string;
  readonly password: string;
  /** Milliseconds since the epoch. */
  readonly expiresAt?: number;
  /** What the helper wants to be told again, by name. */
  readonly told: Fields;
}

type Fields = Readonly<Record<string, string>>;

/** A helper failed. What it complained of is in no message and no log: it may hold a secret. */
export class HelperError extends StoaError {
  /** The last line. */
  readonly said: string;

  constructor(message: string, said: string) {
    super('upstream', message);
    this.name = 'HelperError';
    this.said = said;
  }
}

export interface CredentialHelperOptions {
  /** A program with its arguments, or a text that git would take for `credential.helper`, for which it needs a shell. */
  readonly command: string | readonly string[];
  /** It is asked for each path (`credential.useHttpPath` of git). */
  readonly usePath?: boolean;
  readonly run: Run;
  /** PATH, where git and the helper are found. */
  readonly path: string;
  /** Milliseconds that it may take; default 30 s. */
  readonly timeoutMs?: number;
}

/** Bytes that it may answer. */
const maxAnswerBytes = 64 * 1024;

/** Opens a helper. It sees neither this process's environment nor a home, has no terminal, and must not ask anybody. */
export function createCredentialHelper(options: CredentialHelperOptions): CredentialHelper {
  const { command, usePath = false, run, path, timeoutMs = 30_000 } = options;
  const env = {
    ...isolatedEnv({ path, home: '/nonexistent' }),
    GIT_ASKPASS: 'false',
    // Of the Git Credential Manager, which would open a window.
    GCM_INTERACTIVE: 'never',
  };

  function pathOf({ pathname }: URL): string {
    return usePath ? decoded(pathname).replace(/^\/|\/(info\/refs)?$/g, '') : '';
  }

  function fieldsOf(url: URL): Fields {
    const asked = pathOf(url);
    return { protocol: url.protocol.slice(0, -1), host: url.host, ...(asked !== '' && { path: asked }) };
  }

  async function tell(operation: string, url: URL, fields: Fields, signal: AbortSignal): Promise<Buffer> {
    const what = `${url.host}: the credential helper`;
    const input = formatFields(fields);
    if (input === undefined) throw new StoaError('upstream', `${what} can't be asked for such a path`);
    const order: Command = { ...commandOf(command, operation), cwd: '/', env };
    const output = await run
      .output(order, signal, { input, timeoutMs, maxBytes: maxAnswerBytes })
      .catch((error: unknown) => {
        if (!isStoaError(error) || error.kind === 'canceled') throw error;
        const isMissing = error.kind === 'config';
        throw isMissing
          ? new StoaError('upstream', `${what} is not installed, or not found in ${path}`, { cause: error })
          : new StoaError(error.kind, `${what} did not answer: ${error.message}`, { cause: error });
      });
    if (output.code === 0) return output.stdout;
    throw new HelperError(
      `${what} failed (${endOf(output)})`,
      plain(output.stderr.trim().split('\n').at(-1)!),
    );
  }

  return {
    scope: (url) => JSON.stringify(fieldsOf(url)),
    async ask(url, signal) {
      const answer = parseFields(await tell('get', url, fieldsOf(url), signal));
      const { username, password, password_expiry_utc: expiry = '' } = answer;
      if (username === undefined || password === undefined) {
        return { none: 'the credential helper has none for it' };
      }
      return {
        username,
        password,
        ...(/^\d{1,12}$/.test(expiry) && { expiresAt: Number(expiry) * 1000 }),
        told: Object.fromEntries(Object.entries(answer).filter(([name]) => kept.has(name))),
      };
    },
    accepted: async (url, { told }, signal) =>
      void (await tell('store', url, { ...fieldsOf(url), ...told }, signal)),
    refused: async (url, { told }, signal) =>
      void (await tell('erase', url, { ...fieldsOf(url), ...told }, signal)),
  };
}

/** What git tells a helper of what became of its answer. */
const kept: ReadonlySet<string> = new Set([
  'username',
  'password',
  'password_expiry_utc',
  'oauth_refresh_token',
]);

/** A path as git understands it. */
function decoded(pathname: string): string {
  try {
    return decodeURIComponent(pathname);
  } catch {
    return pathname;
  }
}

/** The program behind a helper, by the rules of git (`credential.helper` in gitcredentials(7)). */
function commandOf(
  command: string | readonly string[],
  operation: string,
): Pick<Command, 'program' | 'args'> {
  if (typeof command !== 'string') {
    const [program = '', ...args] = command;
    return { program, args: [...args, operation] };
  }
  const isProgram = command.startsWith('/');
  const text = command.startsWith('!') ? command.slice(1) : isProgram ? command : `git credential-${command}`;
  return { program: '/bin/sh', args: ['-c', `${text} ${operation}`] };
}

/** Undefined where a value holds what ends a line, or is taken for the end of one. */
function formatFields(fields: Fields): Buffer | undefined {
  const lines = Object.entries(fields).map(([name, value]) => `${name}=${value}\n`);
  const isSayable = Object.values(fields).every((value) => !/[\n\r\0]/.test(value));
  return isSayable ? Buffer.from(`${lines.join('')}\n`) : undefined;
}

function parseFields(answer: Buffer): Fields {
  const lines = answer.toString().split('\n');
  return Object.fromEntries(
    lines.flatMap((line) => {
      const equals = line.indexOf('=');
      return equals === -1 ? [] : [[line.slice(0, equals), line.slice(equals + 1)]];
    }),
  );
}

function endOf({ code }: Ended): string {
  return code === null ? 'it was killed' : `exit status ${code}`;
}
