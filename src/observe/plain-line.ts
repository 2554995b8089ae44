import { quote } from './quote.ts';

/**
 * A JSON log line as a person at a terminal reads it: `INFO[2026-11-22T18:00:00.000Z]: message key=value …`. What is
 * the same on every line (service) and what only machines follow (trace_id) is left out.
 */
export function formatPlainLine(json: string): string {
  const { timestamp, level, service, trace_id, message, ...fields } = JSON.parse(json) as Record<
    string,
    unknown
  >;
  const pairs = Object.entries(fields).map(([key, value]) => ` ${key}=${formatValue(value)}`);
  const text = String(message);
  return `${level}[${timestamp}]: ${printable.test(text) ? text : quote(text)}${pairs.join('')}\n`;
}

function formatValue(value: unknown): string {
  const text = String(value);
  return bare.test(text) ? text : quote(text);
}

/** What needs no quotes: no blank, quote, `=`, control or separator. */
const bare = /^[^\s"=\\\p{C}\p{Z}]+$/u;
const printable = /^[^\p{C}\u2028\u2029]*$/u;
