import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type FakeUpstream, readModuleTexts, startUpstream } from './upstream.ts';

const run = promisify(execFile);

// Every other test believes this fake, so the real go command judges it first.
describe('the fake upstream', () => {
  let upstream: FakeUpstream;
  let folder: string;

  beforeEach(async () => {
    upstream = await startUpstream({ modules: await readModuleTexts() });
    folder = await mkdtemp(join(tmpdir(), 'stoa-fake-'));
  });
  afterEach(async () => {
    await upstream.close();
    await rm(folder, { recursive: true, force: true });
  });

  async function go(...args: string[]): Promise<string> {
    const { stdout } = await run('go', args, {
      cwd: folder,
      env: {
        ...process.env,
        GOPROXY: upstream.url,
        GOMODCACHE: join(folder, 'cache'),
        GOFLAGS: '-modcacherw',
        GONOSUMDB: '*',
        GONOPROXY: 'none',
        GOTOOLCHAIN: 'local',
        GOWORK: 'off',
      },
    });
    return stdout;
  }

  test('serves every fixture to the go command, with the hashes it says', async () => {
    const versions = [
      ['example.com/hello', 'v1.0.0'],
      ['example.com/hello', 'v1.2.1-0.20240405060708-fedcba987654'],
      ['example.com/hello/v2', 'v2.0.0'],
      ['example.com/Mixed/Case', 'v1.0.0'],
      ['example.com/old', 'v2.0.0+incompatible'],
      ['example.com/tools/nested', 'v0.3.0'],
    ] as const;
    const text = await go(
      'mod',
      'download',
      '-json',
      ...versions.map(([path, version]) => `${path}@${version}`),
    );
    const told = (
      JSON.parse(`[${text.replaceAll('}\n{', '},{')}]`) as {
        Path: string;
        Version: string;
        Sum: string;
        GoModSum: string;
      }[]
    ).map(({ Path, Version, Sum, GoModSum }) => ({ Path, Version, Sum, GoModSum }));
    const expected = versions.map(([path, version]) => {
      const fixture = upstream.fixture(path, version);
      return { Path: path, Version: version, Sum: fixture.h1, GoModSum: fixture.modH1 };
    });
    expect(told).toEqual(expected);
  });

  test('answers lists, latest and branches as the go command asks for them', async () => {
    expect(await go('list', '-m', '-versions', 'example.com/hello')).toBe(
      'example.com/hello v1.0.0 v1.2.0\n',
    );
    expect(await go('list', '-m', 'example.com/untagged@latest')).toContain(
      'v0.0.0-20240102030405-abcdef123456',
    );
    expect(await go('list', '-m', 'example.com/hello@main')).toContain(
      'v1.2.1-0.20240405060708-fedcba987654',
    );
    expect(await go('list', '-m', 'example.com/Mixed/Case@Release')).toContain('v1.0.0');
    expect(upstream.count('/example.com/%21mixed/%21case/@v/%21release.info')).toBe(1);
  });

  test('says why something is not there', async () => {
    await expect(go('list', '-m', 'example.com/hello@v9.9.9')).rejects.toThrow(
      /404 Not Found\s+server response: not found: example.com\/hello@v9.9.9: invalid version: unknown revision v9.9.9/,
    );
  });

  test('refuses connections while it is stopped, and is itself again after a restart', async () => {
    await upstream.stop();
    await expect(go('list', '-m', 'example.com/hello@v1.0.0')).rejects.toThrow(/connection refused/);
    await upstream.restart();
    expect(await go('list', '-m', 'example.com/hello@v1.0.0')).toBe('example.com/hello v1.0.0\n');
  });

  test('cuts, resets and hangs where a fault says so', async () => {
    const path = '/example.com/hello/@v/v1.0.0.mod';
    const body = upstream.fixture('example.com/hello', 'v1.0.0').mod.toString();
    upstream.fault(path, { do: 'reset' }, 1);
    await expect(fetch(upstream.url + path)).rejects.toThrow('fetch failed');
    const cut = upstream.fault(path, { do: 'truncate', bytes: 5, declare: 'full' });
    await expect((await fetch(upstream.url + path)).text()).rejects.toThrow('terminated');
    expect(await (await upstream.request(path, 2)).over).toBe('cut');
    cut();
    upstream.fault(path, { do: 'truncate', bytes: 5, declare: 'chunked' }, 1);
    expect(await (await fetch(upstream.url + path)).text()).toBe(body.slice(0, 5));

    const gate = Promise.withResolvers<void>();
    upstream.fault({ kind: 'mod' }, { do: 'hang', until: gate.promise, afterBytes: 3 }, 1);
    const reply = await fetch(upstream.url + path);
    const reader = reply.body!.getReader();
    expect(Buffer.from((await reader.read()).value!).toString()).toBe(body.slice(0, 3));
    gate.resolve();
    expect(Buffer.from((await reader.read()).value!).toString()).toBe(body.slice(3));
    expect(await (await fetch(upstream.url + path)).text()).toBe(body);
  });
});
