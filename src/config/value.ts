import type * as z from 'zod';
import { StoaError } from '../errors.ts';
import type { Entry } from './layer.ts';
import type { ReadFile } from './machine.ts';
import type { NamedSetting } from './named-setting.ts';
import { suggestion } from './nearest.ts';
import { readSecret } from './secret.ts';
import { tableKeys } from './tables.ts';
import { withoutUserinfo } from './upstream.ts';

/** The value of a setting, or the sentence that says what is wrong with what was said. */
export type Read = { readonly value: unknown } | { readonly problem: string };

/** Reads what an entry says. The sentence names the setting, the source, the value unless it may be a secret, and what is accepted. */
export function readValue(item: NamedSetting, entry: Entry, readFile: ReadFile): Read {
  const { setting, name } = item;
  let raw = entry.raw;
  if (entry.inFile) {
    try {
      raw = readSecret(String(raw), readFile);
    } catch (error) {
      if (!(error instanceof StoaError)) throw error;
      return { problem: `${name}: the file named by ${entry.source}: ${error.message}` };
    }
  }
  const result = setting.type.schema(readFile).safeParse(raw);
  if (result.success) return { value: result.data };
  const { issues } = result.error;
  const whole = issues.find((issue) => issue.code === 'custom' && issue.params?.saysAll);
  if (whole) return { problem: `${name}: ${whole.message} (${entry.source})` };
  const reasons = [...new Set(issues.map(describe).filter((reason) => reason !== ''))].join('; ');
  const shown = setting.secret ? undefined : show(raw);
  const value = shown === undefined ? `the value from ${entry.source}` : `${shown} from ${entry.source}`;
  return {
    problem: `${name}: ${value} is not ${setting.type.accepts}${reasons === '' ? '' : `: ${reasons}`}`,
  };
}

/** A value for a message; undefined for tables. */
function show(raw: unknown): string | undefined {
  if (Array.isArray(raw) && raw.some((entry) => typeof entry === 'object')) return undefined;
  if (typeof raw === 'object' && !Array.isArray(raw)) return undefined;
  const text = withoutUserinfo(JSON.stringify(raw) ?? '');
  return text.length <= 100 ? text : `${text.slice(0, 100)}…`;
}

/** Why, where it says more than that the value is not accepted. Values are not quoted, except by our own messages. */
function describe(issue: z.core.$ZodIssue): string {
  const [index, key] = issue.path;
  const where = typeof index === 'number' ? `entry ${index + 1}: ` : '';
  if (issue.code === 'custom') return issue.message === '' ? '' : `${where}${issue.message}`;
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((name) => `${where}unknown key ${name}${suggestion(name, tableKeys)}`).join('; ');
  }
  if (typeof key === 'string') return `${where}${key} is missing or not what it should be`;
  return typeof index === 'number' ? `entry ${index + 1} is not what it should be` : '';
}
