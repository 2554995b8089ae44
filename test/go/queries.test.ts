import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Stoa, startStoa } from '../fakes/stoa.ts';
import { type FakeUpstream, readModuleTexts, startUpstream } from '../fakes/upstream.ts';
import { type GoHome, go, openGoHome, parseObjects } from './go.ts';

const project = { 'go.mod': 'module example.com/project\n\ngo 1.21\n' };

/** Its last release retracts itself, as is done when there is none to replace it. */
const regretted = {
  path: 'example.com/regretted',
  versions: {
    'v1.0.0': {},
    'v1.1.0': {},
    'v1.1.1': {
      mod: 'module example.com/regretted\n\ngo 1.21\n\nretract [v1.1.0, v1.1.1] // published by accident\n',
    },
  },
};

const superseded = {
  path: 'example.com/superseded',
  versions: {
    'v1.0.0': { mod: '// Deprecated: use example.com/hello\nmodule example.com/superseded\n\ngo 1.21\n' },
  },
};

const toolchain = {
  path: 'golang.org/toolchain',
  versions: { 'v0.0.1-go1.99.1.linux-amd64': {}, 'v0.0.1-go1.99rc1.linux-amd64': {} },
};

describe.skipIf(go === undefined)('queries of the go command', () => {
  let upstream: FakeUpstream;
  let stoa: Stoa;
  let home: GoHome;

  beforeAll(async () => {
    const modules = [...(await readModuleTexts()), regretted, superseded, toolchain];
    upstream = await startUpstream({ modules });
    stoa = await startStoa({ upstream: upstream.url });
    home = await openGoHome(stoa.url);
  });
  afterAll(async () => {
    await home?.[Symbol.asyncDispose]();
    await stoa?.[Symbol.asyncDispose]();
    await upstream?.close();
  });

  test.each([
    ['example.com/hello', 'v1.2.0', 'the highest release'],
    ['example.com/hello@latest', 'v1.2.0', ''],
    ['example.com/hello@v1', 'v1.2.0', 'a prefix, which go looks up in the list'],
    ['example.com/hello@v1.0', 'v1.0.0', ''],
    ['example.com/hello@<v1.2.0', 'v1.0.0', 'v1.1.0 is retracted'],
    ['example.com/hello@v1.1.0', 'v1.1.0', 'retracted, but asked for'],
    ['example.com/hello@main', 'v1.2.1-0.20240405060708-fedcba987654', 'a branch'],
    ['example.com/hello@fedcba987654', 'v1.2.1-0.20240405060708-fedcba987654', 'a commit'],
    ['example.com/hello@v1.2.1-0.20240405060708-fedcba987654', 'v1.2.1-0.20240405060708-fedcba987654', ''],
    ['example.com/hello/loud@latest', 'v1.2.0', 'a package below a module'],
    ['example.com/hello/v2@v2', 'v2.0.0', ''],
    ['example.com/Mixed/Case@Release', 'v1.0.0', 'capitals on the wire'],
    ['example.com/old@latest', 'v2.0.0+incompatible', 'v1.0.0 has no go.mod'],
    ['example.com/old@v2.0.0+incompatible', 'v2.0.0+incompatible', ''],
    ['example.com/preview@latest', 'v0.1.0-rc.1', 'there are only prereleases'],
    ['example.com/untagged@latest', 'v0.0.0-20240102030405-abcdef123456', 'an empty list'],
    [
      'example.com/untagged@abcdef1234567890abcdef1234567890abcdef12',
      'v0.0.0-20240102030405-abcdef123456',
      '',
    ],
    ['example.com/regretted@latest', 'v1.0.0', 'the last release retracts itself'],
  ])('go get %s gives %s', async (query, version) => {
    const cwd = await home.project(project);
    await home.run(['get', query], { cwd });
    const goMod = await readFile(join(cwd, 'go.mod'), 'utf8');
    expect(/^(?:require |\t)\S+ (v\S+)/m.exec(goMod)?.[1]).toBe(version);
  });

  test('go list -m -versions leaves out what is retracted, and shows it when asked to', async () => {
    const versions = async (...args: string[]) =>
      (await home.run(['list', '-m', ...args, '-versions', 'example.com/hello'])).stdout;
    expect(await versions()).toBe('example.com/hello v1.0.0 v1.2.0\n');
    expect(await versions('-retracted')).toBe('example.com/hello v1.0.0 v1.1.0 v1.2.0\n');
  });

  test('go list -m knows why a version is retracted', async () => {
    const { stdout } = await home.run(['list', '-m', '-retracted', '-json', 'example.com/regretted@v1.1.1']);
    expect(parseObjects(stdout)).toMatchObject([{ Version: 'v1.1.1', Retracted: ['published by accident'] }]);
  });

  test('go get warns of a retracted version and of a deprecated module', async () => {
    const cwd = await home.project(project);
    const { stderr } = await home.run(['get', 'example.com/hello@v1.1.0', 'example.com/superseded'], { cwd });
    expect(stderr).toContain(
      'go: warning: example.com/hello@v1.1.0: retracted by module author: says goodbye\n',
    );
    expect(stderr).toContain('go: module example.com/superseded is deprecated: use example.com/hello\n');
  });

  test('go list -m -u offers the update that is there, and none that is retracted', async () => {
    const cwd = await home.project(project);
    await home.run(['get', 'example.com/hello@v1.0.0', 'example.com/regretted@v1.0.0'], { cwd });
    const { stdout } = await home.run(['list', '-m', '-u', 'all'], { cwd });
    expect(stdout).toBe(
      'example.com/project\nexample.com/hello v1.0.0 [v1.2.0]\nexample.com/regretted v1.0.0\n',
    );
  });

  test('go list -m -versions go names the toolchains', async () => {
    const { stdout } = await home.run(['list', '-m', '-versions', 'go']);
    expect(stdout).toMatch(/^go .*\b1\.99rc1 1\.99\.1\n$/);
  });

  test('a query on a wrong major version finds nothing, as at any proxy', async () => {
    const cwd = await home.project(project);
    expect(await home.fail(['get', 'example.com/hello@v2'], { cwd })).toContain(
      'no matching versions for query "v2"',
    );
  });
});
