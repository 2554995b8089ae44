import * as z from 'zod';
import { StoaError } from '../errors.ts';
import { createCheckVcs } from '../fetch/govcs.ts';
import { parseRewrites, type Rewrite } from '../fetch/rewrite.ts';
import type { RouteEntry } from '../fetch/route-list.ts';
import { parseAddress, parseNetwork } from '../net/address.ts';
import { type DatabaseList, formatDatabaseList, parseDatabaseList } from '../sumdb/database-list.ts';
import { parseLedgerKey } from '../sumdb/ledger-signer.ts';
import type { Signer } from '../sumdb/note.ts';
import type { ReadFile } from './machine.ts';
import { reasonOf } from './secret.ts';
import { formatBytes, formatDuration, parseBytes, parseDuration } from './units.ts';
import { formatUpstreams, parseUpstreams, withoutUserinfo } from './upstream.ts';

/** What a setting may be. */
export interface Type<T> {
  /** For a sentence that ends in it: `a duration such as 30s`. */
  readonly accepts: string;
  /** Reads what a file (numbers, booleans, arrays) or a variable (text) says. Files that the value names are read with `readFile`. */
  schema(readFile: ReadFile): z.ZodType<T>;
  /** As people write it; never holds a secret. */
  format(value: T): string;
}

/** Any text. */
export const text: Type<string> = {
  accepts: 'a text',
  schema: () => z.string(),
  format: (value) => value,
};

/** A text that is never shown. */
export const secretText: Type<string> = {
  accepts: 'a text',
  schema: () => z.string(),
  format: (value) => (value === '' ? '' : 'hidden'),
};

/** The name of a file or folder. */
export const path: Type<string> = {
  accepts: 'the name of a file or folder',
  schema: () => z.string().min(1),
  format: (value) => value,
};

/** The name of a file that can be read. */
export const file: Type<string> = {
  accepts: 'the name of a file that can be read',
  schema: (readFile) =>
    z.string().superRefine((name, context) => {
      try {
        readFile(name);
      } catch (error) {
        context.addIssue({ code: 'custom', message: reasonOf(error) });
      }
    }),
  format: (value) => value,
};

/** The same type, or nothing at all: an empty text. */
export function optional<T>(type: Type<T>): Type<T | undefined> {
  return {
    accepts: `${type.accepts}, or empty for none`,
    schema: (readFile) => z.union([z.literal('').transform(() => undefined), type.schema(readFile)]),
    format: (value) => (value === undefined ? '' : type.format(value)),
  };
}

/** A whole number in a range. */
export function integer(min: number, max: number): Type<number> {
  const digits = z.string().regex(/^\d{1,15}$/);
  return {
    accepts: `a whole number from ${min} to ${max}`,
    schema: () => z.union([z.int(), digits.transform(Number)]).pipe(z.int().min(min).max(max)),
    format: String,
  };
}

/** True or false. */
export const boolean: Type<boolean> = {
  accepts: 'true or false',
  schema: () => z.union([z.boolean(), z.stringbool({ truthy: yes, falsy: no })]),
  format: String,
};

/** Milliseconds of a duration in a range; `max` keeps timers below the 2^31 ms that Node can count. */
export function duration(min: string, max: string): Type<number> {
  const [least, most] = [parseDuration(min) ?? Number.NaN, parseDuration(max) ?? Number.NaN];
  return {
    accepts: `a duration such as 250ms, 30s or 1h30m, from ${formatDuration(least)} to ${max}`,
    schema: () =>
      z
        .union([z.literal(0), z.string().transform((raw) => parseDuration(raw) ?? Number.NaN)])
        .pipe(z.int().min(least).max(most)),
    format: formatDuration,
  };
}

/** Bytes of a size in a range. */
export function bytes(min: string, max: string): Type<number> {
  const [least, most] = [parseBytes(min) ?? Number.NaN, parseBytes(max) ?? Number.NaN];
  return {
    accepts: `a size such as 256MiB, 10MB or a number of bytes, from ${formatBytes(least)} to ${max}`,
    schema: () =>
      z
        .union([z.int(), z.string().transform((raw) => parseBytes(raw) ?? Number.NaN)])
        .pipe(z.int().min(least).max(most)),
    format: formatBytes,
  };
}

