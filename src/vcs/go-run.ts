import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { StoaError } from '../errors.ts';
import { escapePath } from '../module/path.ts';
import { escapeVersion, type ModuleVersion } from '../module/version.ts';
import { openGoPage } from './go-page.ts';
import { type Note, programsEnv, readNotes } from './go-programs.ts';
import type { GoRemote } from './go-remote.ts';
import type { Command, Output, Run } from './run.ts';

/** What every go command needs. */
export interface GoSetup {
  readonly run: Run;
  /** The go command: a name that is found in `path`, or where it is. */
  readonly go: string;
  /** PATH, where hg, svn, fossil and ssh are found. */
  readonly path: string;
  /** What stands for hg, svn and fossil; see go-programs.ts. */
  readonly programs: string;
  /** For what single commands need, and leave. */
  readonly scratch: string;
  /** A file with all certificate authorities that are trusted, in place of the system's. */
  readonly caFile?: string;
  /** Milliseconds that one command may take. */
  readonly timeoutMs: number;
}

/** How a command ended. */
export interface GoEnded {
  readonly output: Output;
  /** What the programs that it ran complained of. */
  readonly notes: readonly Note[];
  /** What stood in the way to the host. */
  readonly trouble: StoaError | undefined;
}

/** A folder in which one command runs as if there had never been another. */
export interface GoFolder {
  /** Runs the go command; `vcs` is where its programs keep what they have of the repository. */
  run(remote: GoRemote, args: readonly string[], vcs: string, signal: AbortSignal): Promise<GoEnded>;
  /** A file of a version that the command has put into its module cache. */
  file(module: ModuleVersion, extension: 'info' | 'mod' | 'zip'): string;
  /** Takes it all away. */
  remove(): Promise<void>;
}

/** Bytes of what a command may print; a list of all versions is the most. */
const maxBytes = 16 * 1024 * 1024;

export async function openGoFolder(setup: GoSetup): Promise<GoFolder> {
  const folder = await mkdtemp(join(setup.scratch, 'run-'));
  const [home, notes, mod] = [join(folder, 'home'), join(folder, 'notes'), join(folder, 'mod')];

  async function prepare(vcs: string): Promise<void> {
    const telemetry = join(home, '.config/go/telemetry');
    const folders = [telemetry, notes, join(folder, 'tmp'), join(mod, 'cache')];
    await Promise.all(folders.map((each) => mkdir(each, { recursive: true })));
    // Else it leaves a process behind that counts what was called.
    await writeFile(join(telemetry, 'mode'), 'off');
    await symlink(vcs, join(mod, 'cache/vcs'));
  }

  function envOf({ vcs, page }: GoRemote, proxy: string): Record<string, string> {
    return {
      ...plainEnv,
      HTTP_PROXY: proxy,
      HTTPS_PROXY: proxy,
      // Its page is ours, and has no certificate.
      ...(page !== undefined && { GOINSECURE: page.root.split('/', 1)[0]! }),
      ...(setup.caFile !== undefined && { SSL_CERT_FILE: setup.caFile }),
      PATH: `${setup.programs}:${setup.path}`,
      HOME: home,
      TMPDIR: join(folder, 'tmp'),
      GOPATH: join(folder, 'path'),
      GOCACHE: join(folder, 'cache'),
      GOMODCACHE: mod,
      GOVCS: `*:${vcs}`,
    };
  }

  return {
    async run(remote, args, vcs, signal) {
      await prepare(vcs);
      const page = await openGoPage(remote.page?.html);
      try {
        const exit = await remote.openExit?.();
        try {
          const env = {
            ...envOf(remote, page.proxy),
            ...(await programsEnv(remote, { path: setup.path, notes, home }, exit?.port)),
          };
          const command: Command = { program: setup.go, args, cwd: '/', env };
          const output = await setup.run.output(command, signal, { timeoutMs: setup.timeoutMs, maxBytes });
          return { output, notes: await readNotes(notes), trouble: exit?.trouble };
        } finally {
          exit?.close();
        }
      } finally {
        page.close();
      }
    },
    file: ({ path, version }, extension) =>
      join(mod, 'cache/download', escapePath(path), '@v', `${escapeVersion(version)}.${extension}`),
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}

/**
 * Of every command: no settings but these, nobody asked but the repository, no other toolchain. What it reads is checked by
 * whoever asked for it.
 */
export const plainEnv = {
  LC_ALL: 'C.UTF-8',
  USER: 'stoa',
  HGPLAIN: '1',
  GOENV: 'off',
  GOFLAGS: '',
  GOPROXY: 'direct',
  GOSUMDB: 'off',
  GOAUTH: 'off',
  GOTOOLCHAIN: 'local',
  GOWORK: 'off',
  NO_PROXY: '',
};
