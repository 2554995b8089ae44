// The go command reads the same hg, svn and fossil repositories, and every answer is held against its own.
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { isStoaError } from '../../src/errors.ts';
import type { GoVcs } from '../../src/vcs/go-remote.ts';
import { type OtherCommit, type OtherRepo, openOtherRepo, tools } from '../fakes/other-repos.ts';
import { type OtherServer, serveOther } from '../fakes/other-server.ts';
import type { Asked } from '../fetch/direct-bed.ts';
import { type OtherBed, openOtherBed } from '../fetch/other-bed.ts';
import { hashZip } from '../module/read-zip.ts';
import { go, parseObjects, runGo } from './go.ts';
import type { Verdict } from './judge.ts';

const m = 'example.com/hello';

const commits: readonly OtherCommit[] = [
  {
    files: { 'go.mod': `module ${m}\n\ngo 1.21\n`, 'hello.go': 'package hello\n', LICENSE: 'MIT\n' },
    tag: 'v1.0.0',
  },
  { files: { 'hello.go': 'package hello\n\nconst A = 1\n', 'ä ö.txt': 'ü\n' }, tag: 'v1.1.0' },
  { files: { 'sub/go.mod': `module ${m}/sub\n`, 'sub/sub.go': 'package sub\n' }, tag: 'sub/v0.1.0' },
  { files: { 'go.mod': `module ${m}\n\ngo 1.21\n\nretract v1.1.0\n` }, tag: 'v1.2.0' },
  { files: { 'hello.go': 'package hello\n\nconst B = 1\n' } },
  { files: { 'dev.go': 'package hello\n' }, branch: 'dev' },
];

/** The go command itself, which is told by a page where the repository is. */
async function openJudge(vcs: GoVcs, url: string) {
  const home = await mkdtemp(join(tmpdir(), 'go-other-'));
  const pages = createServer((_, response) =>
    response.end(`<meta name="go-import" content="${m} ${vcs} ${url}">`),
  );
  pages.on('connect', (_, socket) => socket.destroy());
  pages.listen(0, '127.0.0.1');
  await once(pages, 'listening');
  const proxy = `http://127.0.0.1:${(pages.address() as AddressInfo).port}`;
  await mkdir(join(home, '.config/go/telemetry'), { recursive: true });
  await writeFile(join(home, '.config/go/telemetry/mode'), 'off');
  const env = {
    PATH: process.env.PATH,
    HOME: home,
    USER: 'gopher',
    LC_ALL: 'C.UTF-8',
    GOENV: 'off',
    GOPATH: home,
    GOCACHE: join(home, 'cache'),
    GOPROXY: 'direct',
    GOSUMDB: 'off',
    GOFLAGS: '-modcacherw',
    GOTOOLCHAIN: 'local',
    GOWORK: 'off',
    GOVCS: '*:all',
    GOINSECURE: 'example.com',
    HTTP_PROXY: proxy,
    HTTPS_PROXY: proxy,
  };
  return {
    async ask(args: readonly string[], queries: readonly string[]): Promise<Verdict[]> {
      const { stdout, stderr } = await runGo([...args, ...queries], { cwd: home, env });
      const verdicts = parseObjects<Verdict>(stdout);
      if (verdicts.length !== queries.length) throw new Error(`${queries.join(' ')}:\n${stdout}${stderr}`);
      return verdicts;
    },
    async [Symbol.asyncDispose]() {
      pages.close();
      pages.closeAllConnections();
      await rm(home, { recursive: true, force: true });
    },
  };
}

describe.each<GoVcs>(['hg', 'svn', 'fossil'])('a source of %s repositories and the go command', (vcs) => {
  describe.skipIf(go === undefined || tools[vcs] === undefined)('alike', () => {
    let repo: OtherRepo;
    let server: OtherServer;
    let judge: Awaited<ReturnType<typeof openJudge>>;
    let bed: OtherBed;
    let ours: Asked;
    let url: string;
    let publicUrl: string;

    beforeAll(async () => {
      repo = await openOtherRepo(vcs, vcs === 'svn' ? commits.slice(0, -1) : commits);
      server = await serveOther(repo);
      bed = await openOtherBed();
      url = server.url;
      publicUrl = `https://${vcs}.example.com/hello${vcs === 'svn' ? '/trunk' : ''}`;
      judge = await openJudge(vcs, url);
      // The protocol of Subversion is none that is let out.
      ours = bed.source({ root: m, vcs, url: publicUrl }, vcs === 'svn' ? repo.url : url);
    });
    afterAll(async () => {
      await judge?.[Symbol.asyncDispose]();
      await bed?.[Symbol.asyncDispose]();
      await server?.close();
      await repo?.[Symbol.asyncDispose]();
    });

    test('list the same versions', async () => {
      const paths = [m, `${m}/nothing`];
      const theirs = await judge.ask(
        ['list', '-m', '-e', '-versions', '-retracted', '-json'],
        paths.map((path) => `${path}@latest`),
      );
      for (const [i, path] of paths.entries()) {
        const { Versions = [], Error: failure } = theirs[i]!;
        const our = await ours.list(path).catch((error: Error) => error);
        if (failure !== undefined) expect(isStoaError(our, 'notFound')).toBe(true);
        else expect(our).toEqual({ source: 'direct', versions: Versions });
      }
    });

    test('resolve the same queries, and have the same files of what comes out', {
      timeout: 120_000,
    }, async () => {
      const revision = (await repo.revisions()).at(-3)!;
      const names = ['v1.1.0', 'v9.9.9', 'dev', revision];
      const queries = names.map((query) => `${m}@${query}`);
      queries.push(`${m}/sub@v0.1.0`, `${m}/nothing@latest`);
      const versions = new Set<string>();
      for (const [i, their] of (await judge.ask(['list', '-m', '-e', '-json'], queries)).entries()) {
        const [path, query] = queries[i]!.split('@') as [string, string];
        const our = await ours.query(path, query).catch((error: Error) => error);
        if (their.Error !== undefined) {
          expect(our, queries[i]).toMatchObject({ kind: 'notFound' });
          continue;
        }
        if (our instanceof Error) throw our;
        expect(our.version, queries[i]).toBe(their.Version);
        versions.add(`${path}@${our.version}`);
      }
      expect(versions.size).toBe(vcs === 'svn' ? 1 : 4);

      for (const their of await judge.ask(['mod', 'download', '-json'], [...versions])) {
        const { Path: path, Version: version = '' } = their;
        const [info, mod, zip] = [
          await ours.fetch(path, version, 'info'),
          await ours.fetch(path, version, 'mod'),
          await ours.fetch(path, version, 'zip'),
        ];
        const theirInfo = JSON.parse((await readFile(their.Info!, 'utf8')).replace(url, publicUrl));
        expect(lasting(JSON.parse(info.text))).toEqual(lasting(theirInfo));
        expect(mod.text).toBe(await readFile(their.GoMod!, 'utf8'));
        expect(hashZip({ path, version }, zip.bytes)).toBe(their.Sum);
      }
    });
  });
});

/** What of an .info does not depend on how the go command came upon it first: by which name stands in its Ref. */
function lasting({ Origin: { Ref, ...origin }, ...info }: { Origin: Record<string, string> }) {
  return { ...info, origin };
}
