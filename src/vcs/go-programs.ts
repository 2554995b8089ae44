import { access, chmod, constants, mkdir, open, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { StoaError } from '../errors.ts';
import type { GoRemote } from './go-remote.ts';
import { shellQuote, sshArguments } from './ssh.ts';

/**
 * What the go command finds in place of hg, svn and fossil: it runs the program itself, for one repository alone and
 * without what a house does not want of it. What goes wrong is noted, since the go command takes many a failure
 * of its programs for an answer (cmd/go/internal/modfetch/codehost/vcs.go).
 */
const script = `#!/bin/sh
# Nothing but what a shell has: where other programs are is not known here.
name=\${0##*/}
verb=$1
note=$STOA_NOTES/$$

for arg do
  shift
  case $arg in
    "$STOA_URL" | "$STOA_URL"[/@]*) arg=$STOA_FETCH_URL\${arg#"$STOA_URL"} ;;
    *://*)
      printf 'it is asked for another repository\\n126 %s' "$verb" >"$note"
      exit 126 ;;
  esac
  set -- "$@" "$arg"
done

case $name in
  hg)
    case " $* " in
      # Whether it is there is seen when it is read; what sums up its branches nobody needs.
      *' identify '*) exit 0 ;;
      *' goreposum '* | *' golookup '*) exit 1 ;;
    esac
    if [ "$STOA_EXIT" ]; then
      set -- "--config=http_proxy.host=127.0.0.1:$STOA_EXIT" --config=http_proxy.always=yes "$@"
    fi
    if [ "$STOA_SSH" ]; then set -- "--config=ui.ssh=$STOA_SSH" "$@"; fi
    # Bundles lie with other hosts.
    set -- "--config=paths.default=$STOA_FETCH_URL" --config=ui.clonebundles=no --config=ui.interactive=no "$@" ;;
  svn)
    if [ "$verb" = info ]; then exit 0; fi
    if [ "$STOA_EXIT" ]; then
      set -- --config-option=servers:global:http-proxy-host=127.0.0.1 \\
        "--config-option=servers:global:http-proxy-port=$STOA_EXIT" "$@"
    fi
    if [ "$STOA_USER" ]; then set -- --username "$STOA_USER" --password-from-stdin "$@"; fi
    set -- --non-interactive --no-auth-cache "$@" ;;
  fossil)
    if [ "$STOA_EXIT" ]; then export "http_proxy=http://127.0.0.1:$STOA_EXIT"; fi
    # What it has it does not ask for again, so that a branch would be what it was when it was first read.
    if [ "$verb" != clone ] && [ -e .fossil ] && [ ! -e "$STOA_NOTES/asked" ]; then
      : >"$STOA_NOTES/asked"
      "$0" pull -R .fossil >"$STOA_NOTES/asked"
    fi
    : >"$STOA_NOTES/asked" ;;
esac

printf '%s\\n' "$STOA_PASSWORD" | PATH=$STOA_PATH "$STOA_PROGRAM" "$@" 2>"$note"
status=$?
printf '\\n%s %s' "$status" "$verb" >>"$note"
exit $status
`;

/** Puts the programs into a folder, which is then the first of a PATH. */
export async function writePrograms(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (const name of ['hg', 'svn', 'fossil']) {
    const file = join(folder, name);
    await writeFile(file, script);
    await chmod(file, 0o755);
  }
}

/**
 * What the programs are told by their environment. `path` is where they find what they stand for, `notes` a folder for
 * what goes wrong, `home` one for what they are told by files. Throws `config` for a program that is missing, and for a
 * credential that cannot be told.
 */
export async function programsEnv(
  remote: GoRemote,
  places: { readonly path: string; readonly notes: string; readonly home: string },
  exitPort: number | undefined,
): Promise<Record<string, string>> {
  const { vcs, ssh } = remote;
  const [from, to] = projectOf(remote);
  const transport = ssh === undefined ? undefined : sshArguments(remote);
  const command = transport && shellQuote(['ssh', ...transport.args]);
  return {
    STOA_PATH: places.path,
    STOA_PROGRAM: await findProgram(vcs, places.path),
    STOA_NOTES: places.notes,
    STOA_URL: from,
    STOA_FETCH_URL: to,
    STOA_EXIT: exitPort === undefined ? '' : String(exitPort),
    ...transport?.env,
    STOA_SSH: command ?? '',
    ...(command !== undefined && { SVN_SSH: command }),
    STOA_USER: '',
    STOA_PASSWORD: '',
    ...(await loginEnv(remote, places.home)),
  };
}

async function findProgram(name: string, path: string): Promise<string> {
  for (const folder of path.split(':')) {
    const file = join(folder, name);
    const isThere = await access(file, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (folder !== '' && isThere) return file;
  }
  throw new StoaError('config', `${name} is not installed, or not found in vcs.path`);
}

async function loginEnv(
  { vcs, url, fetchUrl, credential, hgrcFile }: GoRemote,
  home: string,
): Promise<Record<string, string>> {
  const files = hgrcFile === undefined ? [] : [hgrcFile];
  if (credential === undefined) return { HGRCPATH: files.join(':') };
  if ('header' in credential || vcs === 'fossil')
    throw new StoaError('config', `${url}: ${vcs} can't be given the credential for it`);
  const { username, password } = credential;
  // Of a line in a file what is around it is cut off.
  if ([username, password].some((text) => /[\0\r\n]/.test(text) || text.trim() !== text))
    throw new StoaError(
      'config',
      `${url}: the credential for it holds a character that ${vcs} can't be given`,
    );
  if (vcs === 'svn') return { HGRCPATH: '', STOA_USER: username, STOA_PASSWORD: password };
  const file = join(home, 'login.rc');
  const lines = [`prefix = ${fetchUrl}`, `username = ${username}`, `password = ${password}`];
  await writeFile(file, `[auth]\n${lines.map((line) => `stoa.${line}\n`).join('')}`, { mode: 0o600 });
  return { HGRCPATH: [...files, file].join(':') };
}

/** The URL below which the programs may ask, and what is asked in its place: tags of Subversion are beside its trunk. */
function projectOf({ vcs, url, fetchUrl }: GoRemote): [from: string, to: string] {
  const trunk = /\/trunk$/;
  if (vcs !== 'svn' || !trunk.test(url) || !trunk.test(fetchUrl)) return [url, fetchUrl];
  return [url.replace(trunk, ''), fetchUrl.replace(trunk, '')];
}

/** How a program ended. */
export interface Note {
  readonly status: number;
  /** Its first argument. */
  readonly verb: string;
  /** What it complained of. */
  readonly said: string;
}

/** Bytes of the end of each note that are read. */
const maxSaid = 16 * 1024;

/** What was noted of the programs, in the order in which they were started. */
export async function readNotes(folder: string): Promise<Note[]> {
  const notes: Note[] = [];
  const names = (await readdir(folder)).filter((name) => /^\d+$/.test(name));
  for (const name of names.sort((a, b) => Number(a) - Number(b))) {
    const [, said = '', status, verb = ''] =
      /^(.*)\n(\d+) (.*)$/s.exec(await readEnd(join(folder, name))) ?? [];
    // Without its end it was killed with the command.
    if (status !== undefined) notes.push({ status: Number(status), verb, said });
  }
  return notes;
}

/** It holds what a server says, of any length. */
async function readEnd(name: string): Promise<string> {
  await using file = await open(name);
  const { size } = await file.stat();
  const end = Buffer.alloc(Math.min(size, maxSaid));
  await file.read(end, 0, end.length, size - end.length);
  return end.toString();
}
