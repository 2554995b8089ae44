// Bare git repositories made of small scripts: the same script gives the same hashes on every run and machine.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { requireTool } from '../setup/require.ts';

/** The installed git; undefined where there is none, and the tests that need it are skipped. */
export const git = requireTool('git');

/** What a file becomes: its content, something other than a plain file, or gone. */
export type Change =
  | string
  | Uint8Array
  | { readonly executable: string | Uint8Array }
  | { readonly link: string }
  /** A submodule at this commit of another repository, of which the first digits will do. */
  | { readonly submodule: string }
  | null;

/** One step of a script. Commits are named by labels, which hold for all scripts of a repository. */
export type Step =
  | {
      readonly commit: string;
      /** What changes against the first parent, by path. */
      readonly files?: Readonly<Record<string, Change>>;
      /** The branch that moves to it; `main` unless it is told. */
      readonly on?: string;
      /** Labels; by default the tip of the branch, where it has one. */
      readonly parents?: readonly string[];
      /** Of author and committer; by default a minute after the commit before it, the first at 2024-01-01T00:00:00Z. */
      readonly time?: string;
      /** Lightweight tags. */
      readonly tags?: readonly string[];
    }
  /** A tag made or moved; with a message an annotated one. */
  | { readonly tag: string; readonly at: string; readonly message?: string }
  /** A branch made or moved. */
  | { readonly branch: string; readonly at: string }
  /** Any other ref made or moved, by its whole name. */
  | { readonly ref: string; readonly at: string }
  /** A ref removed, by its whole name. */
  | { readonly remove: string }
  /** The branch that HEAD names. */
  | { readonly head: string };

export interface GitRepo {
  readonly folder: string;
  /** As a `file://` URL. */
  readonly url: string;
  /** Runs further steps. */
  run(script: readonly Step[]): Promise<void>;
  /** The commit with this label, in all hex digits. */
  hash(label: string): string;
  /** A git command in the repository; gives what it printed, without the last newline. */
  git(args: readonly string[], input?: string | Uint8Array): Promise<string>;
}

export interface GitRepos extends AsyncDisposable {
  /** The folder that a server serves. */
  readonly folder: string;
  /** A new repository in the folder; `name` may hold slashes and is its path on a server too. */
  create(name: string, script?: readonly Step[], objectFormat?: 'sha1' | 'sha256'): Promise<GitRepo>;
}

