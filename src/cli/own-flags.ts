/** The flags that are a command's own, and the arguments that are left, which may be settings. */
export interface OwnFlags {
  readonly values: ReadonlyMap<string, string>;
  readonly rest: readonly string[];
  /** What is wrong with them, as a sentence. */
  readonly problem?: string;
}

/** Picks out `--name value` and `--name=value` of these names, and the bare `--name` of the `switches`. */
export function takeFlags(
  args: readonly string[],
  names: readonly string[],
  switches: readonly string[],
): OwnFlags {
  const values = new Map<string, string>();
  const rest: string[] = [];
  for (let at = 0; at < args.length; at++) {
    const argument = args[at]!;
    const [, flag = '', inline] = /^--([a-z-]+)(?:=(.*))?$/s.exec(argument) ?? [];
    if (switches.includes(flag) && inline === undefined) {
      values.set(flag, 'true');
    } else if (names.includes(flag)) {
      const value = inline ?? args[++at];
      if (value === undefined) return { values, rest, problem: `--${flag}: the value is missing` };
      values.set(flag, value);
    } else {
      rest.push(argument);
    }
  }
  return { values, rest };
}