/** One of some words, in any case. Those of `later` are known, and refused with a message that says so. */
export function choice<const T extends string>(
  words: readonly T[],
  options: { readonly later?: readonly string[]; readonly aliases?: Readonly<Record<string, T>> } = {},
): Type<T> {
  const { later = [], aliases = {} } = options;
  const meant = new Map<string, T>([
    ...words.map((word) => [word, word] as const),
    ...Object.entries(aliases),
  ]);
  return {
    accepts: `one of ${words.join(', ')}`,
    schema: () =>
      z.string().transform((raw, context) => {
        const word = raw.toLowerCase();
        const found = meant.get(word);
        if (found !== undefined) return found;
        if (later.includes(word)) {
          const message = `${word} is not available in this version of Stoa`;
          context.addIssue({ code: 'custom', message, params: { saysAll: true } });
        } else {
          context.addIssue({ code: 'invalid_value', values: [...words], input: raw });
        }
        return z.NEVER;
      }),
    format: (value) => value,
  };
}

/** Texts: an array, or one text with commas. */
export function list(
  accepts: string,
  check: (entry: string) => string | undefined = () => undefined,
): Type<readonly string[]> {
  const split = (raw: unknown) => (typeof raw === 'string' ? raw.split(',') : raw);
  return {
    accepts,
    schema: () =>
      z.preprocess(split, z.array(z.string())).transform((raw, context) => {
        const entries = raw.map((entry) => entry.trim()).filter((entry) => entry !== '');
        for (const entry of entries) {
          const message = check(entry);
          if (message !== undefined) context.addIssue({ code: 'custom', message });
        }
        return entries;
      }),
    format: (value) => value.join(','),
  };
}

/** Module path patterns with the syntax of GOPRIVATE. */
export const patterns = list('a list of module path patterns such as git.example.com/*', checkPattern);

/** The file of an SQLite database, or nothing at all: an empty text. Other databases are known, and refused with a sentence. */
export const database: Type<string | undefined> = {
  accepts: 'the name of a file, sqlite:FILE, or empty for the default',
  schema: () =>
    z.string().transform((raw, context) => {
      if (raw === '') return undefined;
      // One letter is a disk of Windows.
      const [, scheme, name = ''] = /^([a-z][a-z0-9+.-]+):(.*)$/is.exec(raw) ?? [];
      if (scheme === undefined) return raw;
      const isSqlite = scheme.toLowerCase() === 'sqlite';
      if (isSqlite && /^(\/\/\/|\/?[^/])/.test(name)) return name.replace('///', '/');
      // The text, which may have a password in it, is not repeated.
      const message = isSqlite
        ? 'after sqlite: there is only the name of a file'
        : `${scheme}: is not available in this version of Stoa, whose catalog is a file of SQLite; PostgreSQL and MySQL come in a later one`;
      context.addIssue({ code: 'custom', message, params: { saysAll: true } });
      return z.NEVER;
    }),
  format: (value) => value ?? '',
};

/** Addresses and networks of proxies; `unix` for whoever connects through the unix socket. */
export const proxies = list('a list of addresses, networks such as 10.0.0.0/8, and unix', (entry) =>
  entry === 'unix' || parseAddress(entry) !== undefined || parseNetwork(entry) !== undefined
    ? undefined
    : `${entry} is none of these`,
);

/** Hosts, with or without a port. */
export const hosts = list('a list of hosts, each as host or host:port', (entry) =>
  /^(\[[\da-f:.]+\]|[^\s/:@[\]]+)(:\d{1,5})?$/i.test(entry) ? undefined : `${entry} is not a host`,
);

/** A path below which everything is served, without a slash at its end; empty for none. */
export const pathPrefix: Type<string> = {
  accepts: 'a path that begins with / and consists of letters, digits and - . _ ~',
  schema: () =>
    z
      .string()
      .regex(/^(\/[\w.~-]+)*\/?$/)
      .transform((raw) => raw.replace(/\/$/, '')),
  format: (value) => value,
};

/** What names in a shared place begin with: with a slash at its end, or empty for nothing. With it they stay within what S3 takes. */
export const keyPrefix: Type<string> = {
  accepts: 'a path such as go/modules of letters, digits and - . _ ~, of 63 bytes at most',
  schema: () =>
    z
      .string()
      .max(63)
      .regex(/^(?:(?!\.)[\w.~-]+(?:\/(?!\.)[\w.~-]+)*\/?)?$/)
      .transform((raw) => raw.replace(/(?<=[^/])$/, '/')),
  format: (value) => value,
};

