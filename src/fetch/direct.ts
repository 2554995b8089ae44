import { posix } from 'node:path';
import type { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { isStoaError, StoaError } from '../errors.ts';
import { isPseudoVersion } from '../module/pseudo.ts';
import { canonicalVersion, formatModuleVersion, type ModuleVersion } from '../module/version.ts';
import { maxZipBytes } from '../module/zip.ts';
import { dependOnGoVersion, filesBelow, lacksLicence } from '../module/zip-files.ts';
import type { Repo, Revision } from '../vcs/repo.ts';
import { readArchivedFile } from './archived-file.ts';
import type { Converted } from './canonical.ts';
import { convert } from './convert.ts';
import { formatInfo } from './direct-info.ts';
import type { Discover } from './discover.ts';
import type { Fetched, FetchedInfo, FetchedList, Fetcher, ModuleFile, Spool, Want } from './fetcher.ts';
import type { Gate, Lane } from './gate.ts';
import { invalidVersion } from './invalid-version.ts';
import { findModuleDir, madeUpGoMod } from './module-dir.ts';
import { placeModule, revisionOf } from './module-place.ts';
import { namedError } from './named-error.ts';
import { type Pinned, readPinned } from './pinned.ts';
import { createRecent } from './recent.ts';
import type { RepoRoot } from './repo-root.ts';
import { listVersions } from './repo-versions.ts';
import { openRepoView, type RepoView, reasonOf, shortHash } from './repo-view.ts';
import { latestListed } from './retractions.ts';
import type { ZipWriter } from './zip-writer.ts';

/** What reading modules from their repositories stands on. */
export interface DirectOptions {
  readonly discover: Discover;
  /** The git repository at a root, as a request for this module path may read it. */
  readonly openRepo: (root: RepoRoot, path: string, signal: AbortSignal) => Promise<Repo>;
  /** The client of the module proxy at a URL, for roots that name one. */
  readonly upstream: (url: string) => Fetcher;
  /** The source of a root under another system than git; without it there are none. */
  readonly otherSystems?: (root: RepoRoot) => Fetcher;
  readonly zips: Pick<ZipWriter, 'writeModuleZip'>;
  readonly gate: Gate;
}

/** What begins the message of a failure, and what has to be waited for. */
interface Question {
  readonly subject: string;
  readonly path: string;
  readonly lane: Lane;
  readonly signal: AbortSignal;
}

/** Characters of what is remembered about commits: enough for some ten thousand. */
const maxFacts = 4 * 1024 * 1024;

/** The name of the source, as in the list of upstreams. */
const source = 'direct';

/**
 * The source that reads modules from the repositories they are developed in, as the go command does with GOPROXY=direct
 * (cmd/go/internal/modfetch/coderepo.go): what it answers for a version, and in which words it refuses one, is the same.
 * Two things differ. A module without tags has a list, though an empty one, only while its go.mod is at `HEAD`: else the
 * paths below a repository would all pass for modules. And `want.commit` is read wherever the tag of the version leads by
 * now, as long as the repository has that commit; `Fetched.moved` tells of such a tag, `integrity` of one
 * whose former commit is lost.
 */
export function createDirect(options: DirectOptions): Fetcher {
  const { gate } = options;
  const facts = createRecent<boolean>({
    maxSize: maxFacts,
    lifetimeMs: Number.POSITIVE_INFINITY,
    now: () => 0,
  });

  /** The repository of a module, or the source that is asked in its place. */
  async function open(path: string, signal: AbortSignal): Promise<{ view: RepoView } | { other: Fetcher }> {
    const root = await options.discover(path, signal);
    if (root.isMod === true) return { other: options.upstream(root.url) };
    if (root.vcs !== 'git') {
      if (options.otherSystems !== undefined) return { other: options.otherSystems(root) };
      throw notRead(path, root);
    }
    const place = placeModule(path, root.root, root.subdir);
    return { view: openRepoView(place, await options.openRepo(root, path, signal), facts, signal) };
  }

  /** Reads the repository when there is a place for it, or asks the source in its place. What goes wrong names the module. */
  async function ask<T>(
    { subject, path, lane, signal }: Question,
    read: (view: RepoView) => Promise<T>,
    delegate: (other: Fetcher) => Promise<T>,
  ): Promise<T> {
    try {
      const opened = await open(path, signal);
      if ('other' in opened) return await delegate(opened.other);
      const leave = await gate.enter(new URL(opened.view.repo.url).host, lane, signal);
      try {
        return await read(opened.view);
      } finally {
        leave();
      }
    } catch (error) {
      throw namedError(error, subject, signal);
    }
  }

  return {
    list: (path, signal, via) =>
      ask({ subject: path, path, lane: 'file', signal }, list, (other) => other.list(path, signal, via)),
    query: (path, query, signal, via) =>
      ask(
        { subject: `${path}@${query}`, path, lane: 'file', signal },
        (view) => resolve(view, query),
        (other) => other.query(path, query, signal, via),
      ),
    fetch: (version, file, want, spool, signal, via) =>
      ask(
        {
          subject: formatModuleVersion(version),
          path: version.path,
          lane: file === 'zip' ? 'zip' : 'file',
          signal,
        },
        (view) => read(view, version, file, want, spool),
        (other) => other.fetch(version, file, want, spool, signal, via),
      ),
  };

  async function read(
    view: RepoView,
    version: ModuleVersion,
    file: ModuleFile,
    want: Want,
    spool: Spool,
  ): Promise<Fetched> {
    const { place, repo, signal } = view;
    const pinned = await want.commit?.();
    const found: Pinned =
      pinned === undefined
        ? await convert(view, await stat(view, version.version), version.version)
        : await readPinned(view, version.version, pinned);
    const info = formatInfo(repo, place, found);
    const goMod = found.goMod ?? madeUpGoMod(place.path);
    if (file === 'zip') {
      await writeZip(view, version, found, spool);
    } else {
      const bytes = file === 'info' ? info : goMod;
      await pipeline([bytes], spool.begin({ source, size: bytes.length }), { signal });
    }
    return { source, info, goMod, ...(found.moved !== undefined && { moved: found.moved }) };
  }

  async function writeZip(
    { repo, signal, read }: RepoView,
    version: ModuleVersion,
    { dir, goMod, revision }: Converted,
    spool: Spool,
  ): Promise<void> {
    const { hash } = revision;
    const files = await repo.files(hash, dir, signal);
    const own = filesBelow(files, dir);
    const licence = lacksLicence(own, dir) ? await read(hash, 'LICENSE') : undefined;
    const text =
      goMod !== undefined && dependOnGoVersion(own)
        ? await readArchivedFile(repo, hash, posix.join(dir, 'go.mod'), signal)
        : goMod;
    const tar = await repo.archive(hash, dir, signal);
    let into: Writable;
    try {
      into = spool.begin({ source });
    } catch (error) {
      tar.destroy();
      throw error;
    }
    const order = { version, folder: dir, goMod: text, licence, maxBytes: maxZipBytes };
    await options.zips.writeModuleZip({ ...order, files, tar, into, signal });
  }
}

/** What it means that a repository is under another system than git, and no go command reads it. */
export function notRead(path: string, { url, vcs }: RepoRoot): StoaError {
  return new StoaError(
    'notFound',
    `${path}: its repository ${url} is one of ${vcs}, which is not read here: name a go command in vcs.go, or an upstream for it`,
  );
}

async function list(view: RepoView): Promise<FetchedList> {
  const versions = await listVersions(view);
  if (versions.length === 0) await checkAtHead(view);
  const { tags } = await view.refs();
  const commits = new Map(
    versions.map((version) => [version, tags.get(revisionOf(view.place, version))!] as const),
  );
  return { source, versions, commits };
}

/** Throws `notFound` unless the newest commit has the module. */
async function checkAtHead(view: RepoView): Promise<void> {
  const { place } = view;
  const hash = await headOf(view);
  const read = (file: string): Promise<Uint8Array | undefined> => view.read(hash, file);
  const found = await findModuleDir(place, read, shortHash({ hash }), place.pseudoMajor || 'v0');
  if ('problem' in found) throw new StoaError('notFound', `${place.path}: ${found.problem}`);
}

async function headOf(view: RepoView): Promise<string> {
  const { head } = await view.refs();
  if (head === undefined) throw new StoaError('notFound', `${view.place.path}: no commits`);
  return head;
}

async function resolve(view: RepoView, query: string): Promise<FetchedInfo> {
  const { repo, place } = view;
  const converted = await (query === 'latest' ? latest(view) : convert(view, await stat(view, query), query));
  const { version, revision, goMod = madeUpGoMod(place.path) } = converted;
  return { source, version, bytes: formatInfo(repo, place, converted), commit: revision.hash, goMod };
}

async function latest(view: RepoView): Promise<Converted> {
  const listed = await latestListed(view);
  if (listed !== undefined) return convert(view, await stat(view, listed), listed);
  await headOf(view);
  return convert(view, await view.repo.stat('HEAD', view.signal), '');
}

/** The commit that a version or query names. */
async function stat(view: RepoView, asked: string): Promise<Revision> {
  const { place, repo, signal } = view;
  const revision = revisionOf(place, asked);
  // What version a commit is depends on all names, and a repository that was just asked for them needs not ask again.
  if (!isTagName(asked)) await view.refs();
  try {
    return await repo.stat(revision, signal);
  } catch (error) {
    if (!isStoaError(error, 'notFound')) throw error;
    throw invalidVersion(place.path, asked, reasonOf(repo, error));
  }
}

/** True for the version of a tag, which the tag alone decides. */
function isTagName(asked: string): boolean {
  return asked === canonicalVersion(asked) && !isPseudoVersion(asked);
}
