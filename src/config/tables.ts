import { parse } from 'smol-toml';
import * as z from 'zod';
import { StoaError } from '../errors.ts';
import type { PatternRoute } from '../fetch/route.ts';
import type { Credential } from '../net/credentials.ts';
import { credentialKeys, credentialTable, formatCredential } from './credential-table.ts';
import { checkPattern, type Type, told } from './types.ts';
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
export const tableKeys = ['pattern', 'upstream', ...credentialKeys] as const;

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
