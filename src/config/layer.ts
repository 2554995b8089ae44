import type { NamedSetting } from './named-setting.ts';

/** What somebody said about a setting. */
export interface Entry {
  /** `NamedSetting.name` */
  readonly name: string;
  /** Text, or what TOML made of it. */
  readonly raw: unknown;
  /** Where it was said: `STOA_PORT`, `--port`, `stoa.toml`. */
  readonly source: string;
  /** `raw` is the name of a file that holds the value. */
  readonly inFile?: boolean;
}

/** What one source says, and what is wrong with it. Entries of a stronger layer replace those of a weaker one. */
export interface Layer {
  readonly entries: readonly Entry[];
  /** Sentences, each naming what and where. */
  readonly problems: readonly string[];
  readonly warnings: readonly string[];
  /** What is accepted without having an effect, and why. */
  readonly notes: readonly string[];
}

/** A layer that says what is given and nothing else. */
export function layer(given: Partial<Layer>): Layer {
  return { entries: [], problems: [], warnings: [], notes: [], ...given };
}

/** All that several layers of equal strength say. */
export function joinLayers(layers: readonly Layer[]): Layer {
  return {
    entries: layers.flatMap(({ entries }) => entries),
    problems: layers.flatMap(({ problems }) => problems),
    warnings: layers.flatMap(({ warnings }) => warnings),
    notes: layers.flatMap(({ notes }) => notes),
  };
}

/** The setting that a name means in one of the places where settings are named, and whether it names its file. */
export interface Meant {
  readonly name: string;
  readonly inFile: boolean;
}

/** What the names of a place mean, where `nameOf` says how a setting is called there; secrets also with `suffix`. */
export function meanings(
  settings: readonly NamedSetting[],
  nameOf: (setting: NamedSetting) => string,
  suffix: string,
): ReadonlyMap<string, Meant> {
  const found = new Map<string, Meant>();
  for (const item of settings) {
    found.set(nameOf(item), { name: item.name, inFile: false });
    if (item.setting.secret) found.set(`${nameOf(item)}${suffix}`, { name: item.name, inFile: true });
  }
  return found;
}

/**
 * What a listen address in the forms of Athens (`3000`, `:3000`, `host:3000`, `[::1]:3000`) says about `port` and `host`.
 * A text of another form is left to be refused as a port.
 */
export function listenEntries(raw: string, source: string): Entry[] {
  const match = /^(?:\[([^\]]+)\]|([^:[\]]*)):(\d+)$/.exec(raw);
  const host = match?.[1] ?? match?.[2] ?? '';
  const port = { name: 'port', raw: match?.[3] ?? raw, source };
  return host === '' ? [port] : [port, { name: 'host', raw: host, source }];
}
