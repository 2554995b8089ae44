import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { gitVersion } from '../../src/vcs/git-command.ts';
import { createRun } from '../../src/vcs/run.ts';
import { failure, never } from '../conformance/repo-kit.ts';
import { git } from '../fakes/git-repos.ts';
import { limits } from './bed.ts';

const run = createRun(limits);

/** A PATH with a git that says this of its version. */
async function pathSaying(text: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'stoa-git-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  await writeFile(join(folder, 'git'), `#!/bin/sh\necho '${text}'\n`);
  await chmod(join(folder, 'git'), 0o755);
  return folder;
}

test.skipIf(git === undefined)('the installed git is new enough', async () => {
  expect(await gitVersion(run, process.env.PATH!, never)).toMatch(/^\d+\.\d+\.\d+/);
});

test.each(['2.37.0', '2.39.5 (Apple Git-154)', '2.50.0.windows.1', '3.0.0', '2.37-rc1'])(
  'git %s is new enough',
  async (text) => {
    expect(await gitVersion(run, await pathSaying(`git version ${text}`), never)).toBe(text.split(' ')[0]);
  },
);

test.each(['2.36.9', '2.9.5', '1.99.0'])('git %s is too old', async (text) => {
  expect(await failure(gitVersion(run, await pathSaying(`git version ${text}`), never), 'config')).toBe(
    `git 2.37 or later is needed to read repositories, and ${text} is installed: install a newer package of git`,
  );
});

test('what is no git is told so', async () => {
  expect(await failure(gitVersion(run, await pathSaying('hello'), never), 'config')).toContain(
    'does not tell its version',
  );
  expect(await failure(gitVersion(run, '/no/such/folder', never), 'config')).toBe(
    'git 2.37 or later is needed to read repositories, and it is not found in PATH: install the package git',
  );
});
