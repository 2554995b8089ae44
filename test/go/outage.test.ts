import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Stoa, startStoa, withoutFreshness } from '../fakes/stoa.ts';
import { type FakeUpstream, readModuleTexts, startUpstream, type UpstreamModule } from '../fakes/upstream.ts';
import { type GoHome, go, openGoHome } from './go.ts';

const execute = promisify(execFile);

const project = { 'go.mod': 'module example.com/project\n\ngo 1.21\n' };

/** A module with programs and packages in it; println keeps its build from needing most of the standard library. */
const deep: UpstreamModule = {
  path: 'example.com/deep/v2',
  versions: {
    'v2.0.0': {
      files: {
        'go.mod': 'module example.com/deep/v2\n\ngo 1.21\n',
        'cmd/tool/main.go':
          'package main\n\nimport "example.com/deep/v2/lib/greet"\n\nfunc main() { println(greet.Text) }\n',
        'lib/greet/greet.go':
          '// Package greet greets.\npackage greet\n\n// Text is a greeting.\nconst Text = "hello from the deep"\n',
      },
    },
  },
  queries: { main: 'v2.0.0' },
};

/** A commit behind the last release, in which a package is no more. */
const moved: UpstreamModule = {
  path: 'example.com/moved',
  versions: {
    'v1.0.0': {
      files: {
        'go.mod': 'module example.com/moved\n\ngo 1.21\n',
        'moved.go': 'package moved\n',
        'sub/sub.go': 'package sub\n',
      },
    },
    'v1.0.1-0.20240405060708-fedcba987654': {},
  },
};

const dusty: UpstreamModule = {
  path: 'example.com/dusty',
  versions: {
    'v2.0.0+incompatible': { files: { 'dusty.go': 'package dusty\n', 'sub/sub.go': 'package sub\n' } },
  },
  queries: { 'v2.0.0': 'v2.0.0+incompatible' },
};

const stored = [
  'example.com/hello@v1.0.0',
  'example.com/hello@v1.2.0',
  'example.com/deep/v2@v2.0.0',
  'example.com/deep/v2@main',
  'example.com/moved@v1.0.0',
  'example.com/moved@v1.0.1-0.20240405060708-fedcba987654',
  'example.com/dusty@v2.0.0',
];

const packages: readonly (readonly [query: string, requires: string])[] = [
  ['example.com/hello/loud@v1.0.0', 'example.com/hello v1.0.0'],
  ['example.com/hello/loud@v1.2.0', 'example.com/hello v1.2.0'],
  ['example.com/hello/loud@v1', 'example.com/hello v1.2.0'],
  ['example.com/hello/loud@latest', 'example.com/hello v1.2.0'],
  ['example.com/hello/loud', 'example.com/hello v1.2.0'],
  ['example.com/deep/v2/lib/greet@v2.0.0', 'example.com/deep/v2 v2.0.0'],
  ['example.com/deep/v2/lib/greet@main', 'example.com/deep/v2 v2.0.0'],
  ['example.com/deep/v2/lib/greet', 'example.com/deep/v2 v2.0.0'],
  ['example.com/moved/sub', 'example.com/moved v1.0.0'],
  ['example.com/dusty/sub@v2.0.0', 'example.com/dusty v2.0.0+incompatible'],
  ['example.com/dusty/sub', 'example.com/dusty v2.0.0+incompatible'],
];

/** Compiled once: no module is in it. */
let buildCache: string;

beforeAll(async () => {
  buildCache = await mkdtemp(join(tmpdir(), 'go-build-'));
});
afterAll(() => rm(buildCache, { recursive: true, force: true }));

