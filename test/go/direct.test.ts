// The go command reads the same repositories, and every answer is held against its own.
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { isStoaError } from '../../src/errors.ts';
import { createDirect } from '../../src/fetch/direct.ts';
import { createZipWriter, type ZipWriter } from '../../src/fetch/zip-writer.ts';
import { splitPathVersion } from '../../src/module/path.ts';
import { formatPseudoVersion } from '../../src/module/pseudo.ts';
import { isModuleVersion } from '../../src/module/version.ts';
import { createGitRepos, type GitRepos } from '../../src/vcs/git.ts';
import { createRun } from '../../src/vcs/run.ts';
import { git } from '../fakes/git-repos.ts';
import { type Asked, askOf, openGate } from '../fetch/direct-bed.ts';
import { hashZip } from '../module/read-zip.ts';
import { type JudgedRepo, randomRepos, ruledRepos } from './direct-cases.ts';
import { go } from './go.ts';
import { type Judge, openJudge, type Verdict } from './judge.ts';

/** STOA_TEST_SEED makes other repositories. */
const judged = [...ruledRepos, ...randomRepos(24, Number(process.env.STOA_TEST_SEED ?? 26))];
const paths = judged.flatMap((repo) => repo.paths);

// The tests go on from each other: what is asked by version comes first, for an .info that the go command finds by
// another name says in its Ref how it was found.
describe.skipIf(go === undefined || git === undefined)('a source of repositories and the go command', () => {
  let judge: Judge;
  let folder: string;
  let repos: GitRepos;
  let zips: ZipWriter;
  let ours: Asked;
  let lists: Verdict[];

  beforeAll(async () => {
    judge = await openJudge(judged);
    folder = await mkdtemp(join(tmpdir(), 'stoa-direct-'));
    const limits = { memoryBytes: 2 ** 34, fileBytes: 2 ** 32 };
    const run = createRun({ processes: 64, waiting: 1000, waitMs: 60_000, ...limits });
    const bounds = { maxBytes: 2 ** 30, maxFetchBytes: 2 ** 30 };
    repos = await createGitRepos({ folder, ...bounds, run, path: process.env.PATH! });
    zips = createZipWriter({ threads: 2 });
    ours = askOf(
      createDirect({
        async discover(path) {
          const { root, subdir } = judged.find((repo) => repo.paths.includes(path))!;
          return { root, vcs: 'git', url: `https://${root}`, ...(subdir !== undefined && { subdir }) };
        },
        async openRepo({ root, url }) {
          const fetchUrl = judge.repos.get(judged.find((repo) => repo.root === root)!)!.url;
          return repos.open({ url, fetchUrl, key: fetchUrl });
        },
        upstream: () => {
          throw new Error('no page names a module proxy');
        },
        zips,
        gate: openGate(),
      }),
    );
  });
  afterAll(async () => {
    await zips?.close();
    await repos?.close();
    await judge?.[Symbol.asyncDispose]();
    if (folder !== undefined) await rm(folder, { recursive: true, force: true });
  });

  test('list the same versions', { timeout: 120_000 }, async () => {
    const [verdicts, answers] = await Promise.all([
      judge.lists(paths),
      inTurns(paths, (path) => outcome(ours.list(path))),
    ]);
    lists = verdicts;
    const differences: unknown[] = [];
    for (const [i, { Path, Versions: theirs = [], Error: failure }] of lists.entries()) {
      const our = answers[i]!;
      const versions = our instanceof Error ? [] : our.versions;
      // The go command lists nothing for what it will then not find.
      const isFalse = our instanceof Error && (failure === undefined || !isStoaError(our, 'notFound'));
      if (isFalse || versions.join() !== theirs.join()) differences.push({ Path, theirs, failure, our });
    }
    expect(differences).toEqual([]);
    expect(lists.flatMap(({ Versions }) => Versions ?? []).length).toBeGreaterThan(200);
  });

  test('have the same files of every version', { timeout: 120_000 }, async () => {
    const listed = lists.flatMap(({ Path, Versions }) =>
      (Versions ?? []).map((version) => `${Path}@${version}`),
    );
    const { good } = await compareFiles(listed);
    expect(good).toBeGreaterThan(130);
  });

  test('take the same pseudo-versions for true', { timeout: 120_000 }, async () => {
    const made = judged.flatMap(pseudoVersions);
    const { good, bad } = await compareFiles(made);
    expect(Math.min(good, bad)).toBeGreaterThan(50);
  });

  test('find the same versions by branch, tag, hash and as the latest', { timeout: 120_000 }, async () => {
    const queries = judged.flatMap((repo) => {
      const hashes = commitsOf(repo).map(({ hash }, i) => hash.slice(0, [7, 12, 40, 9][i % 4]));
      const names = ['latest', ...repo.names.filter((name) => !isPrefixQuery(name))];
      const unknown = ['nothing', 'abcdef0'].map((query) => `${repo.root}@${query}`);
      const named = repo.paths.flatMap((path) => names.map((name) => `${path}@${name}`));
      return [
        ...unknown,
        ...named,
        ...hashes.map((hash, i) => `${repo.paths[i % repo.paths.length]}@${hash}`),
      ];
    });
    // With all history here nothing that the go command says depends on what it fetched before.
    await judge.resolve(judged.flatMap((repo) => commitsOf(repo).map(({ hash }) => `${repo.root}@${hash}`)));
    const [verdicts, answers] = await Promise.all([
      judge.resolve(queries),
      inTurns(queries, (asked) => outcome(ours.query(...split(asked)))),
    ]);
    const differences: unknown[] = [];
    for (const [i, asked] of queries.entries()) {
      const their = verdicts[i]!;
      const our = answers[i]!;
      if (our instanceof Error) {
        // That no version is the latest is told there without the reason.
        const isSame = asked.endsWith('@latest') ? their.Error !== undefined : errorOf(their) === our.message;
        if (!isSame) differences.push({ asked, theirs: errorOf(their) ?? their.Version, ours: our.message });
        continue;
      }
      const { Version, Time, Origin } = JSON.parse(Buffer.from(our.bytes).toString()) as Verdict;
      const isSame =
        Version === their.Version &&
        Time === their.Time &&
        (their.Origin?.Hash ?? Origin?.Hash) === Origin?.Hash;
      if (!isSame) differences.push({ asked, their, ours: { Version, Time, Origin } });
    }
    expect(differences).toEqual([]);
  });

  /** Holds the files of each `path@version` against the go command's; tells how many both have, and both refuse. */
  async function compareFiles(versions: readonly string[]): Promise<{ good: number; bad: number }> {
    const differences: unknown[] = [];
    let good = 0;
    const [verdicts, answers] = await Promise.all([
      judge.download(versions),
      inTurns(versions, (asked) => filesOf(...split(asked))),
    ]);
    for (const [i, asked] of versions.entries()) {
      const { Info, GoMod, Sum, ...their } = verdicts[i]!;
      const error = errorOf(their)
        ?.replace(/^create zip/, `${asked}: create zip`)
        .replaceAll('"', '')
        .replace(namedFile, '$1');
      const theirs = { info: textOf(Info), mod: textOf(GoMod), h1: Sum, error };
      const our = answers[i]!;
      if (JSON.stringify(our) !== JSON.stringify(theirs)) differences.push({ asked, theirs, our });
      else if (error === undefined) good++;
    }
    expect(differences).toEqual([]);
    return { good, bad: versions.length - good };
  }

  /** What the go command leaves in its cache for a version, in the order in which it does. */
  async function filesOf(path: string, version: string) {
    const files: { info?: string; mod?: string; h1?: string; error?: string } = {};
    try {
      files.info = (await ours.fetch(path, version, 'info')).text;
      files.mod = (await ours.fetch(path, version, 'mod')).text;
      files.h1 = hashZip({ path, version }, (await ours.fetch(path, version, 'zip')).bytes);
    } catch (error) {
      files.error = (error as Error).message.replaceAll('"', '').replace(namedFile, '$1');
    }
    const { info, mod, h1, error } = files;
    return { info, mod, h1, error };
  }

  function commitsOf(repo: JudgedRepo): { hash: string; time: Date }[] {
    const { hash } = judge.repos.get(repo)!;
    let time = Date.UTC(2024, 0, 1) - 60_000;
    return repo.script.flatMap((step) => {
      if (!('commit' in step)) return [];
      time = step.time === undefined ? time + 60_000 : Date.parse(step.time);
      return [{ hash: hash(step.commit), time: new Date(time) }];
    });
  }

  /** Pseudo-versions for commits of a repository, true and false ones, after tags that are there and one that is not. */
  function pseudoVersions(repo: JudgedRepo): string[] {
    const tags = repo.script.flatMap((step) =>
      'tag' in step ? [step.tag] : 'tags' in step ? step.tags! : [],
    );
    const bases = ['v1.7.0', ...tags.map((tag) => tag.split('/').at(-1)!)];
    const made = commitsOf(repo).flatMap(({ hash, time }, i) =>
      repo.paths.slice(0, 4).flatMap((path, j) => {
        if ((i + j) % 2 === 1) return [];
        const major = splitPathVersion(path)!.major.slice(1).replace('-unstable', '');
        const base = (i + j) % 4 === 0 ? '' : bases[(3 * i + j) % bases.length]!;
        const digits = [12, 12, 12, 12, 12, 11, 13][i % 7]!;
        const late = (i + j) % 8 === 6 ? 1000 : 0;
        const version = formatPseudoVersion(
          major,
          base,
          new Date(time.getTime() + late),
          hash.slice(0, digits),
        );
        return [`${path}@${version}`, `${path}@${version}+incompatible`];
      }),
    );
    return [...new Set(made)].filter((asked) => isModuleVersion(...split(asked)));
  }
});

/** Which file keeps a zip from being made; the words for what is wrong with its name are others here. */
const namedFile = /(create zip: [^:]+):.*/s;

/** `v1` and `v1.2` never leave the go command, which looks for them in the list; so does metadata that no tag has. */
function isPrefixQuery(query: string): boolean {
  return /^v\d+(\.\d+)?$|\+build-metadata$/.test(query);
}

function outcome<T>(promise: Promise<T>): Promise<T | Error> {
  return promise.catch((error: Error) => error);
}

function split(asked: string): [path: string, version: string] {
  const [path, version] = asked.split('@');
  return [path!, version!];
}

/** The results in the order of the items; a few are made at a time. */
async function inTurns<T, R>(items: readonly T[], make: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  let next = 0;
  const work = async (): Promise<void> => {
    while (next < items.length) {
      const i = next++;
      results[i] = await make(items[i]!);
    }
  };
  await Promise.all(Array.from({ length: 4 }, work));
  return results;
}

function errorOf({ Error: error }: Verdict): string | undefined {
  return typeof error === 'object' ? error.Err : error;
}

function textOf(file: string | undefined): string | undefined {
  return file === undefined ? undefined : readFileSync(file, 'utf8');
}
