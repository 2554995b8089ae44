import { suggestion } from '../config/nearest.ts';
import { type Command, exitCodes, type Invocation } from './command.ts';

/** `stoa help [command]` */
export async function showHelp(
  commands: readonly Command[],
  { args, out, err }: Invocation,
): Promise<number> {
  const name = args.join(' ');
  const chosen = commands.filter((command) => command.name === name || command.name.startsWith(`${name} `));
  if (name !== '' && chosen.length === 0) {
    const names = commands.map((command) => command.name);
    err(`stoa: unknown command ${JSON.stringify(name)}${suggestion(name, names)}`);
    return exitCodes.usage.code;
  }
  if (name === '') out(overview(commands));
  for (const command of name === '' ? [] : chosen) {
    out(`Usage: stoa ${[command.name, command.usage].filter(Boolean).join(' ')}\n\n${command.summary}`);
  }
  if (name !== '' && chosen.some(({ takesSettings }) => takesSettings)) out(await settingFlags());
  return exitCodes.ok.code;
}

function overview(commands: readonly Command[]): string {
  const width = Math.max(...commands.map(({ name }) => name.length)) + 2;
  return [
    'Stoa is a Go module proxy.',
    '',
    'Usage: stoa <command> [--setting value …]',
    '',
    ...commands.map(({ name, summary }) => `  ${name.padEnd(width)}${summary}`),
    '',
    'Flags without a command mean serve. Exit codes:',
    ...Object.values(exitCodes).map(({ code, doc }) => `  ${code}  ${doc}`),
  ].join('\n');
}

/** Every setting, when somebody asks: the schema takes longer to load than the rest of the command line. */
async function settingFlags(): Promise<string> {
  const { named } = await import('../config/schema.ts');
  return [
    '',
    'Settings come from, the strongest first: flags, STOA_… variables, ATHENS_… variables, container variables, the file,',
    'variables of other programs, defaults.',
    '',
    '  --config <file>\n      The settings file (TOML); default: STOA_CONFIG, else ./stoa.toml where it exists.',
    ...named.map(({ flag, setting }) => `  ${flag} <value>\n      ${setting.doc}`),
  ].join('\n');
}