/** A folder for repositories, gone at the end of the scope. */
export async function openGitRepos(): Promise<GitRepos> {
  const folder = await mkdtemp(join(tmpdir(), 'stoa-repos-'));
  return {
    folder,
    async create(name, script = [], objectFormat = 'sha1') {
      const repo = openRepo(join(folder, name), objectFormat === 'sha1' ? 40 : 64);
      await mkdir(dirname(repo.folder), { recursive: true });
      const format = `--object-format=${objectFormat}`;
      await runGit(folder, ['init', '-q', '--bare', '--template=', '-b', 'main', format, repo.folder]);
      await repo.run(script);
      return repo;
    },
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}

/** When the first commit of a repository is made, in seconds. */
const firstTime = Date.UTC(2024, 0, 1) / 1000;

function openRepo(folder: string, hashLength: number): GitRepo {
  const marks = new Map<string, number>();
  const hashes = new Map<number, string>();
  /** The mark each branch is at. */
  const tips = new Map<string, number>();
  let lastTime = firstTime - 60;

  function markOf(label: string): number {
    const mark = marks.get(label);
    if (mark === undefined) throw new Error(`no commit has the label ${label}`);
    return mark;
  }

  function commitText(step: Extract<Step, { commit: string }>): (string | Uint8Array)[] {
    const { on = 'main', parents, tags = [], files = {} } = step;
    const mark = marks.size + 1;
    const time = step.time === undefined ? lastTime + 60 : Date.parse(step.time) / 1000;
    lastTime = time;
    const ref = `refs/heads/${on}`;
    const tip = tips.get(on);
    const from = parents?.map(markOf) ?? (tip === undefined ? [] : [tip]);
    tips.set(on, mark);
    marks.set(step.commit, mark);
    const who = `Gopher <gopher@example.com> ${time} +0000`;
    // A commit without parents on a branch that is there begins anew.
    const text: (string | Uint8Array)[] = from.length === 0 ? [`reset ${ref}\n\n`] : [];
    text.push(`commit ${ref}\nmark :${mark}\nauthor ${who}\ncommitter ${who}\n`, ...data(step.commit));
    text.push(from.map((parent, i) => `${i === 0 ? 'from' : 'merge'} :${parent}\n`).join(''));
    for (const [path, change] of Object.entries(files)) text.push(...changeText(path, change, hashLength));
    return [...text, '\n', ...tags.map((tag) => `reset refs/tags/${tag}\nfrom :${mark}\n\n`)];
  }

  function stepText(step: Step): (string | Uint8Array)[] {
    if ('commit' in step) return commitText(step);
    if ('branch' in step) tips.set(step.branch, markOf(step.at));
    if ('tag' in step && step.message !== undefined) {
      const tagger = `tagger Gopher <gopher@example.com> ${lastTime} +0000\n`;
      return [`tag ${step.tag}\nfrom :${markOf(step.at)}\n`, tagger, ...data(step.message)];
    }
    if ('at' in step) return [`reset ${refOf(step)}\nfrom :${markOf(step.at)}\n\n`];
    throw new Error('steps that need a command of their own are not told to fast-import');
  }

  async function importSteps(text: (string | Uint8Array)[]): Promise<void> {
    if (text.length === 0) return;
    const file = `${folder}.marks`;
    const files = [`--import-marks-if-exists=${file}`, `--export-marks=${file}`];
    const input = Buffer.concat(text.map((part) => Buffer.from(part as string)));
    await runGit(
      folder,
      ['-c', 'fastimport.unpackLimit=1', 'fast-import', '--quiet', '--force', ...files],
      input,
    );
    for (const [, mark, hash] of (await readFile(file, 'utf8')).matchAll(/^:(\d+) (\w+)$/gm)) {
      hashes.set(Number(mark), hash!);
    }
    text.length = 0;
  }

  return {
    folder,
    url: pathToFileURL(folder).href,
    async run(script) {
      const text: (string | Uint8Array)[] = [];
      for (const step of script) {
        if ('remove' in step || 'head' in step) {
          await importSteps(text);
          if ('head' in step) await runGit(folder, ['symbolic-ref', 'HEAD', `refs/heads/${step.head}`]);
          else await runGit(folder, ['update-ref', '-d', step.remove]);
          if ('remove' in step) tips.delete(step.remove.replace('refs/heads/', ''));
        } else {
          text.push(...stepText(step));
        }
      }
      await importSteps(text);
    },
    hash: (label) => hashes.get(markOf(label))!,
    git: (args, input) => runGit(folder, args, input),
  };
}

function refOf(step: Extract<Step, { at: string }>): string {
  if ('tag' in step) return `refs/tags/${step.tag}`;
  return 'branch' in step ? `refs/heads/${step.branch}` : step.ref;
}

function changeText(path: string, change: Change, hashLength: number): (string | Uint8Array)[] {
  const name = `"${path.replace(/["\\]/g, '\\$&').replaceAll('\n', '\\n')}"`;
  if (change === null) return [`D ${name}\n`];
  if (typeof change === 'string' || change instanceof Uint8Array)
    return [`M 100644 inline ${name}\n`, ...data(change)];
  if ('link' in change) return [`M 120000 inline ${name}\n`, ...data(change.link)];
  if ('submodule' in change) return [`M 160000 ${change.submodule.padEnd(hashLength, '0')} ${name}\n`];
  return [`M 100755 inline ${name}\n`, ...data(change.executable)];
}

function data(content: string | Uint8Array): (string | Uint8Array)[] {
  return [`data ${Buffer.byteLength(content)}\n`, content, '\n'];
}

/** Runs git as on a machine without any configuration. */
async function runGit(folder: string, args: readonly string[], input?: string | Uint8Array): Promise<string> {
  const who = { NAME: 'Gopher', EMAIL: 'gopher@example.com', DATE: `${firstTime} +0000` };
  const child = spawn(git!, ['-C', folder, ...args], {
    env: {
      PATH: process.env.PATH,
      GIT_CONFIG_NOSYSTEM: '1',
      GIT_CONFIG_GLOBAL: '/dev/null',
      ...Object.fromEntries(
        Object.entries(who).flatMap(([key, value]) => [
          [`GIT_AUTHOR_${key}`, value],
          [`GIT_COMMITTER_${key}`, value],
        ]),
      ),
    },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const output: Record<'stdout' | 'stderr', Buffer[]> = { stdout: [], stderr: [] };
  child.stdout.on('data', (chunk: Buffer) => output.stdout.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => output.stderr.push(chunk));
  // A command that ends before it has read everything says itself why.
  child.stdin.on('error', () => undefined);
  child.stdin.end(input ?? '');
  const [code] = await once(child, 'close');
  if (code !== 0) throw new Error(`git ${args.join(' ')}: ${code}\n${Buffer.concat(output.stderr)}`);
  return Buffer.concat(output.stdout).toString().replace(/\n$/, '');
}
