import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type Stoa, startStoa } from '../fakes/stoa.ts';
import { type FakeUpstream, type Fault, readModuleTexts, startUpstream } from '../fakes/upstream.ts';
import { requireTool } from '../setup/require.ts';
import { type GoHome, go, openGoHome } from './go.ts';

const execute = promisify(execFile);

describe.skipIf(go === undefined)('a GOPROXY list with Stoa at its head', () => {
  let upstream: FakeUpstream;
  let next: FakeUpstream;
  let stoa: Stoa;
  let home: GoHome;

  beforeAll(async () => {
    upstream = await startUpstream({ modules: await readModuleTexts() });
    next = await startUpstream();
    stoa = await startStoa({ upstream: upstream.url, env: { STOA_NET_RETRIES: '0' } });
    home = await openGoHome(`${stoa.url},${next.url}`);
  });
  afterAll(async () => {
    await home?.[Symbol.asyncDispose]();
    await stoa?.[Symbol.asyncDispose]();
    await next?.close();
    await upstream?.close();
  });

  let module: string;
  let count = 0;
  // Only the next proxy has this one.
  beforeEach(async () => {
    module = `example.com/elsewhere${++count}`;
    await next.add({ path: module, versions: { 'v1.0.0': {} } });
  });

  test('goes on to the next entry where the module is unknown', async () => {
    await home.run(['mod', 'download', `${module}@v1.0.0`]);
    expect(next.count({ module })).toBe(3);
    const { stdout } = await home.run(['list', '-m', '-versions', module]);
    expect(stdout).toBe(`${module} v1.0.0\n`);
  });

  test('goes on to the next entry where the version is unknown', async () => {
    await upstream.add({ path: module, versions: { 'v0.9.0': {} } });
    await home.run(['mod', 'download', `${module}@v1.0.0`]);
    expect(next.count({ module })).toBe(3);
  });

  test.each<[what: string, fault: Fault, complaint: RegExp]>([
    [
      'answers 500',
      { do: 'answer', status: 500, body: 'out of cheese' },
      /502 .*\n\t.* answered 500.*: out of cheese\n/,
    ],
    [
      'forbids',
      { do: 'answer', status: 403, body: 'not for you' },
      /502 .*\n\t.* answered 403 Forbidden: not for you\n/,
    ],
    ['breaks off', { do: 'reset' }, /502 Bad Gateway\n\tserver response: \S+: .+\n/],
    [
      'sends a page',
      { do: 'answer', body: '<html>log in', type: 'text/html' },
      /502 .*\n\t.* not JSON.*<html>log in/,
    ],
  ])('stops where the upstream %s', async (_, fault, complaint) => {
    const heal = upstream.fault({ module }, fault);
    expect(await home.fail(['mod', 'download', `${module}@v1.0.0`])).toMatch(complaint);
    heal();
    expect(next.count({ module })).toBe(0);
  });

  test('stops where the upstream refuses connections', async () => {
    await upstream.stop();
    const complaint = await home.fail(['mod', 'download', `${module}@v1.0.0`]);
    await upstream.restart();
    expect(complaint).toContain(
      `502 Bad Gateway\n\tserver response: ${module}@v1.0.0: ${new URL(upstream.url).host}: connection refused\n`,
    );
    expect(next.count({ module })).toBe(0);
  });

  test('stops where the zip that came is a lie, and says what was wrong with it', async () => {
    await upstream.add({ path: module, versions: { 'v1.0.0': {} } });
    const other = upstream.fixture('example.com/hello', 'v1.0.0');
    upstream.fault({ module, kind: 'zip' }, { do: 'answer', body: other.zip, type: 'application/zip' });
    const download = ['mod', 'download', `${module}@v1.0.0`];
    await home.fail(download);
    // The first answer may have been cut in its middle; the verdict is the next one's text.
    expect(await home.fail(download)).toMatch(
      /502 Bad Gateway\n\tserver response: \S+@v1\.0\.0: .*example\.com\/hello@v1\.0\.0/,
    );
    expect(next.count({ module })).toBe(0);
  });

  test.each([
    ['a module', 'example.com/none@latest', 'example.com/none: no such module'],
    [
      'a version',
      'example.com/hello@v9.9.9',
      'example.com/hello@v9.9.9: invalid version: unknown revision v9.9.9',
    ],
    ['a branch', 'example.com/hello@nope', 'example.com/hello@nope: invalid version: unknown revision nope'],
  ])('says in one line why %s is not there', async (_, query, reason) => {
    const complaint = await home.fail(['list', '-m', query], { env: { GOPROXY: stoa.url } });
    expect(complaint).toContain(`404 Not Found\n\tserver response: not found: ${reason}\n`);
  });
});

const git = requireTool('git');

describe.skipIf(go === undefined || git === undefined)('GOPROXY=stoa,direct', () => {
  const module = 'code.example.com/greet.git';
  let folder: string;
  let env: Record<string, string>;
  let upstream: FakeUpstream;
  let stoa: Stoa;
  let home: GoHome;

  // Git is led from `https://code.example.com/` to a folder: nothing leaves this machine.
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'go-direct-'));
    env = { GIT_CONFIG_GLOBAL: join(folder, 'gitconfig'), GIT_ALLOW_PROTOCOL: 'https:file' };
    const repository = join(folder, 'greet');
    await mkdir(repository);
    await writeFile(
      join(folder, 'gitconfig'),
      `[url "file://${folder}/"]\n\tinsteadOf = https://code.example.com/\n[user]\n\tname = A\n\temail = a@example.com\n`,
    );
    await writeFile(join(repository, 'go.mod'), `module ${module}\n\ngo 1.21\n`);
    await writeFile(join(repository, 'greet.go'), 'package greet\n');
    for (const args of ['init -q', 'add .', 'commit -q -m Greet', 'tag v1.0.0']) {
      const { PATH } = process.env;
      await execute(git!, args.split(' '), { cwd: repository, env: { PATH, HOME: folder, ...env } });
    }

    upstream = await startUpstream();
    stoa = await startStoa({ upstream: upstream.url, env: { STOA_NET_RETRIES: '0' } });
    home = await openGoHome(`${stoa.url},direct`);
  });
  afterAll(async () => {
    await home?.[Symbol.asyncDispose]();
    await stoa?.[Symbol.asyncDispose]();
    await upstream?.close();
    if (folder !== undefined) await rm(folder, { recursive: true, force: true });
  });

  test('stops where the upstream fails', async () => {
    await upstream.stop();
    const complaint = await home.fail(['mod', 'download', `${module}@v1.0.0`], { env });
    await upstream.restart();
    expect(complaint).toContain('502 Bad Gateway');
  });

  test('goes to the repository where the upstream does not know the module', async () => {
    const { stdout } = await home.run(['mod', 'download', '-json', `${module}@v1.0.0`], { env });
    expect(JSON.parse(stdout)).toMatchObject({ Origin: { VCS: 'git', Ref: 'refs/tags/v1.0.0' } });
    expect(upstream.count({ module })).toBeGreaterThan(0);
  });
});
