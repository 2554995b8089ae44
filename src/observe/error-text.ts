import { inspect } from 'node:util';

/**
 * An error for a log line: message and stack, then those of its causes (and of the parts of an AggregateError), as
 * deep as they are told apart by it. Other properties of an error are left out, since some carry headers with
 * credentials.
 */
export function formatError(error: unknown): string {
  const seen = new Set<unknown>();
  const parts: string[] = [];
  const open: { readonly error: unknown; readonly lead: string }[] = [{ error, lead: '' }];
  for (let next = open.shift(); next !== undefined && parts.length < maxErrors; next = open.shift()) {
    if (seen.has(next.error)) continue;
    seen.add(next.error);
    parts.push(next.lead + describe(next.error));
    if (!(next.error instanceof Error)) continue;
    if (next.error.cause !== undefined) open.push({ error: next.error.cause, lead: 'caused by: ' });
    if (next.error instanceof AggregateError)
      open.push(...next.error.errors.slice(0, maxErrors).map((part) => ({ error: part, lead: 'one of: ' })));
  }
  const text = parts.join('\n');
  return text.length > maxLength ? `${text.slice(0, maxLength - 1)}…` : text;
}

const maxErrors = 8;
const maxLength = 16_384;

function describe(error: unknown): string {
  if (error instanceof Error) return error.stack ?? `${error.name}: ${error.message}`;
  return typeof error === 'string'
    ? error
    : inspect(error, { depth: 1, breakLength: Number.POSITIVE_INFINITY });
}
