import { parse } from 'smol-toml';
import * as z from 'zod';
import { StoaError } from '../errors.ts';
import type { PatternRoute } from '../fetch/route.ts';
import type { Credential, Secret } from '../net/credentials.ts';
import type { ReadFile } from './machine.ts';
import { readSecret } from './secret.ts';
import { type TokenKind, tokenKinds, tokenSecret } from './token-kinds.ts';
import { checkPattern, file, patterns, type Type, told } from './types.ts';
import { formatUpstreams, parseUpstreams } from './upstream.ts';

/** `[[routes]]` tables, or `pattern=list` pairs with semicolons between them. */
export const routes: Type<readonly PatternRoute[]> = {
  accepts: '[[routes]] tables with pattern and upstream, or pattern=list;pattern=list',
  schema: () =>
    z.preprocess(
      (raw) => (typeof raw === 'string' ? splitRoutes(raw) : raw),
      z.array(routeTable).superRefine((table, context) => {
        for (const [index, { patterns }] of table.entries()) {
          if (table.findIndex((route) => route.patterns === patterns) === index) continue;
          context.addIssue({
            code: 'custom',
            path: [index],
            message: `the pattern ${patterns} has a route already`,
          });
        }
      }),
    ),
  format: (value) =>
    value.map(({ patterns, entries }) => `${patterns}=${formatUpstreams(entries)}`).join(';'),
};

/** `[[credentials]]` tables, or their TOML text. */
export const credentials: Type<readonly Credential[]> = {
  accepts: 'a list of [[credentials]] tables',
  schema: (readFile) =>
    z
      .unknown()
      .transform((raw, context) =>
        typeof raw === 'string' ? told(context, () => parseCredentials(raw)) : raw,
      )
      .pipe(z.array(credentialTable(readFile))),
  format: (value) => value.map(formatCredential).join('; '),
};

/** The names a table of routes or credentials may hold, for the suggestion when another one is found. */
export const tableKeys = [
  'pattern',
  'upstream',
  'host',
  'path_prefix',
  'modules',
  'username',
  'password',
  'password_file',
  'token',
  'token_file',
  'kind',
  'header',
  'value',
  'value_file',
  'ssh_key_file',
  'ssh_agent',
  'known_hosts_file',
  'allow_http',
] as const;

const routeTable = z
  .strictObject({
    pattern: z.string().min(1),
    upstream: z.string(),
  })
  .transform(({ pattern, upstream }, context): PatternRoute => {
    const message = pattern
      .split(',')
      .map(checkPattern)
      .find((found) => found !== undefined);
    if (message !== undefined) context.addIssue({ code: 'custom', message });
    return { patterns: pattern, entries: told(context, () => parseUpstreams(upstream)) };
  });

/** A pair without `=` becomes a table without upstream, which is then refused. */
function splitRoutes(raw: string): unknown[] {
  return raw
    .split(';')
    .filter((pair) => pair.trim() !== '')
    .map((pair) => {
      const equals = pair.indexOf('=');
      if (equals === -1) return { pattern: pair.trim() };
      return { pattern: pair.slice(0, equals).trim(), upstream: pair.slice(equals + 1).trim() };
    });
}

function parseCredentials(raw: string): unknown {
  try {
    const { credentials = [], ...rest } = parse(raw);
    const [other] = Object.keys(rest);
    if (other === undefined) return credentials;
  } catch {
    // The parser's message shows the line, which may hold the secret.
    throw new StoaError('config', 'the text is not TOML');
  }
  throw new StoaError('config', 'the text holds something beside [[credentials]] tables');
}

function credentialTable(readFile: ReadFile): z.ZodType<Credential> {
  return z
    .strictObject({
      host: z.string().regex(/^[^\s/@]+$/),
      path_prefix: z.string().startsWith('/').optional(),
      modules: patterns.schema(readFile).optional(),
      username: z.string().optional(),
      password: z.string().optional(),
      password_file: z.string().optional(),
      token: z.string().optional(),
      token_file: z.string().optional(),
      kind: z.enum(tokenKinds).optional(),
      header: z.string().optional(),
      value: z.string().optional(),
      value_file: z.string().optional(),
      ssh_key_file: file.schema(readFile).optional(),
      ssh_agent: z.string().min(1).optional(),
      known_hosts_file: file.schema(readFile).optional(),
      allow_http: z.boolean().optional(),
    })
    .transform((table, context): Credential => {
      const kept = { password: table.password, token: table.token, value: table.value };
      for (const name of ['password', 'token', 'value'] as const) {
        const secretFile = table[`${name}_file`];
        if (secretFile === undefined) continue;
        if (kept[name] !== undefined) {
          context.addIssue({ code: 'custom', message: `both ${name} and ${name}_file are given` });
          continue;
        }
        kept[name] = told(context, () => readSecret(secretFile, readFile));
      }
      const secret = told(context, () => toSecret({ ...table, ...kept }));
      return {
        host: table.host,
        ...(table.path_prefix === undefined ? {} : { prefix: table.path_prefix }),
        ...(table.modules === undefined ? {} : { modules: table.modules.join(',') }),
        ...(table.allow_http === undefined ? {} : { allowHttp: table.allow_http }),
        secret,
      };
    });
}

/** The fields of a table that say who we are, those of files read. */
interface SecretFields {
  readonly host: string;
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  readonly token?: string | undefined;
  readonly kind?: TokenKind | undefined;
  readonly header?: string | undefined;
  readonly value?: string | undefined;
  readonly ssh_key_file?: string | undefined;
  readonly ssh_agent?: string | undefined;
  readonly known_hosts_file?: string | undefined;
}

function toSecret(fields: SecretFields): Secret {
  const { host, username, password, token, kind, header, value } = fields;
  const { ssh_key_file: identityFile, ssh_agent: agentSocket, known_hosts_file: knownHostsFile } = fields;
  const known = knownHostsFile !== undefined && { knownHostsFile };
  const forms: Secret[] = [];
  if (username !== undefined || password !== undefined) {
    forms.push({ kind: 'basic', username: username ?? '', password: password ?? '' });
  }
  if (token !== undefined) forms.push(tokenSecret(host, token, kind));
  if (header !== undefined && value !== undefined) forms.push({ kind: 'header', name: header, value });
  if (identityFile !== undefined) forms.push({ kind: 'ssh', identityFile, ...known });
  if (agentSocket !== undefined) forms.push({ kind: 'ssh', agentSocket, ...known });
  const [secret, second] = forms;
  if (secret === undefined || second !== undefined || (header === undefined) !== (value === undefined)) {
    throw new StoaError(
      'config',
      'it needs exactly one of username with password, token, header with value, ssh_key_file or ssh_agent',
    );
  }
  if (kind !== undefined && token === undefined) throw new StoaError('config', 'kind is for a token');
  if (knownHostsFile !== undefined && secret.kind !== 'ssh') {
    throw new StoaError('config', 'known_hosts_file is for ssh_key_file or ssh_agent');
  }
  return secret;
}

function formatCredential({ host, prefix = '', modules, secret }: Credential): string {
  return `${host}${prefix}${modules === undefined ? '' : ` for ${modules}`} (${secret.kind}${secret.kind === 'ssh' ? '' : ', hidden'})`;
}
