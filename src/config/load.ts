import { readFileSync } from 'node:fs';
import { availableParallelism, homedir, hostname } from 'node:os';
import { StoaError } from '../errors.ts';
import { isAthensFile, readAthens } from './athens.ts';
import { contradictions, mootSettings, type Sources, unverified } from './contradictions.ts';
import { readContainerVariables, readOwnVariables } from './environment.ts';
import { parseFile, readTable } from './file.ts';
import { readFlags } from './flags.ts';
import { askGoProxy } from './go-env.ts';
import { inheritUpstream } from './inherit.ts';
import { type Entry, joinLayers, type Layer, layer } from './layer.ts';
import type { Machine } from './machine.ts';
import type { NamedSetting } from './named-setting.ts';
import { named, type Settings } from './schema.ts';
import { isComputed } from './setting.ts';
import { readValue } from './value.ts';

/** Settings that may be used, and how they came to be. */
export interface Loaded {
  readonly settings: Settings;
  /** The source of each setting, by its name: `default`, `stoa.toml`, `STOA_PORT`, `--port`, `ATHENS_PORT`, `GOPROXY`. */
  readonly sources: Sources;
  /** What somebody should look at: to be logged once. */
  readonly warnings: readonly string[];
  /** What is accepted and has no effect here, and why: to be logged once. */
  readonly notes: readonly string[];
}

/** Why the settings can't be used: every sentence, and the settings of the log as far as they are known. */
export class SettingsError extends StoaError {
  readonly problems: readonly string[];
  readonly log: Settings['log'];

  constructor(problems: readonly string[], log: Settings['log']) {
    super('config', problems.join('; '));
    this.name = 'SettingsError';
    this.problems = problems;
    this.log = log;
  }
}

/**
 * The settings in force. From the weakest to the strongest: defaults, what is inherited from variables for other programs,
 * the file, container variables, `ATHENS_…`, `STOA_…`, flags. Throws a SettingsError with everything that is wrong.
 */
export function loadSettings(given: Partial<Machine> = {}): Loaded {
  const machine = { ...thisMachine(), ...given };
  const flags = readFlags(machine.args);
  const file = readConfigFile(machine, flags.config);
  const layers = [
    file.layer,
    readContainerVariables(machine.env),
    file.athensVariables,
    readOwnVariables(machine.env),
    flags.layer,
  ];
  const all = joinLayers(layers);
  const problems = [...all.problems];
  const warnings = [...all.warnings];
  const values = new Map<string, unknown>();
  const sources = new Map<string, string>();
  for (const item of named) {
    const { value, source } = resolve(item, layers, machine, problems);
    values.set(item.name, value);
    sources.set(item.name, source);
  }

  const settings = nest(values);
  if (problems.length === 0 && sources.get('upstream') === 'default') {
    const inherited = inheritUpstream(machine, settings, warnings);
    if (inherited) {
      values.set('upstream', inherited.upstream);
      sources.set('upstream', inherited.source);
    }
  }
  if (problems.length === 0) problems.push(...contradictions(settings, sources));
  if (problems.length > 0) throw new SettingsError(problems, settings.log);
  warnings.push(...mootSettings(settings, sources));
  const open = unverified(settings, sources);
  if (open !== undefined) warnings.push(open);
  return { settings: nest(values), sources, warnings, notes: all.notes };
}

/** The value of a setting from the strongest layer that names it; everything that is said must be right, also what is not used. */
function resolve(
  item: NamedSetting,
  layers: readonly Layer[],
  machine: Machine,
  problems: string[],
): { value: unknown; source: string } {
  const { name } = item;
  let found: { value: unknown; source: string } | undefined;
  const said = layers.map(({ entries }) => entries.filter((entry) => entry.name === name));
  for (const entries of [inheritedEntries(item, machine.env), ...said]) {
    const [plain, inFile] = [entries.find((entry) => !entry.inFile), entries.find((entry) => entry.inFile)];
    if (plain && inFile)
      problems.push(`${name}: both the value (${plain.source}) and its file (${inFile.source}) are given`);
    for (const entry of entries) {
      const read = readValue(item, entry, machine.readFile);
      if ('problem' in read) problems.push(read.problem);
      else found = { value: read.value, source: entry.source };
    }
  }
  return found ?? { value: defaultOf(item, machine, problems), source: 'default' };
}

function inheritedEntries({ name, setting }: NamedSetting, env: Machine['env']): Entry[] {
  const source = setting.inherits.find((variable) => env[variable]);
  return source === undefined ? [] : [{ name, raw: env[source], source }];
}

function defaultOf({ setting, name }: NamedSetting, machine: Machine, problems: string[]): unknown {
  const value = isComputed(setting.default) ? setting.default.from(machine) : setting.default;
  if (name === 'data' && value === '') problems.push('data: the user has no home folder; set STOA_DATA');
  return value;
}

/** What the settings file says, whoever it was written for, and what the variables of Athens say, which belong to it. */
function readConfigFile(machine: Machine, flag?: string): { layer: Layer; athensVariables: Layer } {
  const explicit = flag ?? machine.env.STOA_CONFIG;
  for (const name of explicit ? [explicit] : ['stoa.toml', 'athens.toml']) {
    const parsed = parseFile(name, machine.readFile);
    if ('problem' in parsed) {
      if (parsed.absent && !explicit) continue;
      const source = flag === undefined ? 'STOA_CONFIG' : '--config';
      const problem = explicit ? `${source}: ${parsed.problem}` : parsed.problem;
      return { layer: layer({ problems: [problem] }), athensVariables: readAthens(machine).variables };
    }
    if (isAthensFile(parsed.table)) {
      const { file, variables } = readAthens(machine, { table: parsed.table, name });
      return { layer: file, athensVariables: variables };
    }
    return { layer: readTable(parsed.table, name), athensVariables: readAthens(machine).variables };
  }
  return { layer: layer({}), athensVariables: readAthens(machine).variables };
}

/** The one place that trusts `schema` and `Settings` to have the same shape. */
function nest(values: ReadonlyMap<string, unknown>): Settings {
  const settings: Record<string, unknown> = {};
  for (const { keys, name } of named) {
    const [first = '', second] = keys;
    if (second === undefined) settings[first] = values.get(name);
    else settings[first] = { ...(settings[first] as object | undefined), [second]: values.get(name) };
  }
  return settings as unknown as Settings;
}

function thisMachine(): Machine {
  return {
    env: process.env,
    args: [],
    platform: process.platform,
    uid: process.getuid?.(),
    home: homeFolder(),
    hostname: hostname(),
    processors: availableParallelism(),
    readFile: (file) => readFileSync(file, 'utf8'),
    goEnvProxy: askGoProxy,
  };
}

/** A user without an entry in the system's list, as containers have them, has no home. */
function homeFolder(): string {
  try {
    const home = homedir();
    return home === '/' ? '' : home;
  } catch {
    return '';
  }
}