describe.skipIf(go === undefined).each([
  { before: 'never', isProbed: false },
  { before: 'before', isProbed: true },
])('after a restart with the upstream stopped, where package paths were probed $before', ({ isProbed }) => {
  let upstream: FakeUpstream;
  let stoa: Stoa;
  let home: GoHome;

  beforeAll(async () => {
    upstream = await startUpstream({ modules: [...(await readModuleTexts()), deep, moved, dusty] });
    stoa = await startStoa({ upstream: upstream.url, env: { ...withoutFreshness, STOA_NET_RETRIES: '0' } });
    await using earlier = await openGoHome(stoa.url);
    await earlier.run(['mod', 'download', ...stored]);
    if (isProbed) {
      const cwd = await earlier.project(project);
      for (const [query] of packages) await earlier.run(['get', query], { cwd });
    } else {
      expect(upstream.count(({ module }) => /\/(loud|lib|cmd|sub)\b/.test(module))).toBe(0);
    }
    await upstream.stop();
    await stoa.stop();
    await stoa.start();
    home = await openGoHome(stoa.url);
  });
  afterAll(async () => {
    await home?.[Symbol.asyncDispose]();
    await stoa?.[Symbol.asyncDispose]();
    await upstream?.close();
  });

  test.each(packages)('go get %s requires %s', async (query, requires) => {
    const cwd = await home.project(project);
    await home.run(['get', query], { cwd });
    expect(await readFile(join(cwd, 'go.mod'), 'utf8')).toContain(requires);
  });

  test.each(['v2.0.0', 'latest', 'main'])('go install of a program @%s works', async (query) => {
    await home.run(['install', `example.com/deep/v2/cmd/tool@${query}`], { env: { GOCACHE: buildCache } });
    const { stderr } = await execute(join(home.folder, 'bin/tool'));
    expect(stderr).toBe('hello from the deep\n');
  });

  test('go mod tidy finds the modules of new imports', async () => {
    const cwd = await home.project({
      ...project,
      'main.go':
        'package main\n\nimport (\n\t_ "example.com/deep/v2/lib/greet"\n\t_ "example.com/moved/sub"\n)\n\nfunc main() {}\n',
    });
    await home.run(['mod', 'tidy'], { cwd });
    const goMod = await readFile(join(cwd, 'go.mod'), 'utf8');
    expect(goMod).toContain('example.com/deep/v2 v2.0.0');
    expect(goMod).toContain('example.com/moved v1.0.0');
  });

  test('what nobody has seen is a failure that names the source, and no absence', async () => {
    const cwd = await home.project(project);
    const complaint = await home.fail(['get', 'example.com/Mixed/Case@v1.0.0'], { cwd });
    expect(complaint).toContain('502 Bad Gateway\n\tserver response: example.com/Mixed/Case@v1.0.0: ');
    expect(complaint).toContain(new URL(upstream.url).host);
  });
});

describe.skipIf(go === undefined)('a repository that vanished upstream', () => {
  test('still lists and serves what the house holds', async () => {
    await using upstream = await startUpstream({ modules: await readModuleTexts() });
    await using stoa = await startStoa({ upstream: upstream.url, env: withoutFreshness });
    await using earlier = await openGoHome(stoa.url);
    await earlier.run(['mod', 'download', 'example.com/hello@v1.0.0', 'example.com/hello@v1.1.0']);
    upstream.remove('example.com/hello');
    await using home = await openGoHome(stoa.url);
    const list = async () => (await home.run(['list', '-m', '-versions', 'example.com/hello'])).stdout;
    expect(await list()).toBe('example.com/hello v1.0.0 v1.1.0\n');
    const cwd = await home.project(project);
    await home.run(['get', 'example.com/hello@v1.0.0'], { cwd });
    await home.run(['get', 'example.com/hello@latest'], { cwd });
    expect(await readFile(join(cwd, 'go.mod'), 'utf8')).toContain('example.com/hello v1.1.0');

    await upstream.add({ path: 'example.com/hello', versions: { 'v1.3.0': {} } });
    await expect.poll(list, { timeout: 5_000 }).toBe('example.com/hello v1.0.0 v1.1.0 v1.3.0\n');
  });
});
