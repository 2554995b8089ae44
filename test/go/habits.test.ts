import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Stoa, startStoa } from '../fakes/stoa.ts';
import { type FakeUpstream, startUpstream } from '../fakes/upstream.ts';
import { type GoHome, go, openGoHome } from './go.ts';

const refusal = { do: 'answer', status: 403, body: 'This module version is not available.' } as const;
const versions = { 'v1.0.0': {}, 'v1.1.0': {} };

// Upstreams that keep to no more of the protocol than the public clients of their makers need.
describe.skipIf(go === undefined)('the go command behind an upstream with habits', () => {
  let upstream: FakeUpstream;
  let stoa: Stoa;
  let home: GoHome;

  beforeAll(async () => {
    upstream = await startUpstream();
    stoa = await startStoa({ upstream: upstream.url });
    home = await openGoHome(stoa.url);
  });
  afterAll(async () => {
    await home?.[Symbol.asyncDispose]();
    await stoa?.[Symbol.asyncDispose]();
    await upstream?.close();
  });

  /** The version that `go get` of the query requires. */
  async function get(query: string): Promise<string | undefined> {
    const cwd = await home.project({ 'go.mod': 'module example.com/project\n\ngo 1.21\n' });
    await home.run(['get', query], { cwd });
    return /^require \S+ (\S+)/m.exec(await readFile(join(cwd, 'go.mod'), 'utf8'))?.[1];
  }

  test('gets versions and latest where lists are forbidden', async () => {
    const path = 'example.com/unlisted';
    await upstream.add({ path, versions });
    upstream.fault({ module: path, kind: 'list' }, refusal);
    expect(await get(`${path}@v1.0.0`)).toBe('v1.0.0');
    expect(await get(`${path}@latest`)).toBe('v1.1.0');
  });

  test('gets what is stored where lists and latest are refused', async () => {
    const path = 'example.com/secretive';
    await upstream.add({ path, versions, latest: null });
    upstream.fault({ module: path, kind: 'list' }, refusal);
    await home.run(['mod', 'download', `${path}@v1.0.0`]);
    expect(await get(`${path}@latest`)).toBe('v1.0.0');
  });

  test('gets latest from the list where it has no answer of its own', async () => {
    const path = 'example.com/listed';
    await upstream.add({ path, versions, latest: null });
    expect(await get(path)).toBe('v1.1.0');
  });

  test('says that a branch was refused, and does not take it for absent', async () => {
    const path = 'example.com/branchless';
    await upstream.add({ path, versions });
    upstream.fault({ module: path, kind: 'query' }, refusal);
    expect(await home.fail(['list', '-m', `${path}@main`])).toContain(
      `502 Bad Gateway\n\tserver response: ${path}@main: ${upstream.url} answered 403 Forbidden: This module version is not available.\n`,
    );
  });

  test('gets an info without time and origin, and one with more than go knows', async () => {
    const path = 'example.com/terse';
    const info = '{"Version":"v1.1.0","Time":"2024-01-02T03:04:05Z","Name":"x","Short":"y","More":{}}';
    await upstream.add({
      path,
      versions: { 'v1.0.0': { info: '{"Version":"v1.0.0"}' }, 'v1.1.0': { info } },
    });
    expect(await get(`${path}@v1.0.0`)).toBe('v1.0.0');
    expect(await get(`${path}@latest`)).toBe('v1.1.0');
  });

  test('gets the right latest from a list with lines that are no versions of the module', async () => {
    const path = 'example.com/sloppy';
    const list =
      'v1.1.0\nv2.0.0\nv1.9.0+meta\nv1.2.1-0.20240405060708-fedcba987654\nnonsense\nv1.0.0 2024-01-02T03:04:05Z\n';
    await upstream.add({ path, versions, list });
    expect((await home.run(['list', '-m', '-versions', path])).stdout).toBe(`${path} v1.0.0 v1.1.0\n`);
    expect(await get(path)).toBe('v1.1.0');
  });
});
