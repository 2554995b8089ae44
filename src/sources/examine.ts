import type { Settings } from '../config/schema.ts';
import { isStoaError, StoaError } from '../errors.ts';
import { parseList } from '../fetch/checks.ts';
import { createGate } from '../fetch/gate.ts';
import { tableRoot } from '../fetch/host-table.ts';
import type { RepoRoot } from '../fetch/repo-root.ts';
import { parseRepoUrl } from '../fetch/repo-url.ts';
import { listFor } from '../fetch/route.ts';
import type { RouteEntry } from '../fetch/route-list.ts';
import { escapePath, isPath } from '../module/path.ts';
import { matchesPatterns } from '../module/pattern.ts';
import { formatStatus, readRefusal } from '../net/refusal.ts';
import { examineCredential, type Finding, meaningOf } from './examine-credential.ts';
import { count, examineGit, examineOther, type Way } from './examine-repository.ts';
import { type Outside, readOutside } from './outside.ts';
import { openRepositories } from './repositories.ts';
import { openWayOut } from './way-out.ts';

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
  const { client, credentials, close } = openWayOut(settings, outside, version);
  const lane = { running: 1, queued: 1, waitMs: 60_000 };
  const gate = createGate({ zip: lane, file: lane });
  const repositories = openRepositories(settings, { client, credentials, outside, gate });
  const way: Way = { settings, outside, credentials, repositories, client, gate, signal };
  try {
    if (subject.url !== undefined) {
      const root: RepoRoot = { root: subject.path, vcs: 'git', url: subject.url };
      yield { step: 'as module', said: subject.path };
      yield* examineGit(way, root, subject.path);
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
          yield* examineDirect(way, subject.path);
        } else if (entry.kind === 'upstream') {
          yield* examineUpstream(way, entry.url, subject.path, false);
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
    await Promise.all([close(), repositories.close()]);
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

/** `redirected`: not the settings name the upstream but a page. */
async function* examineUpstream(
  { outside, credentials, client, signal }: Way,
  url: string,
  path: string,
  redirected: boolean,
): AsyncGenerator<Finding> {
  const target = new URL(`${url}/${escapePath(path)}/@v/list`);
  if (credentials.choose(target, { module: path, redirected }) !== undefined)
    yield* examineCredential(outside, credentials, target, { module: path, redirected }, signal);
  const request = { signal, module: path, stranger: redirected, maxBytes: maxListBytes };
  const reply = await client.get(target, request);
  const asked = `${url}, asked ${reply.authorized === true ? 'with' : 'without'} a credential,`;
  if (reply.status !== 200) {
    const meant = meaningOf(reply);
    if (meant !== '' && reply.status !== 404)
      yield { step: 'answer', said: `${formatStatus(reply.status)}${meant}` };
    throw await readRefusal(path, asked, reply);
  }
  const bytes = Buffer.concat(await reply.body.toArray());
  yield { step: 'upstream', said: `${asked} lists ${count(parseList(bytes, path).length, 'version')}` };
}

async function* examineDirect(way: Way, path: string): AsyncGenerator<Finding> {
  const { settings, repositories, signal } = way;
  const isInsecure = matchesPatterns(settings.vcs.insecure.join(','), path);
  const page = `https://${path}?go-get=1${isInsecure ? ', over plain http where nothing else leads there' : ''}`;
  const isKnown = tableRoot(path, isInsecure) !== undefined;
  yield { step: 'discovery', said: isKnown ? 'the path itself tells' : page };
  const root = await repositories.discover(path, signal);
  const folder = root.subdir === undefined ? '' : `, in its folder ${root.subdir}`;
  yield { step: root.vcs, said: `${root.url} for all below ${root.root}${folder}` };
  if (root.isMod === true) {
    yield* examineUpstream(way, root.url, path, true);
  } else if (root.vcs === 'git') {
    yield* examineGit(way, root, path);
  } else {
    yield* examineOther(way, root, path);
  }
}
