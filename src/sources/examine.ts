import type { Settings } from '../config/schema.ts';
import { isStoaError, StoaError } from '../errors.ts';
import { parseList } from '../fetch/checks.ts';
import { createGate } from '../fetch/gate.ts';
import { tableRoot } from '../fetch/host-table.ts';
import type { RepoRoot } from '../fetch/repo-root.ts';
import { parseRepoUrl } from '../fetch/repo-url.ts';
import { rewriteUrl } from '../fetch/rewrite.ts';
import { listFor } from '../fetch/route.ts';
import type { RouteEntry } from '../fetch/route-list.ts';
import { escapePath, isPath } from '../module/path.ts';
import { matchesPatterns } from '../module/pattern.ts';
import type { HttpClient } from '../net/client.ts';
import { formatStatus, readRefusal } from '../net/refusal.ts';
import { type Outside, openClient, readOutside } from './outside.ts';
import { openRepositories, type Repositories } from './repositories.ts';

/** One step of the way to a module, and what came of it. */
export interface Finding {
  /** A word or two, such as `route`. */
  readonly step: string;
  /** A line; it holds no secret. */
  readonly said: string;
}

/** What is examined: a module, or the repository at a URL as a module of that name would read it. */
export interface Subject {
  readonly path: string;
  readonly url?: string;
}

/** Reads `example.com/m`, `example.com/m@v1.0.0` or the URL of a repository. Undefined for anything else. */
export function parseSubject(text: string): Subject | undefined {
  const url = text.includes('://') ? text : undefined;
  if (url === undefined) {
    const path = text.replace(/@.*$/s, '');
    return isPath(path) ? { path } : undefined;
  }
  const place = parseRepoUrl(url);
  if ('problem' in place) return undefined;
  return { path: `${place.host}${place.path.replace(/\.git$/, '')}`, url };
}

/** How long the answer of an upstream may be that is only counted. */
const maxListBytes = 2 * 1024 * 1024;

/**
 * Goes the way of a request for a module, one step after the other, and tells what the settings say and what the other
 * side answered. The last source to be asked decides: its failure is thrown after what led to it was told. Nothing is
 * stored; local copies of repositories go in the end.
 */
export async function* examine(
  settings: Settings,
  subject: Subject,
  version: string,
  signal: AbortSignal,
): AsyncGenerator<Finding> {
  const outside = await readOutside(settings);
  const client = openClient(settings, outside, version);
  const lane = { running: 1, queued: 1, waitMs: 60_000 };
  const gate = createGate({ zip: lane, file: lane });
  const repositories = openRepositories(settings, { client, outside, gate });
  try {
    if (subject.url !== undefined) {
      const root: RepoRoot = { root: subject.path, vcs: 'git', url: subject.url };
      yield { step: 'as module', said: subject.path };
      yield* examineRepository(settings, outside, repositories, client, root, subject.path, signal);
      return;
    }
    const list = listFor(settings.routes, outside.privatePatterns, subject.path);
    yield { step: 'private', said: privateText(outside, subject.path) };
    const entries = entriesOf(list, settings);
    yield { step: 'route', said: routeText(list, entries) };
    for (const [index, entry] of entries.entries()) {
      const isLast = index === entries.length - 1;
      try {
        if (entry.kind === 'direct') {
          yield* examineDirect(settings, outside, repositories, client, subject.path, signal);
        } else if (entry.kind === 'upstream') {
          yield { step: 'upstream', said: await askUpstream(entry.url, subject.path, client, signal) };
        } else {
          throw new StoaError('denied', `${subject.path}: module look-up is turned off (off)`);
        }
        return;
      } catch (error) {
        const goesOn =
          entry.kind === 'upstream' && (entry.onError === 'next' || isStoaError(error, 'notFound'));
        if (isLast || !goesOn) throw error;
        yield { step: 'upstream', said: `${(error as Error).message}; the next one is asked` };
      }
    }
  } finally {
    await Promise.all([client.close(), repositories.close()]);
  }
}

type List = ReturnType<typeof listFor<Settings['routes'][number]>>;

function entriesOf(list: List, settings: Settings): readonly RouteEntry[] {
  if (list === 'private') return [{ kind: 'direct' }];
  return list === 'fallback' ? settings.upstream : list.entries;
}

function privateText({ privatePatterns }: Outside, path: string): string {
  if (matchesPatterns(privatePatterns, path)) return `yes, by ${privatePatterns}`;
  return privatePatterns === '' ? 'no: nothing is' : `no: it matches none of ${privatePatterns}`;
}

function routeText(list: List, entries: readonly RouteEntry[]): string {
  const names = entries.map((entry) => (entry.kind === 'upstream' ? entry.url : entry.kind)).join(', then ');
  if (list === 'private') return 'direct: private modules without a route are read from their repositories';
  return list === 'fallback' ? `${names}: the list of upstreams` : `${names}: the route for ${list.patterns}`;
}

