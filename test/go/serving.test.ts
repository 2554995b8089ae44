import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Stoa, startStoa } from '../fakes/stoa.ts';
import { type FakeUpstream, readModuleTexts, startUpstream, type UpstreamModule } from '../fakes/upstream.ts';
import { type GoHome, go, openGoHome, parseObjects, runGo } from './go.ts';

/** A zip that does not fit into one write, one window of HTTP/2 or the memory tier. */
const large: UpstreamModule = {
  path: 'example.com/large',
  versions: Object.fromEntries(
    ['v1.0.0', 'v1.1.0'].map((version) => [
      version,
      { files: { 'go.mod': 'module example.com/large\n', 'data.bin': randomBytes(5_000_000) } },
    ]),
  ),
};

const downloads = [
  ['example.com/hello', 'v1.0.0'],
  ['example.com/hello', 'v1.1.0'],
  ['example.com/hello', 'v1.2.0'],
  ['example.com/hello', 'v1.2.1-0.20240405060708-fedcba987654'],
  ['example.com/hello/v2', 'v2.0.0'],
  ['example.com/Mixed/Case', 'v1.0.0'],
  ['example.com/old', 'v2.0.0+incompatible'],
  ['example.com/large', 'v1.0.0'],
] as const;

const tls = (name: string) => fileURLToPath(new URL(`../testdata/tls/${name}`, import.meta.url));

describe.skipIf(go === undefined).each<{
  how: string;
  env: Record<string, string>;
  goEnv: Record<string, string>;
  url: RegExp;
}>([
  { how: 'plain HTTP', env: {}, goEnv: {}, url: /^http:\/\/127\.0\.0\.1:\d+$/ },
  {
    how: 'HTTP below a path',
    env: { STOA_HTTP_PATH_PREFIX: '/go' },
    goEnv: {},
    url: /^http:\/\/127\.0\.0\.1:\d+\/go$/,
  },
  {
    how: 'HTTP/2 over TLS',
    env: { STOA_TLS_CERT_FILE: tls('server.pem'), STOA_TLS_KEY_FILE: tls('server.key') },
    goEnv: { SSL_CERT_FILE: tls('ca.pem'), GODEBUG: 'http2debug=1' },
    url: /^https:\/\/127\.0\.0\.1:\d+$/,
  },
])('the go command over $how', ({ env, goEnv, url }) => {
  let upstream: FakeUpstream;
  let stoa: Stoa;
  let home: GoHome;

  beforeAll(async () => {
    upstream = await startUpstream({ modules: [...(await readModuleTexts()), large] });
    stoa = await startStoa({ upstream: upstream.url, env });
    home = await openGoHome(stoa.url);
  });
  afterAll(async () => {
    await home?.[Symbol.asyncDispose]();
    await stoa?.[Symbol.asyncDispose]();
    await upstream?.close();
  });

  test('downloads every kind of version, cold and warm', async () => {
    expect(stoa.url).toMatch(url);
    const first = await download(home, upstream, goEnv);
    await using other = await openGoHome(stoa.url);
    await download(other, upstream, goEnv);
    expect(upstream.count({ kind: 'zip' })).toBe(downloads.length);
    const isHttp2 = /http2: Transport received DATA/.test(first);
    expect(isHttp2).toBe(stoa.url.startsWith('https:'));
  });

  test('lists versions and reads why one is not there', async () => {
    const { stdout } = await home.run(['list', '-m', '-versions', 'example.com/hello'], { env: goEnv });
    expect(stdout).toBe('example.com/hello v1.0.0 v1.2.0\n');
    const complaint = await home.fail(['list', '-m', 'example.com/hello@v7'], { env: goEnv });
    expect(complaint).toContain('no matching versions for query "v7"');
    expect(await home.fail(['list', '-m', 'example.com/none@v1.0.0'], { env: goEnv })).toContain(
      'server response: not found: example.com/none@v1.0.0: ',
    );
  });

  test('never takes a zip for whole that the upstream cut, and reads why it was refused', async () => {
    const heal = upstream.fault(
      { module: 'example.com/large', version: 'v1.1.0', kind: 'zip' },
      { do: 'truncate', bytes: 4_000_000, declare: 'sent' },
    );
    const args = ['mod', 'download', 'example.com/large@v1.1.0'];
    await home.fail(args, { env: goEnv });
    expect(await home.fail(args, { env: goEnv })).toMatch(
      /502 Bad Gateway\n\tserver response: example\.com\/large@v1\.1\.0: /,
    );
    heal();
  });
});

