// The repositories of the benchmark: made up, the same on every run.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { createRandom, createTexts } from './data.ts';
import type { Processes } from './processes.ts';

/** The versions of the repository with a history, the oldest first. */
export const gitVersions: readonly string[] = Array.from({ length: 8 }, (_, minor) => `v1.${minor}.0`);

/** How a repository is made. */
export interface GitShape {
  /** Files beside go.mod and LICENSE. */
  readonly files: number;
  /** Bytes of each of them, about. */
  readonly fileBytes: number;
  readonly versions: readonly string[];
  /** Between a version and the next one. */
  readonly commits: number;
  /** Files that a commit writes anew. */
  readonly changed: number;
}

/** Packed, 64 MB of history; the zip of each version has 17 MB. */
export const historyShape: GitShape = {
  files: 1900,
  fileBytes: 20_000,
  versions: gitVersions,
  commits: 25,
  changed: 32,
};

/** One commit of 100 MB. */
export const treeShape: GitShape = {
  files: 5000,
  fileBytes: 20_000,
  versions: gitVersions.slice(0, 1),
  commits: 0,
  changed: 0,
};

/** Makes a bare repository in a new folder. */
export async function createRepository(processes: Processes, folder: string, shape: GitShape): Promise<void> {
  mkdirSync(folder, { recursive: true });
  const options = { cwd: folder, env: gitEnv };
  await processes.run('git', ['init', '-q', '--bare', '--template=', '-b', 'main', folder], options);
  await processes.run('git', ['fast-import', '--quiet'], { ...options, input: script(shape) });
}

/** For git as on a machine without any configuration. */
export const gitEnv: Readonly<Record<string, string>> = {
  PATH: process.env.PATH ?? '',
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_CONFIG_GLOBAL: '/dev/null',
};

/** What git-fast-import(1) is told. */
async function* script({ files, fileBytes, versions, commits, changed }: GitShape): AsyncGenerator<Buffer> {
  const text = createPieces();
  const [first, ...later] = versions;
  let time = Date.UTC(2024, 0, 1) / 1000;
  let next = 0;
  const commit = () => {
    time += 3600;
    return Buffer.from(
      `commit refs/heads/main\ncommitter Gopher <gopher@example.com> ${time} +0000\n${data(Buffer.from('work'))}work\n`,
    );
  };
  const file = (name: string, content: Buffer) => [
    Buffer.from(`M 100644 inline ${name}\n${data(content)}`),
    content,
    Buffer.from('\n'),
  ];
  const fresh = () => {
    const number = String(next++ % files).padStart(5, '0');
    return Buffer.concat(file(join('data', number.slice(0, 3), `f${number}.txt`), text(fileBytes)));
  };
  const tag = (version: string | undefined) =>
    Buffer.from(`reset refs/tags/${version}\nfrom refs/heads/main\n\n`);

  yield commit();
  yield* file('go.mod', Buffer.from('module github.com/bench/made-up\n\ngo 1.21\n'));
  yield* file('LICENSE', text(1000));
  for (let made = 0; made < files; made++) yield fresh();
  yield tag(first);
  for (const version of later) {
    for (let made = 0; made < commits; made++) {
      yield commit();
      for (let written = 0; written < changed; written++) yield fresh();
    }
    yield tag(version);
  }
}

function data(content: Buffer): string {
  return `data ${content.length}\n`;
}

/** Texts that all differ, quickly made of pieces of one long text. */
function createPieces(): (length: number) => Buffer {
  const random = createRandom(11);
  const source = createTexts(random)(4 * 1024 * 1024);
  return (length) => {
    const pieces: Buffer[] = [];
    for (let left = length; left > 0; ) {
      const size = Math.min(left, 1000 + Math.floor(random() * 2000));
      const at = Math.floor(random() * (source.length - size));
      pieces.push(source.subarray(at, at + size));
      left -= size;
    }
    return Buffer.concat(pieces);
  };
}
