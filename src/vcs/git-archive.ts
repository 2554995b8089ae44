import { PassThrough, type Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { StoaError } from '../errors.ts';
import { type GitSetup, gitCommand } from './git-command.ts';
import { DamageError } from './git-failure.ts';
import { kindOf, type TreeEntry } from './git-tree.ts';

/** A file of a folder, or a place for another repository. */
export interface ListedFile {
  /** From the folder that was listed. */
  readonly name: string;
  readonly kind: TreeEntry['kind'];
  readonly hash: string;
}

/** Bytes that a list of files may take. */
const maxListBytes = 256 * 1024 * 1024;
const listMs = 120_000;

/** All below a folder, given by its object, in the order of an archive. Throws DamageError where a folder is missing. */
export async function listTree(
  setup: GitSetup,
  folder: string,
  tree: string,
  signal: AbortSignal,
): Promise<ListedFile[]> {
  const command = gitCommand(setup, ['ls-tree', '-r', '-z', '--full-tree', '--end-of-options', tree], {
    folder,
  });
  const output = await setup.run.output(command, signal, { timeoutMs: listMs, maxBytes: maxListBytes });
  if (output.code !== 0) throw new DamageError(output.stderr);
  const lines = output.stdout.toString().split('\0');
  return lines.slice(0, -1).map((line) => {
    const tab = line.indexOf('\t');
    const [mode = '', , hash = ''] = line.slice(0, tab).split(' ');
    return { name: line.slice(tab + 1), kind: kindOf(Number.parseInt(mode, 8)), hash };
  });
}

/**
 * The files below a folder of a commit, or one file, as a tar archive, with the conversions of the go command (codehost/git.go,
 * ReadZip): those that attributes of the repository ask for, none for the sake of the system, and neither filters nor
 * `export-…`, which the copy's own attributes turn off. `failed` says with what the archive is destroyed
 * when the copy turns out to be broken.
 */
export async function openArchive(
  setup: GitSetup,
  folder: string,
  commit: string,
  path: string,
  signal: AbortSignal,
  failed: (error: DamageError) => StoaError,
): Promise<Readable> {
  const config = [
    ['core.autocrlf', 'input'],
    ['core.eol', 'lf'],
  ] as const;
  const args = ['archive', '--format=tar', '--end-of-options', commit, ...(path === '' ? [] : [path])];
  const process = await setup.run.start(gitCommand(setup, args, { folder, config }), signal);
  process.stdin.end();

  async function* whole(): AsyncGenerator<Buffer> {
    try {
      yield* untilClosed(process.stdout);
      const { code, stderr, stopped } = await process.ended;
      if (code !== 0) throw stopped ?? failed(new DamageError(stderr));
    } finally {
      // Whoever reads may leave before the end.
      process.stop(new StoaError('canceled', 'nobody reads the archive'));
    }
  }
  const archive = new PassThrough({ highWaterMark: 256 * 1024 });
  pipeline(whole(), archive).catch(() => undefined);
  return archive;
}

/** What a process writes. That its output was closed is no error here: the process tells why. */
async function* untilClosed(output: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  try {
    yield* output;
  } catch {}
}
