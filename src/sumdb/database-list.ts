import { isStoaError, StoaError } from '../errors.ts';
import { quote } from '../module/quote.ts';
import { isKey } from '../storage/key.ts';
import { targetKey } from './keys.ts';
import { parseVerifierKey } from './note.ts';

/** A checksum database that the settings name. */
export interface Database {
  /** What its key names it: a host, or a host and a path. */
  readonly name: string;
  readonly verifierKey: string;
  /** Where it is asked, past all upstreams, without a trailing slash. */
  readonly url?: string;
}

/** Which databases answer for which modules. */
export interface DatabaseList {
  /** For module paths that match these patterns (GOPRIVATE's, with commas between them), the first that matches. */
  readonly rules: readonly { readonly patterns: string; readonly database: Database }[];
  /** For all other modules; absent: none is asked for them. */
  readonly fallback?: Database;
}

/**
 * Reads what GOSUMDB takes (cmd/go modfetch/sumdb.go): a name that is known, a verifier key, either with a URL behind it,
 * or `off`. Of several, with semicolons between them, all but one begin with `patterns=`. Throws `config`.
 */
export function parseDatabaseList(text: string): DatabaseList {
  const rules: DatabaseList['rules'][number][] = [];
  const fallbacks: (Database | undefined)[] = [];
  for (const entry of text.split(';').map((part) => part.trim())) {
    if (entry === '') continue;
    const [, patterns, said = entry] = /^([^\s=]+)=(.*)$/s.exec(entry) ?? [];
    const database = parseDatabase(said);
    if (patterns === undefined) fallbacks.push(database);
    else if (database === undefined)
      throw wrong(`${quote(patterns)} cannot be off; no_sumdb takes such patterns`);
    else rules.push({ patterns, database });
  }
  if (fallbacks.length !== 1)
    throw wrong(`one entry is for all other modules and has no pattern, here ${fallbacks.length} have none`);
  const [fallback] = fallbacks;
  const list = { rules, ...(fallback && { fallback }) };
  checkNames(databasesOf(list));
  return list;
}

/** The list as it is written; keys are no secret. */
export function formatDatabaseList({ rules, fallback }: DatabaseList): string {
  const entries = rules.map(({ patterns, database }) => `${patterns}=${formatDatabase(database)}`);
  return [...entries, fallback === undefined ? 'off' : formatDatabase(fallback)].join(';');
}

/** All databases of a list, each once. */
export function databasesOf({ rules, fallback }: DatabaseList): Database[] {
  const all = [...rules.map(({ database }) => database), ...(fallback ? [fallback] : [])];
  const texts = all.map(formatDatabase);
  return all.filter((_, i) => texts.indexOf(texts[i]!) === i);
}

/** Databases whose keys the go command knows by name. */
const knownKeys: ReadonlyMap<string, string> = new Map([
  ['sum.golang.org', 'sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8'],
]);

/** Another address of a known one, for places where that cannot be reached. */
const aliases: ReadonlyMap<string, string> = new Map([
  ['sum.golang.google.cn', 'sum.golang.org https://sum.golang.google.cn'],
]);

/** Undefined for `off`. */
function parseDatabase(text: string): Database | undefined {
  const [key = '', url, ...more] = (aliases.get(text) ?? text).split(/\s+/).filter((word) => word !== '');
  if (key === 'off' && url === undefined) return undefined;
  if (more.length > 0) throw wrong('a key and a URL are all that one takes');
  const verifierKey = knownKeys.get(key) ?? key;
  const name = nameOf(verifierKey);
  return { name, verifierKey, ...(url !== undefined && { url: parseUrl(url) }) };
}

function formatDatabase({ name, verifierKey, url }: Database): string {
  const key = knownKeys.get(name) === verifierKey ? name : verifierKey;
  return url === undefined ? key : `${key} ${url}`;
}

function nameOf(verifierKey: string): string {
  if (!verifierKey.includes('+'))
    throw wrong(`${quote(verifierKey)} is neither a key nor a name that is known`);
  let name: string;
  try {
    ({ name } = parseVerifierKey(verifierKey));
  } catch (error) {
    if (!isStoaError(error)) throw error;
    throw wrong(error.message);
  }
  const url = `https://${name}`;
  const isPlace = URL.canParse(url) && [url, `${url}/`].includes(new URL(url).href) && !/[?#@]/.test(url);
  if (!isPlace || !isKey(targetKey(name, 'latest')))
    throw wrong(`the name in the key, ${quote(name)}, must be a host or host/path`);
  return name;
}

function parseUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const isBase = url !== undefined && /^https?:$/.test(url.protocol) && !/[?#]/.test(text);
  if (!isBase || url.username !== '' || url.password !== '')
    throw wrong('a URL begins with https:// or http:// and has no user, query or fragment in it');
  return `${url.origin}${url.pathname.replace(/\/+$/, '')}`;
}

/** What is kept of a database is kept under its name. */
function checkNames(databases: readonly Database[]): void {
  const names = databases.map(({ name }) => name);
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) throw wrong(`${twice} has two keys or URLs`);
}

function wrong(why: string): StoaError {
  return new StoaError('config', `checksum database: ${why}`);
}
