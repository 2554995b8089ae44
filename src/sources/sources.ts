import type { Settings } from '../config/schema.ts';
import { isStoaError, StoaError } from '../errors.ts';
import type { Fetcher } from '../fetch/fetcher.ts';
import { createRoute } from '../fetch/route.ts';
import { createUpstream, type UpstreamOptions } from '../fetch/upstream.ts';
import type { BlobStore } from '../storage/store.ts';
import type { Databases } from '../sumdb/databases.ts';
import { openDatabases } from './databases.ts';
import type { Direct } from './direct.ts';
import { readOutside } from './outside.ts';
import { openWayOut } from './way-out.ts';

/** Where modules come from. */
export interface Sources {
  /** The source that chooses among sources. */
  readonly fetcher: Fetcher;
  /** The checksum databases, by the same way out. What they proved is kept in the store. */
  databases(store: BlobStore): Databases;
  /**
   * Loads what the first miss would else wait for. A git that is missing is a warning; rejects with `config` for a
   * host or proxy that can't be one, and for a go command that the settings name and that is none.
   */
  ready(): Promise<void>;
  /** Ends what is under way; when it is fulfilled no process and no thread is left. */
  close(): Promise<void>;
}

/** What they stand on. */
export interface SourcesParts extends Omit<UpstreamOptions, 'url' | 'client'> {
  /** Of Stoa, for servers that ask who is there. */
  readonly version: string;
}

/**
 * Opens the sources of the settings. Throws `config` for a credential that can't be one, and the file system's error where
 * a file that they name can't be read any more.
 */
export async function openSources(settings: Settings, { version, ...parts }: SourcesParts): Promise<Sources> {
  const outside = await readOutside(settings);
  const { client, credentials, close } = openWayOut(settings, outside, version);
  let opening: Promise<Direct> | undefined;
  let isClosed = false;

  /** Much code, which hits and many a server do without. */
  function direct(): Promise<Direct> {
    if (isClosed) throw new StoaError('draining', 'the server is shutting down');
    opening ??= import('./direct.ts').then(({ openDirect }) =>
      openDirect(settings, outside, { ...parts, client, credentials }),
    );
    return opening;
  }

  const fetcher = createRoute({
    routes: settings.routes,
    fallback: settings.upstream,
    private: outside.privatePatterns,
    upstream: (url) => createUpstream({ ...parts, url, client }),
    direct: {
      list: async (...asked) => (await direct()).fetcher.list(...asked),
      query: async (...asked) => (await direct()).fetcher.query(...asked),
      fetch: async (...asked) => (await direct()).fetcher.fetch(...asked),
    },
  });

  async function readyDirect(): Promise<void> {
    const { ready, readyOthers } = await direct();
    try {
      await readyOthers();
    } catch (error) {
      if (isStoaError(error, 'draining')) return;
      throw error;
    }
    if (!reachesDirect(settings)) return;
    try {
      await ready();
    } catch (error) {
      if (isStoaError(error, 'draining')) return;
      const reason = error instanceof Error ? error.message : String(error);
      parts.log.warn('modules cannot be read from their repositories', { reason });
    }
  }

  return {
    fetcher,
    databases: (store) => openDatabases(settings, { ...parts, client, store }),
    async ready() {
      await client.ready();
      if (!isClosed && (reachesDirect(settings) || settings.vcs.go !== undefined)) await readyDirect();
    },
    async close() {
      isClosed = true;
      await Promise.all([
        close(),
        opening?.then(
          (opened) => opened.close(),
          () => undefined,
        ),
      ]);
    },
  };
}

/** Whether some module path leads to a repository. */
function reachesDirect({ upstream, routes, private: patterns }: Settings): boolean {
  const entries = [...upstream, ...routes.flatMap((route) => route.entries)];
  return patterns.length > 0 || entries.some(({ kind }) => kind === 'direct');
}
