import type { Settings } from '../config/schema.ts';
import { notRead } from '../fetch/direct.ts';
import type { Gate } from '../fetch/gate.ts';
import type { RepoRoot } from '../fetch/repo-root.ts';
import { formatRepoUrl, parseRepoUrl } from '../fetch/repo-url.ts';
import { rewriteUrl } from '../fetch/rewrite.ts';
import type { HttpClient } from '../net/client.ts';
import type { Credentials } from '../net/credentials.ts';
import { formatStatus } from '../net/refusal.ts';
import { examineCredential, type Finding, meaningOf } from './examine-credential.ts';
import { openOtherSystems } from './other-systems.ts';
import type { Outside } from './outside.ts';
import type { Repositories } from './repositories.ts';

/** What is gone over. */
export interface Way {
  readonly settings: Settings;
  readonly outside: Outside;
  readonly credentials: Credentials;
  readonly repositories: Repositories;
  readonly client: HttpClient;
  readonly gate: Gate;
  readonly signal: AbortSignal;
}

/** The way to the git repository at a root, and what is there. */
export async function* examineGit(way: Way, { url }: RepoRoot, path: string): AsyncGenerator<Finding> {
  const { settings, repositories, client, signal } = way;
  const asked = rewriteUrl(url, settings.vcs.rewrite);
  const target = yield* examineUrl(way, url, '/info/refs', path);
  if (target !== undefined && target.protocol !== 'ssh:')
    yield { step: 'answer', said: await askHost(target, client, path, signal) };
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

/** The way to the repository of another system at a root, and what the go command lists there. */
export async function* examineOther(way: Way, root: RepoRoot, path: string): AsyncGenerator<Finding> {
  const { settings, outside, credentials, gate, signal } = way;
  const others = openOtherSystems(settings, { outside, credentials, gate });
  if (others === undefined) throw notRead(path, root);
  try {
    yield* examineUrl(way, root.url.replace(/^svn\+ssh:/, 'ssh:'), '', path);
    const remote = await others.resolve(root, path, signal);
    if (remote.hgrcFile !== undefined) yield { step: 'hgrc', said: remote.hgrcFile };
    await others.ready();
    yield { step: 'read by', said: settings.vcs.go! };
    const { versions } = await others.source(root).list(path, signal);
    yield { step: 'versions', said: count(versions.length, 'tagged version') };
  } finally {
    await others.close();
  }
}

/** What is asked in place of a URL, and with which credential; gives what that is for, with `file` behind it. */
async function* examineUrl(
  { settings, outside, credentials, signal }: Way,
  url: string,
  file: string,
  path: string,
): AsyncGenerator<Finding, URL | undefined> {
  const asked = rewriteUrl(url, settings.vcs.rewrite);
  yield { step: 'rewrite', said: asked === url ? 'none' : asked };
  const place = parseRepoUrl(asked);
  if ('problem' in place || place.scheme === 'file') return undefined;
  const target = new URL(`${formatRepoUrl(place)}${file}`);
  yield* examineCredential(outside, credentials, target, { module: path, redirected: true }, signal);
  return target;
}

/** What a git server answers to the first request. A refusal says here what is most likely wrong, and thereafter ends it all. */
async function askHost(target: URL, client: HttpClient, path: string, signal: AbortSignal): Promise<string> {
  const reply = await client.get(new URL(`${target.href}?service=git-upload-pack`), {
    signal,
    module: path,
    stranger: true,
    headers: { 'git-protocol': 'version=2' },
    maxBytes: Number.MAX_SAFE_INTEGER,
  });
  reply.body.destroy();
  return `${formatStatus(reply.status)}${meaningOf(reply)}`;
}

/** How many of something there are. */
export function count(number: number, one: string, many = `${one}s`): string {
  return `${number} ${number === 1 ? one : many}`;
}
