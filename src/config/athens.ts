import { type Given, notAvailable, type Told } from './athens-rules.ts';
import { type AthensMeaning, type AthensSetting, athensSettings, otherStorage } from './athens-table.ts';
import { isServiceLink } from './environment.ts';
import { isTable, type Table } from './file.ts';
import { type Entry, type Layer, layer } from './layer.ts';
import type { Machine } from './machine.ts';
import { suggestion } from './nearest.ts';

/** What Athens settings say: those of its file, and those of its variables, which are stronger. */
export interface AthensLayers {
  readonly file: Layer;
  readonly variables: Layer;
}

/** A config.toml of Athens. */
export interface AthensFile {
  readonly table: Table;
  readonly name: string;
}

/**
 * Maps the settings of Athens. Each is a setting of Stoa, or has no effect here for a reason that a note tells, or asks
 * for what is not built yet, which is a problem; so is a key or an `ATHENS_…` variable that Athens does not know.
 */
export function readAthens(machine: Pick<Machine, 'env' | 'readFile'>, file?: AthensFile): AthensLayers {
  const values: Value[] = [];
  const problems = { file: [] as string[], variables: [] as string[] };
  if (file) collectKeys(file, values, problems.file);
  collectVariables(machine.env, values, problems.variables);

  const isAthens = file !== undefined || values.some(({ source }) => source.startsWith('ATHENS_'));
  const textOf = (key: string) => values.findLast(({ setting }) => setting.key === key)?.text;
  const read = (place: Value['place']): Layer => {
    const told = values
      .filter((value) => value.place === place && !isReplaced(value, values))
      // Generic names such as AWS_REGION are nobody's business where Athens never was.
      .filter(
        ({ source, setting }) => isAthens || source.startsWith('ATHENS_') || setting.meaning.kind === 'later',
      )
      .map((value) => ({ value, ...interpret(value, { textOf, readFile: machine.readFile }) }));
    return layer({
      entries: told.flatMap(({ entries = [] }) => entries),
      problems: [...problems[place], ...told.flatMap(({ problem }) => problem ?? [])],
      warnings: told.flatMap(({ warning }) => warning ?? []),
      notes: notesOf(told),
    });
  };
  return { file: read('file'), variables: read('variables') };
}

/** True for a table that holds a key as Athens writes it, with a capital, which no setting of Stoa has. */
export function isAthensFile(table: Table): boolean {
  return Object.keys(table).some((key) => /^[A-Z]/.test(key) && topKeys.has(key.toLowerCase()));
}

/** A setting of Athens that somebody gave. */
interface Value {
  readonly setting: AthensSetting;
  readonly text: string;
  readonly source: string;
  readonly place: 'file' | 'variables';
}

function collectKeys(file: AthensFile, values: Value[], problems: string[]): void {
  function collect(table: Table, group: string): void {
    for (const [key, raw] of Object.entries(table)) {
      const name = `${group}${key}`;
      const setting = byKey.get(name.toLowerCase());
      const source = `${file.name} (${setting?.key ?? name})`;
      if (setting) values.push({ setting, text: textOf(setting, raw), source, place: 'file' });
      else if (isTable(raw)) collect(raw, `${name}.`);
      else problems.push(`${file.name}: Athens has no setting ${name}${suggestion(name, keys)}`);
    }
  }
  collect(file.table, '');
}

function textOf(setting: AthensSetting, raw: unknown): string {
  if (!Array.isArray(raw)) return String(isTable(raw) ? '' : raw);
  return raw.join(setting.key === 'GoBinaryEnvVars' ? ';' : ',');
}

function collectVariables(env: Machine['env'], values: Value[], problems: string[]): void {
  for (const setting of athensSettings) {
    const source = namesOf(setting).find((name) => env[name] !== undefined);
    const text = source && env[source];
    if (source === undefined || text === undefined || isServiceLink(source, text)) continue;
    // An empty list of variables leaves the one in the file as it is (envconfig, EnvList.Decode).
    if (setting.key === 'GoBinaryEnvVars' && text === '') continue;
    values.push({ setting, text, source, place: 'variables' });
  }
  for (const [variable, value] of Object.entries(env)) {
    if (!variable.startsWith('ATHENS_') || variables.has(variable) || isServiceLink(variable, value ?? ''))
      continue;
    problems.push(`${variable}: Athens has no such variable${suggestion(variable, variables)}`);
  }
}

/** True for a key of the file where a variable says the same: Athens never sees such a key. */
function isReplaced(value: Value, values: readonly Value[]): boolean {
  return (
    value.place === 'file' &&
    values.some(({ setting, place }) => place === 'variables' && setting === value.setting)
  );
}

function interpret({ setting, text, source }: Value, beside: Pick<Given, 'textOf' | 'readFile'>): Told {
  const { meaning } = setting;
  if (setting.storage !== undefined && setting.storage !== beside.textOf('StorageType'))
    return { idle: otherStorage };
  switch (meaning.kind) {
    case 'sets':
      return text === '' ? {} : { entries: [entryOf(meaning, text, source)] };
    case 'rule':
      return meaning.read({ text, source, ...beside });
    case 'idle':
      return { idle: meaning.because };
    case 'later':
      return meaning.unless.includes(text.toLowerCase())
        ? {}
        : { problem: notAvailable(source, meaning.what) };
  }
}

function entryOf({ name, seconds }: AthensMeaning & { kind: 'sets' }, text: string, source: string): Entry {
  return { name, raw: seconds && /^\d+$/.test(text) ? `${text}s` : text, source };
}

/** One note for each reason, since a sample file holds every setting there is. */
function notesOf(told: readonly (Told & { readonly value: Value })[]): string[] {
  const reasons = Map.groupBy(
    told.filter(({ idle }) => idle !== undefined),
    ({ idle }) => idle,
  );
  return [...reasons].map(([reason, group]) => {
    const sources = new Set(
      group.map(({ value }) => (value.place === 'file' ? value.setting.key : value.source)),
    );
    return `without effect: ${[...sources].join(', ')}: ${reason}`;
  });
}

/** The variables that set it, the strongest first: `ATHENS_<SECTION>_X` and `ATHENS_X` before `X`, as envconfig looks them up. */
function namesOf({ key, variable }: AthensSetting): string[] {
  if (variable === undefined) return [];
  const section = key.includes('.')
    ? `${key.slice(0, key.lastIndexOf('.')).replaceAll('.', '_').toUpperCase()}_`
    : '';
  return [...new Set([`ATHENS_${section}${variable}`, `ATHENS_${variable}`, variable])];
}

const keys = athensSettings.flatMap(({ key }) => (key === '' ? [] : [key]));

const byKey: ReadonlyMap<string, AthensSetting> = new Map(
  athensSettings.filter(({ key }) => key !== '').map((setting) => [setting.key.toLowerCase(), setting]),
);

const topKeys: ReadonlySet<string> = new Set(keys.map((key) => key.replace(/\..*$/, '').toLowerCase()));

const variables: ReadonlySet<string> = new Set(athensSettings.flatMap(namesOf));
