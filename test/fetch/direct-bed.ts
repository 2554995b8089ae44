import { Writable } from 'node:stream';
import { createDirect, type DirectOptions } from '../../src/fetch/direct.ts';
import type {
  Fetched,
  FetchedInfo,
  FetchedList,
  Fetcher,
  ModuleFile,
  Spool,
  Want,
} from '../../src/fetch/fetcher.ts';
import { createGate, type Gate } from '../../src/fetch/gate.ts';
import type { RepoRoot } from '../../src/fetch/repo-root.ts';
import { isPath } from '../../src/module/path.ts';
import type { Step } from '../fakes/git-repos.ts';
import { createMemoryRepo, type MemoryRepo } from './memory-repo.ts';

/** What a fetch gave. */
interface Got extends Omit<Fetched, 'info'> {
  readonly bytes: Buffer;
  readonly text: string;
  readonly info?: string;
}

/** A source, and what is asked of it again and again. */
export interface Asked {
  list(path: string): Promise<FetchedList>;
  query(path: string, query: string): Promise<FetchedInfo>;
  /** The version a query comes out as. */
  resolve(path: string, query: string): Promise<string>;
  /** `begin` takes the place of a spool that takes everything. */
  fetch(path: string, version: string, file: ModuleFile, want?: Want, begin?: Spool['begin']): Promise<Got>;
}

/** The source that reads repositories, before one repository in memory. */
export interface Bed extends Asked {
  readonly repo: MemoryRepo;
}

/** `root` is the import path of the repository: every path below it is found there. */
export function openBed(script: readonly Step[], root: string, options: Partial<DirectOptions> = {}): Bed {
  const url = `https://${root}`;
  const repo = createMemoryRepo(script, url);
  const found: RepoRoot = { root, vcs: 'git', url };
  const direct = createDirect({
    discover: async () => found,
    openRepo: async () => repo,
    upstream: () => {
      throw new Error('no upstream is named here');
    },
    zips: {
      writeModuleZip: async () => {
        throw new Error('a repository in memory has no zips');
      },
    },
    gate: openGate(),
    ...options,
  });
  return { repo, ...askOf(direct) };
}

/** A gate that nobody waits at. */
export function openGate(): Gate {
  const limits = { running: 1000, queued: 0, waitMs: 1000 };
  return createGate({ zip: limits, file: limits });
}

export function askOf(source: Fetcher): Asked {
  const { signal } = new AbortController();
  return {
    list: (path) => source.list(checked(path), signal),
    query: (path, query) => source.query(checked(path), query, signal),
    resolve: async (path, query) => (await source.query(checked(path), query, signal)).version,
    async fetch(path, version, file, want = {}, begin) {
      const chunks: Buffer[] = [];
      const collect = (): Writable =>
        new Writable({
          write(chunk: Buffer, _encoding, callback) {
            chunks.push(Buffer.from(chunk));
            callback();
          },
        });
      const module = { path: checked(path), version };
      const { info, ...fetched } = await source.fetch(
        module,
        file,
        want,
        { begin: begin ?? collect },
        signal,
      );
      const bytes = Buffer.concat(chunks);
      return {
        ...fetched,
        bytes,
        text: bytes.toString(),
        ...(info && { info: Buffer.from(info).toString() }),
      };
    },
  };
}

/** Nothing else than a module path ever gets as far as a source. */
function checked(path: string): string {
  if (!isPath(path)) throw new Error(`${path} is no module path`);
  return path;
}
