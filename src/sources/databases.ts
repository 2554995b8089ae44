import type { Settings } from '../config/schema.ts';
import { formatVia, viaHeader } from '../fetch/loop.ts';
import type { UpstreamOptions } from '../fetch/upstream.ts';
import type { BlobStore } from '../storage/store.ts';
import { createSumdbClient } from '../sumdb/client.ts';
import { createDatabases, type Databases } from '../sumdb/databases.ts';
import { parseVerifierKey } from '../sumdb/note.ts';
import { createRemote } from '../sumdb/remote.ts';

/** What they stand on. */
export interface DatabasesParts
  extends Pick<UpstreamOptions, 'client' | 'gate' | 'metrics' | 'log' | 'instanceId'> {
  /** Where is kept what they proved. */
  readonly store: BlobStore;
}

/** The checksum databases of the settings, each reached as its modules are. */
export function openDatabases(settings: Settings, parts: DatabasesParts): Databases {
  const { client, gate, metrics, log, instanceId, store } = parts;
  return createDatabases({
    list: settings.sumdb,
    noSumdb: settings.noSumdb.join(','),
    private: settings.private.join(','),
    open: ({ name, verifierKey, url }) =>
      createSumdbClient({
        verifier: parseVerifierKey(verifierKey),
        remote: createRemote({
          name,
          ...(url !== undefined && { url }),
          entries: settings.upstream,
          client,
          gate,
          headers: (via) => ({ [viaHeader]: formatVia(instanceId, via) }),
          metrics,
        }),
        store,
        log,
        metrics,
        deadlineMs: settings.fetch.questionTimeoutMs,
      }),
  });
}
