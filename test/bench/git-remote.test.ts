import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createRepository, type GitShape, gitEnv } from '../../bench/git-data.ts';
import { goDirectEnv, mirrorSetting } from '../../bench/mirror.ts';
import { createProcesses } from '../../bench/processes.ts';
import { parseRewrites } from '../../src/fetch/rewrite.ts';
import { git } from '../fakes/git-repos.ts';

const processes = createProcesses();
const latency = 30;

/** Two versions, three commits apart, of which each writes two of five files anew. */
const shape: GitShape = {
  files: 5,
  fileBytes: 3000,
  versions: ['v1.0.0', 'v1.1.0'],
  commits: 3,
  changed: 2,
};

function run(args: readonly string[], cwd: string): Promise<string> {
  return processes.run(git!, args, { env: gitEnv, cwd });
}

describe.skipIf(git === undefined)('the repositories of the benchmark', () => {
  let folder: string;
  let url: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'stoa-bench-git-'));
    await createRepository(processes, join(folder, 'small'), shape);
    const { told: port } = await processes.fork<number>('git-remote.ts', [folder, String(latency)]);
    url = `http://127.0.0.1:${port}`;
  });
  afterAll(async () => {
    await processes.stopAll();
    await rm(folder, { recursive: true, force: true });
  });
  const counts = async () => (await fetch(`${url}/__counts`)).json();

  test('have a history between their versions, all files in each, and a go.mod', async () => {
    const small = join(folder, 'small');
    expect(await run(['rev-list', '--count', 'v1.0.0'], small)).toBe('1\n');
    expect(await run(['rev-list', '--count', 'v1.1.0'], small)).toBe('4\n');
    const files = await run(['ls-tree', '-r', '--format=%(objectsize) %(path)', 'v1.1.0'], small);
    expect(files.match(/^3000 data\/\w+\/f\d+\.txt$/gm)).toHaveLength(5);
    expect(await run(['show', 'v1.1.0:go.mod'], small)).toMatch(/^module \S+\n/);
    const changed = await run(['diff', '--name-only', 'v1.0.0', 'v1.1.0'], small);
    expect(changed.trim().split('\n')).toHaveLength(5);
  });

  test('are the same on every run', async () => {
    await createRepository(processes, join(folder, 'again'), shape);
    const [one, other] = await Promise.all(
      ['small', 'again'].map((name) => run(['rev-parse', 'v1.1.0'], join(folder, name))),
    );
    expect(one).toBe(other);
  });

  test('are served under any number of names, and what was asked of them is counted since the last time', async () => {
    await counts();
    const start = performance.now();
    const listed = await run(['ls-remote', `${url}/bench/small-first-1`], folder);
    // Protocol 2 takes two round trips; Node's timers may fire a millisecond early.
    expect(performance.now() - start).toBeGreaterThan(2 * (latency - 1));
    expect(listed).toContain('refs/tags/v1.1.0');
    const bytes = expect.any(Number);
    expect(await counts()).toEqual({ trips: 2, lsRemotes: 1, fetches: 0, bytes });
    expect(await counts()).toEqual({ trips: 0, lsRemotes: 0, fetches: 0, bytes: 0 });

    const clone = join(folder, 'clone');
    await run(
      ['clone', '-q', '--depth=1', '--filter=blob:none', '--bare', `${url}/bench/small`, clone],
      folder,
    );
    expect(await counts()).toMatchObject({ trips: 3, lsRemotes: 1, fetches: 1 });
    expect(await run(['rev-list', '--count', 'HEAD'], clone)).toBe('1\n');
  });

  test('are not there under another name', async () => {
    await expect(run(['ls-remote', `${url}/bench/other`], folder)).rejects.toThrow(/not found/);
    expect((await fetch(`${url}/bench/..%2fsmall/info/refs?service=git-upload-pack`)).status).toBe(404);
  });

  test('are found by Stoa and by git alike', async () => {
    const mirrors = [
      { from: 'https://github.com/bench/', to: `${url}/bench/` },
      { from: 'https://github.com/local/', to: `file://${folder}/` },
    ];
    expect(parseRewrites(mirrorSetting(mirrors))).toEqual(mirrors);
    const env = goDirectEnv(folder, mirrors);
    expect(await readFile(env.GIT_CONFIG_GLOBAL!, 'utf8')).toContain(`[url "${url}/bench/"]`);
    for (const name of ['bench/small', 'local/small']) {
      const listed = await processes.run(git!, ['ls-remote', `https://github.com/${name}`], {
        env: { PATH: gitEnv.PATH!, ...env },
        cwd: folder,
      });
      expect(listed).toContain('refs/tags/v1.0.0');
    }
  });
});
