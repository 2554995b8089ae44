import { join } from 'node:path';
import type { Settings } from '../config/schema.ts';
import { createDirect } from '../fetch/direct.ts';
import type { Fetcher } from '../fetch/fetcher.ts';
import { createUpstream, type UpstreamOptions } from '../fetch/upstream.ts';
import { createZipWriter } from '../fetch/zip-writer.ts';
import type { Credentials } from '../net/credentials.ts';
import { asStranger } from '../net/stranger.ts';
import { openOtherSystems } from './other-systems.ts';
import type { Outside } from './outside.ts';
import { openRepositories } from './repositories.ts';

/** The source `direct`. */
export interface Direct {
  readonly fetcher: Fetcher;
  /** Looks for git; rejects with `config` where it is missing or too old. */
  ready(): Promise<void>;
  /** The same for the go command, where the settings name one. */
  readyOthers(): Promise<void>;
  /** Ends what is under way; when it is fulfilled no process and no thread is left. */
  close(): Promise<void>;
}

/** What it stands on. */
export interface DirectParts extends Omit<UpstreamOptions, 'url'> {
  readonly credentials: Credentials;
}

/** Opens it. Throws `config` for a host that can't be one. */
export function openDirect(
  settings: Settings,
  outside: Outside,
  { credentials, ...parts }: DirectParts,
): Direct {
  const { client, gate, metrics } = parts;
  const shared = { credentials, outside, gate, metrics: metrics.vcs };
  const below = (...names: readonly string[]) =>
    settings.storage.type !== 'memory' ? { folder: join(settings.data, 'vcs', ...names) } : {};
  const repositories = openRepositories(settings, { ...shared, client, ...below() });
  const others = openOtherSystems(settings, { ...shared, ...below('go') });
  const sum = (of: 'processes' | 'copies' | 'bytes') => () =>
    repositories.usage()[of] + (others?.usage()[of] ?? 0);
  metrics.gauge('stoa_vcs_processes_running', sum('processes'));
  metrics.gauge('stoa_vcs_copies', sum('copies'));
  metrics.gauge('stoa_vcs_copies_bytes', sum('bytes'));
  const zips = createZipWriter({ threads: settings.workers });
  const fetcher = createDirect({
    discover: repositories.discover,
    openRepo: async ({ url }, path, signal) =>
      repositories.open(await repositories.resolve(url, path, signal)),
    upstream: (url) => createUpstream({ ...parts, url: baseOf(url), client: asStranger(client) }),
    ...(others !== undefined && { otherSystems: others.source }),
    zips,
    gate,
  });
  return {
    fetcher,
    ready: repositories.ready,
    readyOthers: async () => others?.ready(),
    close: async () => void (await Promise.all([zips.close(), repositories.close(), others?.close()])),
  };
}

/** The base URL of a module proxy that a page names, as the settings would name it. */
function baseOf(url: string): string {
  const { origin, pathname } = new URL(url);
  return origin + pathname.replace(/\/+$/, '');
}
