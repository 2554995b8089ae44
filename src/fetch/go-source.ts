import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { StoaError } from '../errors.ts';
import { formatModuleVersion, type ModuleVersion } from '../module/version.ts';
import type { GoCommand, GoFound } from '../vcs/go-command.ts';
import type { GoRemote } from '../vcs/go-remote.ts';
import type { Fetched, Fetcher, ModuleFile, Spool, Want } from './fetcher.ts';
import type { Gate, Lane } from './gate.ts';
import type { ResolveGoRemote } from './go-remotes.ts';
import { invalidVersion } from './invalid-version.ts';
import { placeModule } from './module-place.ts';
import { namedError } from './named-error.ts';
import { createRecent, type Recent } from './recent.ts';
import type { RepoRoot } from './repo-root.ts';

type Reader = Pick<GoCommand, 'list' | 'find' | 'pack'>;

export interface GoSourcesOptions {
  readonly command: () => Promise<Reader>;
  readonly resolve: ResolveGoRemote;
  readonly gate: Gate;
  readonly now?: () => number;
}

/** The name of the source, as in the list of upstreams. */
const source = 'direct';

/** Bytes of small files that are kept until their version is asked for the next one: one command gives both. */
const maxFound = 4 * 1024 * 1024;
const foundMs = 10_000;

/**
 * Makes of the root of an hg, svn or fossil repository the source of its modules, through the go command. That reads what a
 * tag leads to and nothing else: where it is another commit than `want.commit` the answer is `integrity`.
 */
export function createGoSources(options: GoSourcesOptions): (root: RepoRoot) => Fetcher {
  const { now = Date.now } = options;
  const found = createRecent<GoFound>({ maxSize: maxFound, lifetimeMs: foundMs, now });
  return (root) => createGoSource(root, options, found);
}

function createGoSource(
  root: RepoRoot,
  { command, resolve, gate }: GoSourcesOptions,
  recent: Recent<GoFound>,
): Fetcher {
  /** Finds out how the repository is asked, and asks when there is a place towards its host. */
  async function ask<T>(
    subject: string,
    path: string,
    lane: Lane,
    signal: AbortSignal,
    work: (go: Reader, remote: GoRemote) => Promise<T>,
  ): Promise<T> {
    try {
      checkPath(path, root);
      const remote = await resolve(root, path, signal);
      const go = await command();
      const leave = await gate.enter(new URL(remote.url).host, lane, signal);
      try {
        return await work(go, remote);
      } finally {
        leave();
      }
    } catch (error) {
      throw namedError(error, subject, signal);
    }
  }

  function find({ path, version }: ModuleVersion, signal: AbortSignal): Promise<GoFound> {
    return ask(`${path}@${version}`, path, 'file', signal, async (go, remote) => {
      const key = `${remote.vcs} ${remote.key} ${path}@${version}`;
      const known = recent.get(key);
      if (known !== undefined) return known;
      const found = await go.find(remote, path, version, signal);
      if (found.version !== version)
        throw invalidVersion(path, version, `resolves to version ${found.version}`);
      recent.set(key, found, found.info.length + found.goMod.length);
      return found;
    });
  }

  function writeZip(version: ModuleVersion, want: Want, spool: Spool, signal: AbortSignal): Promise<Fetched> {
    return ask(formatModuleVersion(version), version.path, 'zip', signal, (go, remote) =>
      go.pack(remote, version, signal, async ({ zip, size, info, goMod }) => {
        checkCommit(version, info, await want.commit?.());
        await pipeline(createReadStream(zip), spool.begin({ source, size }), { signal });
        return { source, info, goMod };
      }),
    );
  }

  return {
    list: (path, signal) =>
      ask(path, path, 'file', signal, async (go, remote) => ({
        source,
        versions: await go.list(remote, path, signal),
      })),
    query: (path, query, signal) =>
      ask(`${path}@${query}`, path, 'file', signal, async (go, remote) => {
        checkQuery(path, query, root);
        const { version, info, goMod } = await go.find(remote, path, query, signal);
        const commit = commitOf(info);
        return { source, version, bytes: info, goMod, ...(commit !== undefined && { commit }) };
      }),
    async fetch(version: ModuleVersion, file: ModuleFile, want: Want, spool: Spool, signal: AbortSignal) {
      if (file === 'zip') return writeZip(version, want, spool, signal);
      const { info, goMod } = await find(version, signal);
      checkCommit(version, info, await want.commit?.());
      const bytes = file === 'info' ? info : goMod;
      await pipeline([bytes], spool.begin({ source, size: bytes.length }), { signal });
      return { source, info, goMod };
    },
  };
}

/** Throws `notFound` for a path that the repository cannot hold, or that the go command takes for a pattern. */
function checkPath(path: string, { root, subdir }: RepoRoot): void {
  placeModule(path, root, subdir);
  if (path.includes('...')) throw new StoaError('notFound', `${path}: a path with "..." is a pattern to go`);
}

/**
 * Throws `notFound` for what is no plain name of a revision: the go command and the systems below it take other texts for
 * options, ranges and expressions, and `v1` for the highest version of that kind.
 */
function checkQuery(path: string, query: string, { vcs }: RepoRoot): void {
  const isPlain = /^[\w][\w.+/-]*$/.test(query) && !query.includes('..');
  const isWord = /^(?:upgrade|patch|none|v\d+(?:\.\d+)?)$/.test(query);
  // A short number is that of a commit in a copy, which another copy may count otherwise.
  const isCounted = vcs === 'hg' && /^\d{1,6}$/.test(query);
  if (!isPlain || isWord || isCounted) throw invalidVersion(path, query, `unknown revision ${query}`);
}

/** Throws where the tag of a version leads elsewhere by now. */
function checkCommit(version: ModuleVersion, info: Buffer, wanted: string | undefined): void {
  const commit = commitOf(info);
  if (wanted === undefined || commit === wanted) return;
  throw new StoaError(
    'integrity',
    `${formatModuleVersion(version)}: its tag leads to commit ${commit}, and ${wanted} was served before`,
  );
}

/** The commit that the go command names; Subversion has numbers instead, which stand in the version. */
function commitOf(info: Buffer): string | undefined {
  return (JSON.parse(info.toString()) as { Origin?: { Hash?: string } }).Origin?.Hash;
}
