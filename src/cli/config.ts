import { type Loaded, loadSettings, SettingsError } from '../config/load.ts';
import type { Machine } from '../config/machine.ts';
import { named } from '../config/schema.ts';
import { exitCodes, type Invocation } from './command.ts';

/** `stoa config show [--json]`: every setting with its value, as it would be written, and its source. No secret is in it. */
export function showConfig(invocation: Invocation, machine: Partial<Machine> = {}): number {
  const args = invocation.args.filter((argument) => argument !== '--json');
  return withSettings({ ...invocation, args }, machine, ({ settings, sources }) => {
    const rows = named.map(({ name, keys, setting }) => ({
      name,
      value: setting.type.format(
        keys.reduce<unknown>((part, key) => (part as Record<string, unknown>)[key], settings),
      ),
      source: sources.get(name) ?? 'default',
    }));
    if (args.length < invocation.args.length) {
      const entries = rows.map(({ name, value, source }) => [name, { value, source }]);
      invocation.out(JSON.stringify(Object.fromEntries(entries), undefined, 2));
      return;
    }
    const widths = [widest(rows.map(({ name }) => name)), widest(rows.map(({ value }) => value))] as const;
    for (const { name, value, source } of rows) {
      invocation.out(`${name.padEnd(widths[0])}  ${value.padEnd(widths[1])}  ${source}`);
    }
  });
}

/** `stoa config check`: whether a server would start with these settings. */
export function checkConfig(invocation: Invocation, machine: Partial<Machine> = {}): number {
  return withSettings(invocation, machine, ({ notes }) => {
    for (const note of notes) invocation.out(note);
    invocation.out('the settings are right');
  });
}

/** Tells every problem, or shows what `show` has to say. */
function withSettings(
  invocation: Invocation,
  machine: Partial<Machine>,
  show: (loaded: Loaded) => void,
): number {
  try {
    const loaded = loadSettings({ ...machine, args: invocation.args });
    for (const warning of loaded.warnings) invocation.err(`warning: ${warning}`);
    show(loaded);
    return exitCodes.ok.code;
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error;
    for (const problem of error.problems) invocation.err(problem);
    return exitCodes.usage.code;
  }
}

/** The width of a column; a value longer than most moves only its own source. */
function widest(texts: readonly string[]): number {
  return Math.min(40, Math.max(...texts.map((text) => text.length)));
}
