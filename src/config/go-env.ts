import { spawnSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import type { Machine } from './machine.ts';

/**
 * What the installed go command says GOPROXY is (from `go env -w` or its own default); undefined when there is none or
 * it takes longer than two seconds. It sees only what it needs to find its settings, and may not fetch another toolchain.
 */
export function askGoProxy(env: Machine['env']): string | undefined {
  const { PATH, HOME, XDG_CONFIG_HOME, GOENV } = env;
  const { status, stdout } = spawnSync('go', ['env', 'GOPROXY'], {
    cwd: tmpdir(),
    env: { PATH, HOME, XDG_CONFIG_HOME, GOENV, GOTOOLCHAIN: 'local', GOWORK: 'off' },
    stdio: ['ignore', 'pipe', 'ignore'],
    encoding: 'utf8',
    timeout: 2_000,
    killSignal: 'SIGKILL',
    maxBuffer: 64 * 1024,
  });
  const answer = status === 0 ? stdout.trim() : '';
  return answer === '' ? undefined : answer;
}
