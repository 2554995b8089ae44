import { mkdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { StoaError } from '../errors.ts';
import { isPseudoVersion } from '../module/pseudo.ts';
import { sortVersions } from '../module/semver.ts';
import {
  canonicalVersion,
  formatModuleVersion,
  isModuleVersion,
  type ModuleVersion,
} from '../module/version.ts';
import type { VcsMetrics } from '../observe/metrics.ts';
import { about, brokenObjects, DamageError, localFailure, named } from './git-failure.ts';
import { withCredential } from './git-login.ts';
import { createCopy, type GoCopy, goLayout, measureCopy, stateFile } from './go-copy.ts';
import { notedFailure, verdict } from './go-failure.ts';
import { writePrograms } from './go-programs.ts';
import type { GoRemote } from './go-remote.ts';
import { type GoEnded, type GoFolder, type GoSetup, openGoFolder } from './go-run.ts';
import { openFolders } from './kept-folders.ts';

/**
 * Modules of hg, svn and fossil repositories, as the go command reads them: what it says of one is what everybody's go command
 * says. What hg and fossil keep of a repository stays from one command to the next, and one runs at a time for each.
 *
 * Errors are those of `Repo`. Path, version and query were checked before.
 */
export interface GoCommand {
  /** The versions that tags name; none where there are none. */
  list(remote: GoRemote, path: string, signal: AbortSignal): Promise<readonly string[]>;
  /** The version that a query names, and its files but the zip. */
  find(remote: GoRemote, path: string, query: string, signal: AbortSignal): Promise<GoFound>;
  /** Packs a version, and hands the zip to whoever reads it: it lies there until `read` is done. */
  pack<T>(
    remote: GoRemote,
    module: ModuleVersion,
    signal: AbortSignal,
    read: (packed: GoPacked) => Promise<T>,
  ): Promise<T>;
  /** What is kept of repositories: of how many, and its bytes. */
  readonly copies: number;
  readonly bytes: number;
  /** Processes that run, without those that they started. */
  readonly processes: number;
  /** Ends what is under way; when it is fulfilled no process is left. */
  close(): Promise<void>;
}

/** The small files of a version. */
interface GoFiles {
  readonly info: Buffer;
  readonly goMod: Buffer;
}

export interface GoFound extends GoFiles {
  readonly version: string;
}

interface GoPacked extends GoFiles {
  /** The name of a file. */
  readonly zip: string;
  readonly size: number;
}

export interface GoCommandOptions extends Omit<GoSetup, 'programs' | 'scratch'> {
  /** For this alone; made where it is missing. */
  readonly folder: string;
  /** Of what is kept of all repositories; what was not used for longest goes first. What is in use may be more. */
  readonly maxBytes: number;
  readonly metrics?: VcsMetrics;
  readonly now?: () => number;
}

/** What `go list -m -json` and `go mod download -json` say, as far as it is read. */
interface GoAnswer {
  readonly Version?: string;
  readonly Versions?: readonly string[];
  readonly Error?: string | { readonly Err: string };
}

const listArgs = ['list', '-modcacherw', '-m', '-e', '-json'];
const packArgs = ['mod', 'download', '-modcacherw', '-json'];

/** Opens the folder and what lies in it from before. Throws the file system's error where it cannot be used. */
export async function createGoCommand(options: GoCommandOptions): Promise<GoCommand> {
  const { folder, maxBytes, metrics, run, now = Date.now } = options;
  const setup: GoSetup = { ...options, programs: join(folder, 'programs'), scratch: join(folder, 'runs') };
  await rm(setup.scratch, { recursive: true, force: true });
  await mkdir(setup.scratch, { recursive: true });
  await writePrograms(setup.programs);
  const folders = await openFolders<GoCopy>({
    folder: join(folder, 'repos'),
    maxBytes,
    mark: stateFile,
    measure: measureCopy,
    now,
    removed: metrics?.removed,
  });
  const life = new AbortController();
  const running = new Set<Promise<void>>();

  /** Runs a command for a repository, and reads what it leaves. A copy that turns out to be broken is made anew, once. */
  async function ask<T>(
    remote: GoRemote,
    args: readonly string[],
    signal: AbortSignal,
    read: (ended: GoEnded, left: GoFolder) => T | Promise<T>,
  ): Promise<T> {
    for (let broken = 0; ; ) {
      const { copy, discard, release } = await folders.use(
        `${remote.vcs} ${remote.key}`,
        goLayout,
        (...opened) => createCopy(...opened, now),
      );
      try {
        const left = await openGoFolder(setup);
        try {
          return await read(await copy.turns.run(() => runIn(copy, left, discard), signal), left);
        } finally {
          await left.remove();
        }
      } catch (error) {
        if (!(error instanceof DamageError)) throw localFailure(error);
        await discard();
        broken++;
        if (broken > 1) throw brokenObjects(remote, error);
      } finally {
        release();
      }
    }

    async function runIn(copy: GoCopy, left: GoFolder, discard: () => Promise<void>): Promise<GoEnded> {
      try {
        const ended = await left.run(remote, args, copy.vcs, signal);
        if (ended.output.code === null)
          throw named(remote, 'upstream', 'the go command was ended by the system, which may lack memory');
        await copy.settle();
        return ended;
      } catch (error) {
        if (!(await copy.isSettled())) await discard();
        throw about(remote, localFailure(error));
      }
    }
  }

  /** The same until the end of all, and once more where our credential is refused and there is another one. */
  const watched: typeof ask = (first, args, given, read) => {
    const signal = AbortSignal.any([given, life.signal]);
    const work = withCredential(first, signal, (remote) => ask(remote, args, signal, read));
    const end = (): void => void running.delete(ended);
    const ended = work.then(end, end);
    running.add(ended);
    return work;
  };

  return {
    list: (remote, path, signal) =>
      watched(remote, [...listArgs, '-versions', '-retracted', '--', `${path}@latest`], signal, (ended) =>
        versionsOf(remote, path, ended),
      ),
    find: (remote, path, query, signal) =>
      watched(remote, [...listArgs, '--', `${path}@${query}`], signal, async (ended, left) => {
        const version = foundVersion(remote, path, query, ended);
        return { version, ...(await readSmall(left, { path, version })) };
      }),
    pack: (remote, module, signal, read) =>
      watched(remote, [...packArgs, '--', formatModuleVersion(module)], signal, async (ended, left) => {
        const { Error: failure, Version: version } = answerOf(remote, ended);
        if (failure !== undefined || version !== module.version) throw failureOf(remote, ended, failure);
        const zip = left.file(module, 'zip');
        const { size } = await stat(zip);
        return read({ zip, size, ...(await readSmall(left, module)) });
      }),
    get copies() {
      return folders.count;
    },
    get bytes() {
      return folders.bytes;
    },
    get processes() {
      return run.running;
    },
    async close() {
      life.abort();
      await Promise.all(running);
      await Promise.all([folders.close(), run.close()]);
    },
  };
}

async function readSmall(left: GoFolder, module: ModuleVersion): Promise<GoFiles> {
  const [info, goMod] = await Promise.all([
    readFile(left.file(module, 'info')),
    readFile(left.file(module, 'mod')),
  ]);
  return { info, goMod };
}

function versionsOf(remote: GoRemote, path: string, ended: GoEnded): readonly string[] {
  const { Versions: versions, Error: failure } = answerOf(remote, ended);
  checkNotes(remote, ended);
  if (failure !== undefined && versions === undefined) throw failureOf(remote, ended, failure);
  const isListed = (version: string): boolean =>
    version === canonicalVersion(version) && !isPseudoVersion(version) && isModuleVersion(path, version);
  return sortVersions((versions ?? []).filter(isListed));
}

function foundVersion(remote: GoRemote, path: string, query: string, ended: GoEnded): string {
  const { Version: version, Error: failure } = answerOf(remote, ended);
  if (failure !== undefined || version === undefined) throw failureOf(remote, ended, failure);
  // What a name leads to is not what it led to when its repository was read last.
  if (query !== version) checkNotes(remote, ended);
  if (isModuleVersion(path, version)) return version;
  throw named(remote, 'integrity', `the go command names ${JSON.stringify(version)} a version of ${path}`);
}

/** What the command printed. Throws where that is no answer. */
function answerOf(remote: GoRemote, ended: GoEnded): GoAnswer {
  const { stdout, stderr } = ended.output;
  try {
    return JSON.parse(stdout.toString()) as GoAnswer;
  } catch {
    throw failureOf(remote, ended, stderr.trim().replace(/^go: /, ''));
  }
}

/** Throws where a program has failed, whatever the command made of it. */
function checkNotes(remote: GoRemote, ended: GoEnded): void {
  if (notedFailure(remote, ended.notes) !== undefined) throw failureOf(remote, ended, undefined);
}

/** Why there is no answer. The way out knows best; then the programs; and where none has failed, the command itself. */
function failureOf(
  remote: GoRemote,
  { trouble, notes }: GoEnded,
  failure: GoAnswer['Error'],
): StoaError | DamageError {
  const noted = notedFailure(remote, notes);
  if (noted instanceof DamageError) return noted;
  if (trouble !== undefined) return named(remote, trouble.kind, trouble.message, trouble);
  const reason = typeof failure === 'object' ? failure.Err : failure;
  return noted ?? verdict(remote, reason ?? 'the go command gave no answer');
}
