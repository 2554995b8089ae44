/** What a bare repository consists of before anything is in it (gitrepository-layout(5)), and what it weighs. */
import type { Dirent } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Layout } from './kept-folders.ts';

/** Packs in one repository; with more of them git gets slow, and a new copy is made. */
const maxPacks = 500;

/** Bytes that a file with one object takes, about. */
const smallFile = 4096;

/** A repository with hashes of this length, in hex digits. One that a process was killed in is cleaned up after. */
export function gitLayout(hashLength: number): Layout {
  return {
    inspect: (folder) => inspectFolder(folder, hashLength),
    make: (folder, beside) => makeFolder(folder, beside, hashLength),
  };
}

async function inspectFolder(folder: string, hashLength: number): Promise<number | undefined> {
  for (const [file, text] of Object.entries(filesOf(hashLength))) {
    if ((await readFile(join(folder, file), 'utf8').catch(() => undefined)) !== text) return undefined;
  }
  const files = await filesBelow(folder);
  const packs = files.filter(({ name }) => name.endsWith('.pack')).length;
  if (packs > maxPacks) return undefined;
  await sweepFolder(folder);
  return bytesOf(files);
}

async function makeFolder(folder: string, beside: string, hashLength: number): Promise<void> {
  for (const below of ['info', 'objects/info', 'objects/pack', 'refs']) {
    await mkdir(join(beside, below), { recursive: true });
  }
  for (const [file, text] of Object.entries(filesOf(hashLength))) await writeFile(join(beside, file), text);
  await rename(beside, folder);
}

/** Removes what processes that were killed left behind, as far as that can be done. Nobody may be writing there. */
export async function sweepFolder(folder: string): Promise<void> {
  const objects = join(folder, 'objects');
  const files = await filesBelow(folder).catch(() => []);
  // Branches and tags may have names like those of unfinished packs and objects, but none like a lock's.
  const leftOvers = files.filter(
    ({ name, parentPath }) =>
      name.endsWith('.lock') || (name.startsWith('tmp_') && parentPath.startsWith(objects)),
  );
  await Promise.all(leftOvers.map((file) => rm(pathOf(file), { force: true })));
}

/** About how many bytes a folder takes. */
export async function measureFolder(folder: string): Promise<number> {
  return bytesOf(await filesBelow(folder));
}

function filesOf(hashLength: number): Readonly<Record<string, string>> {
  const isSha256 = hashLength === 64;
  const core = `[core]\n\trepositoryformatversion = ${isSha256 ? 1 : 0}\n\tfilemode = true\n\tbare = true\n`;
  return {
    HEAD: 'ref: refs/heads/main\n',
    config: isSha256 ? `${core}[extensions]\n\tobjectformat = sha256\n` : core,
    // As the go command has it (codehost/git.go, ensureGitAttributes): an archive has the files as they are.
    'info/attributes': '\n* -export-subst -export-ignore\n',
  };
}

async function filesBelow(folder: string): Promise<Dirent[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile());
}

/** The large files are those of packs. One after the other, so that no more than one of Node's threads is taken. */
async function bytesOf(files: readonly Dirent[]): Promise<number> {
  let sum = 0;
  for (const file of files) {
    const isLarge = /\.(?:pack|idx)$/.test(file.name);
    sum += isLarge ? (await stat(pathOf(file))).size : smallFile;
  }
  return sum;
}

function pathOf(file: Dirent): string {
  return join(file.parentPath, file.name);
}