async function askUpstream(
  url: string,
  path: string,
  client: HttpClient,
  signal: AbortSignal,
): Promise<string> {
  const target = new URL(`${url}/${escapePath(path)}/@v/list`);
  const reply = await client.get(target, { signal, module: path, maxBytes: maxListBytes });
  const login = reply.authorized === true ? 'with' : 'without';
  if (reply.status !== 200) throw await readRefusal(path, `${url}, asked ${login} a credential,`, reply);
  const bytes = Buffer.concat(await reply.body.toArray());
  return `${url}, asked ${login} a credential, lists ${count(parseList(bytes, path).length, 'version')}`;
}

async function* examineDirect(
  settings: Settings,
  outside: Outside,
  repositories: Repositories,
  client: HttpClient,
  path: string,
  signal: AbortSignal,
): AsyncGenerator<Finding> {
  const isKnown = tableRoot(path) !== undefined;
  yield { step: 'discovery', said: isKnown ? 'the path itself tells' : `https://${path}?go-get=1` };
  const root = await repositories.discover(path, signal);
  const folder = root.subdir === undefined ? '' : `, in its folder ${root.subdir}`;
  yield { step: root.vcs, said: `${root.url} for all below ${root.root}${folder}` };
  if (root.isMod === true) {
    yield { step: 'upstream', said: await askUpstream(root.url, path, client, signal) };
  } else if (root.vcs === 'git') {
    yield* examineRepository(settings, outside, repositories, client, root, path, signal);
  } else {
    throw new StoaError('notFound', `${path}: only git repositories are read here; route it to an upstream`);
  }
}

async function* examineRepository(
  { vcs }: Settings,
  outside: Outside,
  repositories: Repositories,
  client: HttpClient,
  { url }: RepoRoot,
  path: string,
  signal: AbortSignal,
): AsyncGenerator<Finding> {
  const asked = rewriteUrl(url, vcs.rewrite);
  yield { step: 'rewrite', said: asked === url ? 'none' : asked };
  const scheme = asked.slice(0, asked.indexOf(':'));
  if (scheme !== 'file')
    yield { step: 'credential', said: credentialText(outside, repositories, asked, path) };
  if (scheme === 'https' || scheme === 'http') {
    yield { step: 'answer', said: await askHost(asked, client, path, signal) };
  }
  const remote = await repositories.resolve(url, path, signal);
  if (remote.fetchUrl !== asked) yield { step: 'read from', said: remote.fetchUrl };
  if (remote.proxy !== undefined) yield { step: 'proxy', said: new URL(remote.proxy).host };
  const repo = await repositories.open(remote);
  const { head, branches, tags } = await repo.refs(signal);
  const shown = head === undefined ? 'no commits' : `HEAD ${head.slice(0, 12)}`;
  yield {
    step: 'refs',
    said: `${shown}, ${count(branches.size, 'branch', 'branches')}, ${count(tags.size, 'tag')}`,
  };
}

/** Which credential is used, by what the settings say of it, or why none is. */
function credentialText(
  { credentials, privatePatterns }: Outside,
  repositories: Repositories,
  asked: string,
  path: string,
): string {
  const place = parseRepoUrl(asked);
  if ('problem' in place) return 'none: the URL is not one of a repository';
  const target = new URL(`${place.scheme}://${place.host}${place.port}${place.path}`);
  const chosen = repositories.credentials.choose(target, { module: path, redirected: true });
  if (chosen !== undefined) {
    const [kind, host, port, prefix] = JSON.parse(chosen.id) as [string, string, number, string];
    return `${kind} for ${host}${port === 0 ? '' : `:${port}`}${prefix}`;
  }
  const others = credentials.filter(({ host }) => host.replace(/:\d+$/, '').toLowerCase() === place.host);
  if (others.length === 0) return `none: the settings have none for ${place.host}`;
  const served = others.map(({ modules, prefix = '/', secret }) => {
    const whom = modules ?? (privatePatterns === '' ? 'private modules, and none is' : privatePatterns);
    return `that of the kind ${secret.kind} below ${prefix} serves ${whom}`;
  });
  return `none that serves this module at this URL: ${served.join('; ')}`;
}

/** What a git server answers to the first request. A refusal says here what is most likely wrong, and thereafter ends it all. */
async function askHost(url: string, client: HttpClient, path: string, signal: AbortSignal): Promise<string> {
  const reply = await client.get(new URL(`${url}/info/refs?service=git-upload-pack`), {
    signal,
    module: path,
    stranger: true,
    headers: { 'git-protocol': 'version=2' },
    maxBytes: Number.MAX_SAFE_INTEGER,
  });
  reply.body.destroy();
  return `${formatStatus(reply.status)}${meaning(reply.status, reply.authorized === true)}`;
}

function meaning(status: number, authorized: boolean): string {
  if (status === 401)
    return authorized ? ': the credential is wrong or has expired' : ': it wants a login, and none was sent';
  if (status === 403)
    return authorized
      ? ': the credential has no right to read this repository'
      : ': nobody may read it who does not log in';
  if (status === 404)
    return authorized
      ? ': there is no such repository, or the credential has no right to see it'
      : ': there is no such repository, or only for who logs in';
  return '';
}

function count(number: number, one: string, many = `${one}s`): string {
  return `${number} ${number === 1 ? one : many}`;
}
