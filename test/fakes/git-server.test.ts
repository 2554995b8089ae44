import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { git, openGitRepos } from './git-repos.ts';
import { type GitServerOptions, startGitServer } from './git-server.ts';

async function open(options: Partial<GitServerOptions> = {}) {
  const repos = await openGitRepos();
  const repo = await repos.create('acme/lib', [
    { commit: 'one', files: { 'go.mod': 'module example.com/lib\n' }, tags: ['v1.0.0'] },
  ]);
  const server = await startGitServer({ folder: repos.folder, ...options });
  onTestFinished(async () => {
    await server.close();
    await repos[Symbol.asyncDispose]();
  });
  return { repo, server };
}

async function run(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const child = spawn(git!, args, {
    env: {
      PATH: process.env.PATH,
      GIT_CONFIG_NOSYSTEM: '1',
      GIT_CONFIG_GLOBAL: '/dev/null',
      GIT_TERMINAL_PROMPT: '0',
    },
  });
  const output = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => {
      output[name] += text;
    });
  }
  const [code] = await once(child, 'close');
  return { code, ...output };
}

describe.skipIf(git === undefined)('repositories over smart HTTP', () => {
  test.each([0, 2] as const)('are cloned with protocol %i', async (protocol) => {
    const { repo, server } = await open({ protocol });
    const folder = await mkdtemp(join(tmpdir(), 'stoa-clone-'));
    onTestFinished(() => rm(folder, { recursive: true, force: true }));
    const { code, stderr } = await run(
      'clone',
      '-q',
      '--bare',
      '--filter=blob:none',
      `${server.url}/acme/lib`,
      folder,
    );
    expect(stderr).toBe('');
    expect(code).toBe(0);
    expect((await run('-C', folder, 'rev-parse', 'v1.0.0')).stdout).toBe(`${repo.hash('one')}\n`);
    const { counts } = server.take();
    expect(counts).toEqual(
      protocol === 2 ? { advertisement: 1, 'ls-refs': 1, fetch: 1 } : { advertisement: 1, fetch: 1 },
    );
    expect(server.take().trips).toBe(0);
  });

  test('are listed, and what is no repository is not found', async () => {
    const { repo, server } = await open();
    expect((await run('ls-remote', `${server.url}/acme/lib`, 'refs/tags/*')).stdout).toBe(
      `${repo.hash('one')}\trefs/tags/v1.0.0\n`,
    );
    expect((await run('ls-remote', `${server.url}/acme/other`)).stderr).toContain('not found');
  });

  test('are shown to who logs in', async () => {
    const { server } = await open({ login: { username: 'gopher', password: 'secret' } });
    expect((await run('ls-remote', `${server.url}/acme/lib`)).code).toBe(128);
    const url = server.url.replace('//', '//gopher:secret@');
    expect((await run('ls-remote', `${url}/acme/lib`)).code).toBe(0);
  });

  test('meet the faults that were ordered, one each', async () => {
    const { server } = await open();
    server.fault('advertisement', { do: 'answer', status: 503 });
    server.fault('ls-refs', { do: 'cut', afterBytes: 10 });
    const ask = () => run('ls-remote', `${server.url}/acme/lib`);
    expect((await ask()).stderr).toContain('503');
    expect((await ask()).code).toBe(128);
    expect((await ask()).code).toBe(0);
  });
});