// The tests go on from each other: what the server has stored is a proxy when it is gone.
describe.skipIf(go === undefined)('a server with modules in its disk store', () => {
  let upstream: FakeUpstream;
  let stoa: Stoa;
  let proxy: string;

  // What a toolchain is asked for by: nothing but its zip.
  const toolchain = (platform: string): UpstreamModule => ({
    path: 'golang.org/toolchain',
    versions: {
      [`v0.0.1-go1.99.1.${platform}`]: {
        files: {
          'bin/go': '#!/bin/sh\necho "a fake go1.99.1: $*"\n',
          // The go command makes what it finds in these places executable.
          'bin/gofmt': '',
          'pkg/tool/compile': '',
          'lib/time/zoneinfo.zip': '',
        },
      },
    },
  });

  beforeAll(async () => {
    upstream = await startUpstream({ modules: [...(await readModuleTexts()), large] });
    stoa = await startStoa({ upstream: upstream.url });
    await using home = await openGoHome(stoa.url);
    await download(home, upstream);
  });
  afterAll(async () => {
    await stoa?.[Symbol.asyncDispose]();
    await upstream?.close();
  });

  test.each([
    ['example.com/hello', 'v1.0.0', 'is stored'],
    ['example.com/untagged', 'v0.0.0-20240102030405-abcdef123456', 'was never asked for'],
  ])('has the length of %s@%s for a HEAD, which %s', async (path, version) => {
    const reply = await fetch(`${stoa.url}/${path}/@v/${version}.zip`, { method: 'HEAD' });
    expect(reply.status).toBe(200);
    expect(reply.headers.get('content-length')).toBe(String(upstream.fixture(path, version).zip.length));
  });

  test('serves a toolchain, of which the upstream has the zip alone', async () => {
    const { stdout } = await runGo(['env', 'GOHOSTOS', 'GOHOSTARCH'], {
      cwd: stoa.data,
      env: { HOME: stoa.data, PATH: process.env.PATH },
    });
    const platform = stdout.trim().split('\n').join('-');
    await upstream.add(toolchain(platform));
    upstream.fault(/^\/golang\.org\/toolchain\/.*\.(info|mod)$/, { do: 'answer', status: 404 });
    const version = `v0.0.1-go1.99.1.${platform}`;
    const { zip } = upstream.fixture('golang.org/toolchain', version);
    const url = `${stoa.url}/golang.org/toolchain/@v/${version}.zip`;
    for (let i = 0; i < 2; i++)
      expect(Buffer.from(await (await fetch(url)).arrayBuffer()).equals(zip)).toBe(true);
    const head = await fetch(url, { method: 'HEAD' });
    expect(head.headers.get('content-length')).toBe(String(zip.length));
  });

  test('leaves a folder that is itself a GOPROXY', async () => {
    await stoa.stop();
    await upstream.stop();
    proxy = pathToFileURL(join(stoa.data, 'store')).href;
    await using home = await openGoHome(proxy);
    await download(home, upstream);
    const { stdout } = await home.run([
      'list',
      '-m',
      '-versions',
      'example.com/hello',
      'example.com/Mixed/Case',
    ]);
    expect(stdout).toBe('example.com/hello v1.0.0 v1.2.0\nexample.com/Mixed/Case v1.0.0\n');
    const cwd = await home.project({ 'go.mod': 'module example.com/project\n\ngo 1.21\n' });
    await home.run(['get', 'example.com/hello/loud', 'example.com/old@latest'], { cwd });
  });

  test('leaves the toolchain there that go switches to', async () => {
    await using home = await openGoHome(proxy);
    const { stdout } = await home.run(['version'], { env: { GOTOOLCHAIN: 'go1.99.1' } });
    expect(stdout).toBe('a fake go1.99.1: version\n');
  });
});

/** Downloads all and compares what go says of each; gives what go said besides. */
async function download(
  home: GoHome,
  upstream: FakeUpstream,
  env: Record<string, string> = {},
): Promise<string> {
  const names = downloads.map(([path, version]) => `${path}@${version}`);
  const { stdout, stderr } = await home.run(['mod', 'download', '-json', ...names], { env });
  const told = parseObjects<{ Path: string; Version: string; Sum: string; GoModSum: string }>(stdout);
  expect(told.map(({ Path, Version, Sum, GoModSum }) => [Path, Version, Sum, GoModSum])).toEqual(
    downloads.map(([path, version]) => {
      const { h1, modH1 } = upstream.fixture(path, version);
      return [path, version, h1, modH1];
    }),
  );
  return stderr;
}
