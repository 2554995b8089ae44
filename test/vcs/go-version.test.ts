import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { goVersion } from '../../src/vcs/go-version.ts';
import { createRun, type Run } from '../../src/vcs/run.ts';
import { limits } from './bed.ts';

describe('the version of the go command', () => {
  let folder: string;
  let run: Run;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'stoa-go-'));
    run = createRun(limits);
  });
  afterAll(async () => {
    await run.close();
    await rm(folder, { recursive: true });
  });

  async function versionOf(said: string): Promise<string> {
    const go = join(folder, 'go');
    await writeFile(go, `#!/bin/sh\necho '${said}'\n`, { mode: 0o755 });
    return goVersion(run, go, '/bin', new AbortController().signal);
  }

  test.each([
    ['go version go1.25.6 linux/amd64', '1.25.6'],
    ['go version go1.26 linux/amd64', '1.26'],
    ['go version go1.27rc1 darwin/arm64', '1.27rc1'],
    ['go version devel go1.27-abcdef0 Sat Jan 1 00:00:00 2026 +0000 linux/amd64', '1.27-abcdef0'],
    ['go version go2.0.0 linux/amd64', '2.0.0'],
  ])('is read: %s', async (said, version) => {
    expect(await versionOf(said)).toBe(version);
  });

  test.each([
    [
      'go version go1.25.5 linux/amd64',
      /^vcs\.go: go 1\.25\.6 or later is needed, and \S+\/go is go 1\.25\.5$/,
    ],
    ['go version go1.24.13 linux/amd64', /is go 1\.24\.13$/],
    ['go version go1.25rc1 linux/amd64', /is go 1\.25rc1$/],
    ['tinygo version 0.1', /does not tell its version$/],
  ])('is too old, or none: %s', async (said, message) => {
    await expect(versionOf(said)).rejects.toMatchObject({
      kind: 'config',
      message: expect.stringMatching(message),
    });
  });
});
