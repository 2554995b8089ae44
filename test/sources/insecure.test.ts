import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type GitRepos, git, openGitRepos } from '../fakes/git-repos.ts';
import { type GitServer, startGitServer } from '../fakes/git-server.ts';
import { type Pages, startPages } from '../fakes/pages.ts';
import { startStoa } from '../fakes/stoa.ts';
import { go, openGoHome, parseObjects } from '../go/go.ts';

const lax = 'lax.example.com/m';
const strict = 'strict.example.com/m';

describe.skipIf(go === undefined || git === undefined)('a module that GOINSECURE names', () => {
  let repos: GitRepos;
  let server: GitServer;
  let pages: Pages;

  beforeAll(async () => {
    repos = await openGitRepos();
    const files = { 'go.mod': `module ${lax}\n`, 'm.go': 'package m\n' };
    await repos.create('m', [{ commit: 'one', files, tags: ['v1.0.0'] }]);
    server = await startGitServer({ folder: repos.folder });
    const entry = (path: string) => [path, `${path} git ${server.url}/m`] as const;
    pages = await startPages({ pages: Object.fromEntries([entry(lax), entry(strict)]), plainHttp: true });
  });
  afterAll(async () => {
    await pages?.[Symbol.asyncDispose]();
    await server?.close();
    await repos?.[Symbol.asyncDispose]();
  });

  test.each<[where: string, env: Record<string, string>]>([
    ['a variable for the go command', { GOINSECURE: 'lax.example.com' }],
    [
      "Athens' environment for it",
      { ATHENS_GO_BINARY_ENV_VARS: 'GOINSECURE=lax.example.com;GOPROXY=direct' },
    ],
  ])('in %s has the files that the go command makes of it', async (_, env) => {
    const stoa = await startStoa({
      upstream: 'direct',
      env: {
        STOA_NET_HTTP_PROXY: pages.url,
        STOA_NET_HTTPS_PROXY: pages.url,
        STOA_NET_NO_PROXY: '127.0.0.1',
        STOA_NET_PRIVATE_HOSTS: server.host,
        ...env,
      },
    });
    await using _stoa = stoa;
    await using itself = await openGoHome('direct');
    await using through = await openGoHome(stoa.url);
    const download = ['mod', 'download', '-json', `${lax}@v1.0.0`];
    const goEnv = {
      GOINSECURE: 'lax.example.com',
      HTTP_PROXY: pages.url,
      HTTPS_PROXY: pages.url,
      NO_PROXY: '127.0.0.1',
    };
    const [theirs] = parseObjects<{ Sum: string; Origin: object }>(
      (await itself.run(download, { env: goEnv })).stdout,
    );
    const [ours] = parseObjects<{ Sum: string; Origin: object }>((await through.run(download)).stdout);
    expect(ours).toMatchObject({ Sum: theirs!.Sum, Origin: theirs!.Origin });
    // Nothing of it holds for another module.
    expect(await through.fail(['mod', 'download', `${strict}@v1.0.0`])).toContain('502 Bad Gateway');
  });
});
