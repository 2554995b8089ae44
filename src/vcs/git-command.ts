import { isStoaError, StoaError } from '../errors.ts';
import type { Command, Run } from './run.ts';

/** What every git command needs. */
export interface GitSetup {
  readonly run: Run;
  /** PATH, where git and ssh are found. */
  readonly path: string;
  /** An empty folder that stands for the home of a user. */
  readonly home: string;
}

/** Settings of git, by name. */
export type GitConfig = readonly (readonly [name: string, value: string])[];

export interface GitCommandOptions {
  /** The repository; absent: none, wherever the command runs. */
  readonly folder?: string;
  readonly config?: GitConfig;
  /** The transports that the command may use, as GIT_ALLOW_PROTOCOL has them; none unless told. */
  readonly protocols?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/**
 * A git command that sees neither the configuration of the system and the user nor this process's environment. Settings
 * go through its environment, so that a secret among them stands in no list of processes.
 */
export function gitCommand(
  setup: GitSetup,
  args: readonly string[],
  { folder, config = [], protocols = '', env = {} }: GitCommandOptions = {},
): Command {
  const { home } = setup;
  return {
    program: 'git',
    args,
    cwd: home,
    env: {
      ...isolatedEnv(setup),
      GIT_ATTR_NOSYSTEM: '1',
      GIT_LITERAL_PATHSPECS: '1',
      GIT_ALLOW_PROTOCOL: protocols,
      // Without one git would look for a repository in the folders above.
      GIT_DIR: folder ?? `${home}/none`,
      ...configEnv([...always, ...config]),
      ...env,
    },
  };
}

/** An environment in which git sees no configuration of the system and the user, and asks nobody for a password. */
export function isolatedEnv({ path, home }: Pick<GitSetup, 'path' | 'home'>): Record<string, string> {
  return {
    PATH: path,
    HOME: home,
    LC_ALL: 'C',
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_TERMINAL_PROMPT: '0',
  };
}

/**
 * Of every command. Nothing runs beside it or outlives it, and packs are mapped in parts that the memory limit bears. No
 * write waits for the disk: what a loss of power breaks is seen to be broken when it is read, and fetched anew.
 */
const always: GitConfig = [
  ['core.fsync', 'none'],
  ['core.hooksPath', '/dev/null'],
  ['core.packedGitWindowSize', '32m'],
  ['core.packedGitLimit', '512m'],
  ['gc.auto', '0'],
  ['maintenance.auto', 'false'],
  ['protocol.version', '2'],
  ['submodule.recurse', 'false'],
];

function configEnv(config: GitConfig): Record<string, string> {
  const env: Record<string, string> = { GIT_CONFIG_COUNT: String(config.length) };
  config.forEach(([name, value], i) => {
    env[`GIT_CONFIG_KEY_${i}`] = name;
    env[`GIT_CONFIG_VALUE_${i}`] = value;
  });
  return env;
}

/** The oldest git with `http.curloptResolve`, without which it would look up names that were checked before. */
const oldestGit = [2, 37] as const;

/**
 * The version of the git that is found in this PATH, for the check at the start. Throws `config` where there is none, or
 * one that is too old.
 */
export async function gitVersion(run: Run, path: string, signal: AbortSignal): Promise<string> {
  const needed = `git ${oldestGit.join('.')} or later is needed to read repositories`;
  const command = gitCommand({ run, path, home: '/' }, ['version']);
  const options = { timeoutMs: 30_000, maxBytes: 64 * 1024 };
  const output = await run.output(command, signal, options).catch((error: unknown) => {
    if (!isStoaError(error, 'config')) throw error;
    throw new StoaError('config', `${needed}, and it is not found in PATH: install the package git`);
  });
  const [, version, major, minor] = /^git version ((\d+)\.(\d+)\S*)/.exec(output.stdout.toString()) ?? [];
  if (version === undefined)
    throw new StoaError('config', `${needed}, and what is found in PATH does not tell its version`);
  if (Number(major) < oldestGit[0] || (Number(major) === oldestGit[0] && Number(minor) < oldestGit[1]))
    throw new StoaError('config', `${needed}, and ${version} is installed: install a newer package of git`);
  return version;
}
