import { parse, TomlError } from 'smol-toml';
import { type Entry, type Layer, layer, meanings } from './layer.ts';
import type { ReadFile } from './machine.ts';
import { suggestion } from './nearest.ts';
import { named } from './schema.ts';
import { isAbsence, reasonOf } from './secret.ts';

/** A TOML file, or the sentence that says why there is none. */
export type Parsed = { readonly table: Table } | { readonly problem: string; readonly absent: boolean };

/** A TOML table. */
export type Table = Readonly<Record<string, unknown>>;

/** Reads a TOML file; the sentence names the line of a mistake, but does not show it, as it may hold a secret. */
export function parseFile(file: string, readFile: ReadFile): Parsed {
  let text: string;
  try {
    text = readFile(file);
  } catch (error) {
    return { problem: `${file} can't be read: ${reasonOf(error)}`, absent: isAbsence(error) };
  }
  try {
    return { table: parse(text) };
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    return { problem: `${file} is not TOML: line ${error.line}, column ${error.column}`, absent: false };
  }
}

/** What a file of Stoa's own says: every key must be a setting. */
export function readTable(table: Table, file: string): Layer {
  const entries: Entry[] = [];
  const problems: string[] = [];

  function read(part: Table, group: string): void {
    for (const [key, raw] of Object.entries(part)) {
      const name = `${group}${key}`;
      const meant = names.get(name);
      if (meant) entries.push({ ...meant, raw, source: file });
      else if (group === '' && groups.has(key) && isTable(raw)) read(raw, `${key}.`);
      else if (group === '' && groups.has(key))
        problems.push(`${file}: ${key} is a table, written as [${key}]`);
      else problems.push(`${file}: unknown setting ${name}${suggestion(name, names.keys()) || homeOf(key)}`);
    }
  }

  read(table, '');
  return layer({ entries, problems });
}

/** True for a TOML table. */
export function isTable(value: unknown): value is Table {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date);
}

const names = meanings(named, ({ name }) => name, '_file');

const groups: ReadonlySet<string> = new Set(
  named.filter(({ name }) => name.includes('.')).map(({ name }) => name.slice(0, name.indexOf('.'))),
);

/** For a key that was written outside of its table. */
function homeOf(key: string): string {
  const found = [...names.keys()].find((name) => name.endsWith(`.${key}`));
  return found === undefined ? '' : `; did you mean ${found}?`;
}
