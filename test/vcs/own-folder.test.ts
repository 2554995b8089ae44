import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { execPath } from 'node:process';
import { expect, onTestFinished, test } from 'vitest';
import { openOwnFolder } from '../../src/vcs/own-folder.ts';

async function openParent(): Promise<string> {
  const parent = await mkdtemp(join(tmpdir(), 'stoa-test-own-'));
  onTestFinished(() => rm(parent, { recursive: true }));
  return parent;
}

/** A folder of another process, which runs until it is killed. */
async function openElsewhere(parent: string): Promise<{ readonly name: string; kill(): Promise<void> }> {
  const script = `
    import { openOwnFolder } from ${JSON.stringify(new URL('../../src/vcs/own-folder.ts', import.meta.url).href)};
    const { path } = await openOwnFolder({ name: 'vcs', parent: ${JSON.stringify(parent)} });
    process.stdout.write(path);
    setInterval(() => undefined, 1000);`;
  const child = spawn(execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  const [path] = (await once(child.stdout, 'data')) as [Buffer];
  return {
    name: basename(path.toString()),
    async kill() {
      child.kill('SIGKILL');
      await once(child, 'close');
    },
  };
}

test('a folder is there until it is closed', async () => {
  const parent = await openParent();
  const own = await openOwnFolder({ name: 'run', parent });
  await writeFile(join(own.path, 'file'), 'text');
  expect(basename(own.path)).toMatch(/^stoa-run-\w{6}$/);
  await own.close();
  expect(await readdir(parent)).toEqual([]);
});

test('the folders of processes that were killed go with the next that is opened, and no others', async () => {
  const parent = await openParent();
  const [killed, running] = await Promise.all([openElsewhere(parent), openElsewhere(parent)]);
  const ours = await openOwnFolder({ name: 'vcs', parent });
  await mkdir(join(parent, killed.name, 'copies'));
  await writeFile(join(parent, killed.name, 'copies', 'file'), 'text');
  const others = ['stoa-vcs-abc', 'stoa-test-123456', 'stoa-run-link01', 'stoa-run-young1'];
  await mkdir(join(parent, 'elsewhere'));
  await symlink('elsewhere', join(parent, 'stoa-run-link01'));
  for (const name of ['stoa-vcs-abc', 'stoa-test-123456', 'stoa-run-young1', 'stoa-run-older1'])
    await mkdir(join(parent, name));
  await utimes(join(parent, 'stoa-run-older1'), 0, 0);
  await killed.kill();
  const next = await openOwnFolder({ name: 'run', parent });
  await next.close();
  const left = [...others, 'elsewhere', running.name, basename(ours.path)];
  expect((await readdir(parent)).sort()).toEqual(left.sort());
  await ours.close();
});