/** The URL of a server that is asked with credentials of its own. */
export const serverUrl: Type<string> = {
  accepts: 'an http or https URL without a user',
  schema: () =>
    z.string().superRefine((raw, context) => {
      const url = URL.canParse(raw) ? new URL(raw) : undefined;
      if (url !== undefined && /^https?:$/.test(url.protocol) && url.username === '' && url.password === '')
        return;
      context.addIssue({ code: 'invalid_format', format: 'url', input: raw });
    }),
  format: (value) => value,
};

/** A GOPROXY list. */
export const upstreams: Type<readonly RouteEntry[]> = {
  accepts: 'a GOPROXY list of http(s) URLs, direct and off, separated by , or |',
  schema: () => z.string().transform((raw, context) => told(context, () => parseUpstreams(raw))),
  format: formatUpstreams,
};

/** Which checksum databases answer for which modules. */
export const databases: Type<DatabaseList> = {
  accepts:
    'what GOSUMDB takes: sum.golang.org, a key, either with a URL behind it, or off; of several, all but one as patterns=database, with semicolons between them',
  schema: () =>
    z
      .union([z.string(), z.array(z.string()).transform((entries) => entries.join(';'))])
      .transform((raw, context) => told(context, () => parseDatabaseList(raw)))
      .superRefine(({ rules }, context) => {
        for (const pattern of rules.flatMap(({ patterns }) => patterns.split(','))) {
          const message = checkPattern(pattern);
          if (message !== undefined) context.addIssue({ code: 'custom', message });
        }
      }),
  format: formatDatabaseList,
};

/** Where repositories are read from in place of their public URLs. */
export const rewrites: Type<readonly Rewrite[]> = {
  accepts:
    'a list such as https://github.com/=>https://git.example.com/mirror/, from https or ssh to https, http, ssh or file',
  schema: () =>
    z
      .union([z.string(), z.array(z.string()).transform((entries) => entries.join(','))])
      .transform((raw, context) => told(context, () => parseRewrites(raw))),
  format: (value) => value.map(({ from, to }) => `${from}=>${to}`).join(','),
};

/** Rules of GOVCS. */
export const govcs: Type<string> = {
  accepts: 'a list of rules such as private:all,public:git, as in GOVCS',
  schema: () =>
    z.string().transform((raw, context) =>
      told(context, () => {
        createCheckVcs(raw, '');
        return raw;
      }),
    ),
  format: (value) => value,
};

/** The private key of our own checksum database; shown is what it is checked with. */
export const ledgerKey: Type<Signer> = {
  accepts: 'a key that `stoa ledger init` made',
  schema: () => z.string().transform((raw, context) => told(context, () => parseLedgerKey(raw))),
  format: ({ verifierKey }) => verifierKey,
};

/** The URL of an egress proxy; `host:port` means an http one, as in HTTP_PROXY. */
export const proxyUrl: Type<string> = {
  accepts: 'a proxy: host:port, or an http or https URL',
  schema: () =>
    z.string().superRefine((raw, context) => {
      const isWhole = URL.canParse(raw) && new URL(raw).host !== '';
      const url = isWhole ? raw : `http://${raw}`;
      if (URL.canParse(url) && /^https?:$/.test(new URL(url).protocol)) return;
      context.addIssue({ code: 'invalid_format', format: 'url', input: raw });
    }),
  format: withoutUserinfo,
};

/** What `make` returns; a StoaError it throws becomes an issue with its message. */
export function told<T>(context: z.RefinementCtx, make: () => T): T {
  try {
    return make();
  } catch (error) {
    if (!(error instanceof StoaError)) throw error;
    context.addIssue({ code: 'custom', message: error.message });
    return z.NEVER;
  }
}

/** Why a text can't be a pattern; undefined when it can. A pattern that never matches would let private paths out. */
export function checkPattern(pattern: string): string | undefined {
  if (pattern.includes('://'))
    return `the pattern ${withoutUserinfo(pattern)} begins with a scheme; module paths have none`;
  const isGlob = /^(?:[^\\[]|\\.|\[\^?(?:(?:[^\\\]-]|\\.)(?:-(?:[^\\\]-]|\\.))?)+\])+$/su.test(pattern);
  return isGlob ? undefined : `the pattern ${pattern} is malformed`;
}

const yes = ['true', '1', 'yes', 'on'];
const no = ['false', '0', 'no', 'off'];
