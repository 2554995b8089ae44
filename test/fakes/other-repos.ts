// Repositories of Mercurial, Subversion and Fossil, made by the real programs.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { GoVcs } from '../../src/vcs/go-remote.ts';
import { requireTool } from '../setup/require.ts';

/** The installed programs; undefined where there is none, and the tests that need it are skipped. */
export const tools: Readonly<Record<GoVcs, string | undefined>> = {
  hg: requireTool('hg'),
  svn: requireTool('svn'),
  fossil: requireTool('fossil'),
};

/** A commit: what files it adds or changes, its tag, and in Mercurial and Fossil its branch. */
export interface OtherCommit {
  readonly files: Readonly<Record<string, string>>;
  readonly tag?: string;
  readonly branch?: string;
}

export interface OtherRepo extends AsyncDisposable {
  readonly vcs: GoVcs;
  /** As a `file://` URL; of Subversion its trunk. */
  readonly url: string;
  /** The folder or file. */
  readonly folder: string;
  commit(commit: OtherCommit): Promise<void>;
  /** The commits so far, oldest first, as the system names them; one for a tag of Mercurial's is among them. */
  revisions(): Promise<string[]>;
}

/** A repository of a system, gone at the end of the scope. */
export async function openOtherRepo(vcs: GoVcs, commits: readonly OtherCommit[] = []): Promise<OtherRepo> {
  const home = await mkdtemp(join(tmpdir(), `stoa-${vcs}-`));
  const repo = await makers[vcs](home, (args, cwd) => runTool(home, args, cwd));
  for (const commit of commits) await repo.commit(commit);
  return {
    vcs,
    ...repo,
    [Symbol.asyncDispose]: () => rm(home, { recursive: true, force: true }),
  };
}

type RunIn = (args: readonly string[], cwd: string) => Promise<string>;
type Made = Omit<OtherRepo, 'vcs' | typeof Symbol.asyncDispose>;

const makers: Readonly<Record<GoVcs, (home: string, run: RunIn) => Promise<Made>>> = {
  async hg(home, run) {
    const folder = join(home, 'repo');
    const now = openClock();
    const date = () => ['-u', 'gopher', '-d', `${now().getTime() / 1000} 0`];
    await run(['hg', 'init', folder], home);
    return {
      folder,
      url: pathToFileURL(folder).href,
      async commit({ files, tag, branch = 'default' }) {
        await run(['hg', 'branch', '-q', '-f', branch], folder);
        await write(folder, files);
        await run(['hg', 'commit', '-q', '-A', '-m', 'change', ...date()], folder);
        if (tag !== undefined) await run(['hg', 'tag', ...date(), tag], folder);
      },
      revisions: async () => lines(await run(['hg', 'log', '-r', 'all()', '--template', '{node}\n'], folder)),
    };
  },
  async svn(home, run) {
    const folder = join(home, 'repo');
    const [url, work] = [pathToFileURL(folder).href, join(home, 'work')];
    await run(['svnadmin', 'create', folder], home);
    // A server may run as somebody else, and wants to write a lock.
    await chmod(home, 0o755);
    await run(['svn', 'mkdir', '-q', '-m', 'layout', `${url}/trunk`, `${url}/tags`], home);
    await run(['svn', 'checkout', '-q', `${url}/trunk`, work], home);
    let count = 1;
    return {
      folder,
      url: `${url}/trunk`,
      async commit({ files, tag }) {
        await write(work, files);
        await run(['svn', 'add', '-q', '--force', '.'], work);
        await run(['svn', 'commit', '-q', '-m', 'change'], work);
        count++;
        if (tag === undefined) return;
        await run(
          ['svn', 'copy', '-q', '--parents', '-m', 'tag', `${url}/trunk`, `${url}/tags/${tag}`],
          home,
        );
        count++;
      },
      revisions: async () => Array.from({ length: count }, (_, i) => String(i + 1)),
    };
  },
  async fossil(home, run) {
    const [folder, work] = [join(home, 'repo.fossil'), join(home, 'work')];
    const now = openClock();
    await run(['fossil', 'init', '-A', 'gopher', '--date-override', '2024-01-01', folder], home);
    await mkdir(work);
    await run(['fossil', 'open', folder], work);
    return {
      folder,
      url: pathToFileURL(folder).href,
      async commit({ files, tag, branch }) {
        await write(work, files);
        await run(['fossil', 'add', '.'], work);
        const date = now().toISOString().slice(0, 19);
        const named = [
          ...(tag === undefined ? [] : ['--tag', tag]),
          ...(branch === undefined ? [] : ['--branch', branch]),
        ];
        await run(
          ['fossil', 'commit', '-m', 'change', '--hash', '--no-warnings', '--date-override', date, ...named],
          work,
        );
      },
      revisions: async () =>
        lines(await run(['fossil', 'timeline', '-t', 'ci', '-n', '0', '-F', '%H', '-R', folder], home))
          .filter((line) => /^[0-9a-f]{40,64}$/.test(line))
          .reverse(),
    };
  },
};

/** Each commit is a minute after the one before it. */
function openClock(): () => Date {
  let minutes = 0;
  return () => new Date(Date.UTC(2024, 0, 1, 0, ++minutes));
}

async function write(folder: string, files: Readonly<Record<string, string>>): Promise<void> {
  for (const [name, content] of Object.entries(files)) {
    const file = join(folder, name);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, content);
  }
}

function lines(text: string): string[] {
  return text.split('\n').filter((line) => line !== '');
}

async function runTool(home: string, [program, ...args]: readonly string[], cwd: string): Promise<string> {
  const env = { PATH: process.env.PATH, HOME: home, USER: 'gopher', HGRCPATH: '', LC_ALL: 'C.UTF-8' };
  const child = spawn(program!, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
  let [said, complaints] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    complaints += text;
  });
  const [code] = await once(child, 'close');
  if (code !== 0) throw new Error(`${program} ${args.join(' ')}: ${code}\n${said}${complaints}`);
  return said;
}
