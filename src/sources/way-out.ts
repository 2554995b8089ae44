import type { Settings } from '../config/schema.ts';
import type { HttpClient } from '../net/client.ts';
import { type AskedSecret, type Credentials, createCredentials } from '../net/credentials.ts';
import { createGitHubApp } from '../net/github-app.ts';
import { clientLater } from '../net/later.ts';
import { createLogins, type Logins } from '../net/logins.ts';
import { createCredentialHelper } from '../vcs/git-credential.ts';
import { createRun } from '../vcs/run.ts';
import type { Outside } from './outside.ts';

/** The one way out over HTTP, and in whose name it is gone. */
export interface WayOut {
  /** It is loaded when it is first asked, or told to be ready. */
  readonly client: HttpClient & { ready(): Promise<void> };
  readonly credentials: Credentials;
  /** Ends what is under way; when it is fulfilled no process is left. */
  close(): Promise<void>;
}

/** Credential helpers that run at once. */
const maxHelpers = 8;
const maxHelperFileBytes = 1024 * 1024;

/** Opens it. Throws `config` for a credential that can't be one. */
export function openWayOut(settings: Settings, outside: Outside, version: string): WayOut {
  const { net, vcs, fetch } = settings;
  const life = new AbortController();
  const run = createRun({
    processes: maxHelpers,
    waiting: fetch.queueLength,
    waitMs: fetch.queueWaitMs,
    memoryBytes: vcs.processMemoryBytes,
    fileBytes: maxHelperFileBytes,
  });

  const client = clientLater(async () => {
    const { createHttpClient } = await import('../net/http.ts');
    return createHttpClient({
      ...outside,
      credentials,
      userAgent: `Stoa/${version}`,
      connectionsPerHost: net.connectionsPerHost,
      retries: net.retries,
      deadlines: {
        connectMs: net.connectTimeoutMs,
        firstByteMs: net.firstByteTimeoutMs,
        idleMs: net.stallTimeoutMs,
        totalMs: net.totalTimeoutMs,
      },
    });
  });

  function openLogins(secret: AskedSecret): Logins {
    const options = { life: life.signal };
    return secret.kind === 'helper'
      ? createLogins(createCredentialHelper({ ...secret, run, path: vcs.path }), options)
      : createLogins(createGitHubApp({ ...secret, client }), options);
  }

  const credentials = createCredentials(outside.credentials, outside.privatePatterns, openLogins);
  return {
    client,
    credentials,
    async close() {
      life.abort();
      await Promise.all([client.close(), run.close()]);
    },
  };
}
