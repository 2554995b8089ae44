import { isStoaError, StoaError } from '../errors.ts';
import { plainEnv } from './go-run.ts';
import type { Run } from './run.ts';

/** The oldest go whose programs take no part of a version for an option (CVE-2025-68119). */
const oldestGo = [1, 25, 6] as const;

/** The version of the go command, for the check at the start. Throws `config` where there is none, or one that is too old. */
export async function goVersion(run: Run, go: string, path: string, signal: AbortSignal): Promise<string> {
  const needed = `vcs.go: go ${oldestGo.join('.')} or later is needed`;
  const env = { ...plainEnv, PATH: path, HOME: '/', GOCACHE: 'off' };
  const command = { program: go, args: ['version'], cwd: '/', env };
  const options = { timeoutMs: 30_000, maxBytes: 64 * 1024 };
  const output = await run.output(command, signal, options).catch((error: unknown) => {
    if (!isStoaError(error, 'config')) throw error;
    throw new StoaError('config', `${needed}, and ${go} is not found`);
  });
  const [, version, ...parts] =
    /^go version (?:devel )?go((\d+)\.(\d+)(?:\.(\d+))?\S*)/.exec(output.stdout.toString()) ?? [];
  if (version === undefined) throw new StoaError('config', `${needed}, and ${go} does not tell its version`);
  const [major, minor, patch] = parts.map((part) => Number(part ?? 0)) as [number, number, number];
  const isOld = major - oldestGo[0] || minor - oldestGo[1] || patch - oldestGo[2];
  if (isOld < 0) throw new StoaError('config', `${needed}, and ${go} is go ${version}`);
  return version;
}
