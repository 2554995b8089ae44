#!/usr/bin/env node
import { enableCompileCache } from 'node:module';
import { join } from 'node:path';
import { type Command, exitCodes, type Invocation } from './cli/command.ts';
import { suggestion } from './config/nearest.ts';

// Halves the time to the first answer from the second start on. Beside the code, not in a folder that others may write to; where
// it cannot be written, nothing is cached.
enableCompileCache(join(import.meta.dirname, '..', '.cache', 'compile'));

const commands: readonly Command[] = [
  {
    name: 'serve',
    usage: '[--setting value …]',
    summary: 'Run the server until SIGTERM or SIGINT.',
    takesSettings: true,
    run: async (invocation) => (await import('./cli/serve.ts')).serve(invocation),
  },
  {
    name: 'config show',
    usage: '[--json] [--setting value …]',
    summary: 'Show every setting, its value and where it comes from.',
    takesSettings: true,
    run: async (invocation) => (await import('./cli/config.ts')).showConfig(invocation),
  },
  {
    name: 'config check',
    usage: '[--setting value …]',
    summary: 'Tell whether the settings are right.',
    takesSettings: true,
    run: async (invocation) => (await import('./cli/config.ts')).checkConfig(invocation),
  },
  {
    name: 'doctor',
    usage: '<module or URL> [--setting value …]',
    summary: 'Explain where a module would be read from, and why that fails.',
    takesSettings: true,
    run: async (invocation) => (await import('./cli/doctor.ts')).doctor(invocation),
  },
  {
    name: 'events',
    usage: '[--kind word] [--module path] [--since 24h] [--limit 100] [--json] [--setting value …]',
    summary: 'Show what somebody may have to look at, the newest first.',
    takesSettings: true,
    run: async (invocation) => (await import('./cli/catalog.ts')).showEvents(invocation),
  },
  {
    name: 'jobs',
    usage: '[--kind word] [--state waiting|running|failed] [--limit 100] [--json] [--setting value …]',
    summary: 'Show what is to be done, is under way, or was given up.',
    takesSettings: true,
    run: async (invocation) => (await import('./cli/catalog.ts')).showJobs(invocation),
  },
  {
    name: 'ledger init',
    usage: '<name> [file]',
    summary: 'Make the key of a private checksum database.',
    takesSettings: false,
    run: async (invocation) => (await import('./cli/ledger.ts')).initLedger(invocation),
  },
  {
    name: 'ledger key',
    usage: '[--setting value …]',
    summary: 'Show the key that clients check it with.',
    takesSettings: true,
    run: async (invocation) => (await import('./cli/ledger.ts')).showLedgerKey(invocation),
  },
  {
    name: 'ledger verify',
    usage: '[--setting value …]',
    summary: 'Compute it again from its commits, and compare.',
    takesSettings: true,
    run: async (invocation) => (await import('./cli/ledger.ts')).checkLedger(invocation),
  },
  {
    name: 'verify',
    usage:
      '[pattern …] [--purge] [--backup folder] [--offline] [--resume] [--json] [--workers number] [--setting value …]',
    summary: 'Read all that is stored again, and hold it against its hashes and the checksum database.',
    takesSettings: true,
    run: async (invocation) => (await import('./cli/verify.ts')).verify(invocation),
  },
  {
    name: 'version',
    usage: '',
    summary: 'Show the version.',
    takesSettings: false,
    run: async (invocation) => (await import('./cli/version.ts')).showVersion(invocation),
  },
  {
    name: 'help',
    usage: '[command]',
    summary: 'Show this, or the flags of a command.',
    takesSettings: false,
    run: showHelp,
  },
];

/** Runs the command that the arguments name. */
async function main(args: readonly string[]): Promise<number> {
  const console: Omit<Invocation, 'args'> = {
    out: (line) => void process.stdout.write(`${line}\n`),
    err: (line) => void process.stderr.write(`${line}\n`),
  };
  const [first = ''] = args;
  const command = commands.find(({ name }) => name === args.slice(0, name.split(' ').length).join(' '));
  const rest = args.slice(command?.name.split(' ').length ?? 0);

  if (first === '-version')
    return (await import('./cli/version.ts')).showBuildDetails({ ...console, args: [] });
  if (first === '--version') return (await import('./cli/version.ts')).showVersion({ ...console, args: [] });
  if (first === '' || isHelp(first)) return showHelp({ ...console, args: [] });
  if (command && rest.some(isHelp)) return showHelp({ ...console, args: [command.name] });
  if (command) return command.run({ ...console, args: rest });
  // As Athens is started: `athens-proxy -config_file=/config/config.toml`.
  if (first.startsWith('-')) return (await import('./cli/serve.ts')).serve({ ...console, args });
  const names = commands.map(({ name }) => name);
  const typed = names.some((name) => name.startsWith(`${first} `)) ? args.slice(0, 2).join(' ') : first;
  const near = suggestion(args.slice(0, 2).join(' '), names) || suggestion(typed, names);
  console.err(`stoa: unknown command ${JSON.stringify(typed)}${near || `; there are ${names.join(', ')}`}`);
  return exitCodes.usage.code;
}

function isHelp(argument: string): boolean {
  return ['-h', '-help', '--help'].includes(argument);
}

async function showHelp(invocation: Invocation): Promise<number> {
  return (await import('./cli/help.ts')).showHelp(commands, invocation);
}

try {
  process.exit(await main(process.argv.slice(2)));
} catch (error) {
  process.stderr.write(`stoa: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(exitCodes.failed.code);
}
