import * as z from 'zod';
import { StoaError } from '../errors.ts';
import { parseAppKey } from '../net/app-key.ts';
import type { Credential, Secret } from '../net/credentials.ts';
import type { ReadFile } from './machine.ts';
import { readSecret } from './secret.ts';
import { tokenKinds, tokenSecret } from './token-kinds.ts';
import { file, patterns, told } from './types.ts';

/** One `[[credentials]]` table. */
export function credentialTable(readFile: ReadFile): z.ZodType<Credential> {
  return z.strictObject({ ...keys, ...fileKeys(readFile) }).transform((table, context): Credential => {
    const read = { password: table.password, token: table.token, value: table.value };
    for (const name of ['password', 'token', 'value'] as const) {
      const secretFile = table[`${name}_file`];
      if (secretFile === undefined) continue;
      if (read[name] !== undefined) {
        context.addIssue({ code: 'custom', message: `both ${name} and ${name}_file are given` });
        continue;
      }
      read[name] = told(context, () => readSecret(secretFile, readFile));
    }
    const secret = told(context, () => toSecret({ ...table, ...read }, readFile));
    return {
      host: table.host,
      ...(table.path_prefix === undefined ? {} : { prefix: table.path_prefix }),
      ...(table.modules === undefined ? {} : { modules: table.modules.join(',') }),
      ...(table.allow_http === undefined ? {} : { allowHttp: table.allow_http }),
      secret,
    };
  });
}

/** A credential without its secret. */
export function formatCredential({ host, prefix = '', modules, secret }: Credential): string {
  return `${host}${prefix}${modules === undefined ? '' : ` for ${modules}`} (${secret.kind}${secret.kind === 'ssh' ? '' : ', hidden'})`;
}

const text = z.string().optional();
/** What can be an argument of a program. */
const word = z.string().regex(/^[^\0\n]+$/);

const keys = {
  host: z.string().regex(/^[^\s/@]+$/),
  path_prefix: z.string().startsWith('/').optional(),
  allow_http: z.boolean().optional(),
  username: text,
  password: text,
  password_file: text,
  token: text,
  token_file: text,
  kind: z.enum(tokenKinds).optional(),
  header: text,
  value: text,
  value_file: text,
  ssh_agent: z.string().min(1).optional(),
  helper: z.union([word, z.array(word).nonempty()]).optional(),
  use_http_path: z.boolean().optional(),
  github_app: z.union([z.int().positive().transform(String), z.string().regex(/^[\w.-]+$/)]).optional(),
  private_key_file: text,
  installation_id: z.int().positive().optional(),
  api_url: text,
};

function fileKeys(readFile: ReadFile) {
  const readable = file.schema(readFile).optional();
  return {
    modules: patterns.schema(readFile).optional(),
    ssh_key_file: readable,
    known_hosts_file: readable,
  };
}

/** All keys. */
export const credentialKeys: readonly string[] = [...Object.keys(keys), ...Object.keys(fileKeys(() => ''))];

/** Keys that only say more about another one. */
const companions: readonly (readonly [key: keyof Fields, ...of: (keyof Fields)[]])[] = [
  ['kind', 'token'],
  ['known_hosts_file', 'ssh_key_file', 'ssh_agent'],
  ['use_http_path', 'helper'],
  ['private_key_file', 'github_app'],
  ['installation_id', 'github_app'],
  ['api_url', 'github_app'],
];

/** The table as it was read; in place of a file with a secret its content. */
type Fields = z.output<z.ZodObject<typeof keys & ReturnType<typeof fileKeys>>>;

function toSecret(fields: Fields, readFile: ReadFile): Secret {
  const { host, username, password, token, header, value, helper } = fields;
  const { ssh_key_file: identityFile, ssh_agent: agentSocket, known_hosts_file: knownHostsFile } = fields;
  const known = knownHostsFile !== undefined && { knownHostsFile };
  const forms: Secret[] = [];
  if (username !== undefined || password !== undefined) {
    forms.push({ kind: 'basic', username: username ?? '', password: password ?? '' });
  }
  if (token !== undefined) forms.push(tokenSecret(host, token, fields.kind));
  if (header !== undefined && value !== undefined) forms.push({ kind: 'header', name: header, value });
  if (identityFile !== undefined) forms.push({ kind: 'ssh', identityFile, ...known });
  if (agentSocket !== undefined) forms.push({ kind: 'ssh', agentSocket, ...known });
  if (helper !== undefined) {
    forms.push({ kind: 'helper', command: helper, usePath: fields.use_http_path ?? false });
  }
  if (fields.github_app !== undefined) forms.push(toApp(fields.github_app, fields, readFile));
  const [secret, second] = forms;
  if (secret === undefined || second !== undefined || (header === undefined) !== (value === undefined)) {
    throw new StoaError(
      'config',
      'it needs exactly one of username with password, token, header with value, ssh_key_file, ssh_agent, helper or github_app',
    );
  }
  for (const [key, ...of] of companions) {
    if (fields[key] === undefined || of.some((other) => fields[other] !== undefined)) continue;
    throw new StoaError('config', `${key} is for ${of.join(' or ')}`);
  }
  return secret;
}

function toApp(app: string, fields: Fields, readFile: ReadFile): Secret {
  const { host, private_key_file: keyFile, installation_id: installation, api_url: given } = fields;
  if (keyFile === undefined) throw new StoaError('config', 'github_app needs private_key_file');
  const api = given ?? apiOf(host);
  const allowed = fields.allow_http ? /^https?:\/\/[^/@?#]+[^@?#]*$/ : /^https:\/\/[^/@?#]+[^@?#]*$/;
  if (!URL.canParse(api) || !allowed.test(api)) {
    throw new StoaError('config', 'api_url is no https URL, or holds more than a host and a path');
  }
  const key = parseAppKey(readSecret(keyFile, readFile));
  const chosen = installation !== undefined && { installation };
  return { kind: 'app', app, key, ...chosen, api: api.replace(/\/+$/, '') };
}

/** Where the API of a host is: GitHub's own, that of GitHub with data residency, that of a GitHub Enterprise Server. */
function apiOf(host: string): string {
  const name = host.toLowerCase();
  return name === 'github.com' || name.endsWith('.ghe.com')
    ? `https://api.${name}`
    : `https://${name}/api/v3`;
}
