import type { Readable } from 'node:stream';
import { expect } from 'vitest';
import type { ErrorKind } from '../../src/errors.ts';
import { StoaError } from '../../src/errors.ts';
import type { Repo } from '../../src/vcs/repo.ts';
import type { Step } from '../fakes/git-repos.ts';

/** A repository made of a script, and what the suite has to know of it. */
export interface RepoUnderTest extends AsyncDisposable {
  readonly repo: Repo;
  /** The commit with this label. */
  hash(label: string): string;
  /** Runs further steps at the remote, and waits until they can be seen. */
  run(script: readonly Step[]): Promise<void>;
}

export const never = new AbortController().signal;

/** An entry of an archive. */
export interface Entry {
  readonly name: string;
  /** A mode as git has it, in octal digits. */
  readonly mode: string;
  /** The content of a file, the target of a link. */
  readonly content: Buffer;
}

/** What an archive holds beside folders, in its order; written anew here so that tests do not judge the product by itself. */
export async function readTar(archive: Readable): Promise<Entry[]> {
  const parts: Buffer[] = [];
  for await (const part of archive as AsyncIterable<Buffer>) parts.push(part);
  const tar = Buffer.concat(parts);
  const entries: Entry[] = [];
  let longName: string | undefined;
  for (let at = 0; tar[at] !== 0; ) {
    const text = (from: number, length: number) =>
      tar.toString('utf8', at + from, at + from + length).replace(/\0.*$/s, '');
    const size = Number.parseInt(text(124, 12), 8);
    const content = tar.subarray(at + 512, at + 512 + size);
    const type = text(156, 1);
    const name = longName ?? [text(345, 155), text(0, 100)].filter((part) => part !== '').join('/');
    longName = type === 'x' ? /\d+ path=(.*)\n/.exec(content.toString())?.[1] : undefined;
    const isLink = type === '2';
    const mode = isLink ? '120000' : Number.parseInt(text(100, 8), 8).toString(8);
    if (type === '0' || isLink)
      entries.push({ name, mode, content: isLink ? Buffer.from(text(157, 100)) : content });
    at += 512 + Math.ceil(size / 512) * 512;
  }
  return entries;
}

/** The files of an archive with their content as text. */
export async function filesOf(repo: Repo, commit: string, folder = ''): Promise<Record<string, string>> {
  const entries = await readTar(await repo.archive(commit, folder, never));
  return Object.fromEntries(entries.map(({ name, content }) => [name, content.toString()]));
}

/** A file as text. */
export async function textOf(repo: Repo, commit: string, file: string): Promise<string | undefined> {
  const bytes = await repo.readFile(commit, file, 16 * 1024 * 1024, never);
  return bytes && Buffer.from(bytes).toString();
}

/** Expects a failure of this kind, whose message is one line that names the repository; gives the message. */
export async function failure(promise: Promise<unknown>, kind: ErrorKind): Promise<string> {
  const error = await promise.then(
    () => new Error('it was expected to fail'),
    (error: unknown) => error,
  );
  expect(error).toBeInstanceOf(StoaError);
  expect(error).toMatchObject({ kind });
  const { message } = error as StoaError;
  expect(message).toMatch(/^[^\n\0]+$/);
  return message;
}
