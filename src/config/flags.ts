import { type Entry, type Layer, layer } from './layer.ts';
import { suggestion } from './nearest.ts';
import { named } from './schema.ts';

/** What the arguments say; `config` is the settings file they name. */
export interface Flags {
  readonly layer: Layer;
  readonly config?: string;
}

/**
 * Reads `--name value` and `--name=value`. Every flag has a value, and may be given once; `-config_file` of Athens, with one
 * dash or two, means `--config`.
 */
export function readFlags(args: readonly string[]): Flags {
  const entries: Entry[] = [];
  const problems: string[] = [];
  const seen = new Set<string>();
  let config: string | undefined;

  for (let at = 0; at < args.length; at++) {
    const [written, inline] = split(args[at]!);
    const flag = /^--?config_file$/.test(written) ? '--config' : written;
    const name = flag === '--config' ? 'config' : names.get(flag);
    if (!flag.startsWith('-')) {
      problems.push(`unexpected argument ${JSON.stringify(flag)}; settings are given as --name value`);
      continue;
    }
    const value = inline ?? args[at + 1];
    if (name === undefined) {
      problems.push(`${flag}: unknown flag${suggestion(flag, [...names.keys(), '--config'])}`);
      if (inline === undefined && value?.startsWith('-') === false) at++;
    } else if (value === undefined) {
      problems.push(`${written}: the value is missing`);
    } else {
      if (inline === undefined) at++;
      if (seen.has(name)) problems.push(`${flag} is given twice`);
      else if (name === 'config') config = value;
      else entries.push({ name, raw: value, source: flag, inFile: secrets.has(name) });
      seen.add(name);
    }
  }
  return { layer: layer({ entries, problems }), ...(config === undefined ? {} : { config }) };
}

const names: ReadonlyMap<string, string> = new Map(named.map(({ flag, name }) => [flag, name]));

const secrets: ReadonlySet<string> = new Set(
  named.filter(({ setting }) => setting.secret).map(({ name }) => name),
);

function split(argument: string): [string, string?] {
  const equals = argument.startsWith('-') ? argument.indexOf('=') : -1;
  return equals === -1 ? [argument] : [argument.slice(0, equals), argument.slice(equals + 1)];
}
