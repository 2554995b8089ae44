import type { HttpClient } from './client.ts';

/**
 * A client that is still being loaded: the HTTP library takes longer to load than all else, and hits do without it.
 * Requests wait for it; `ready` loads it, and rejects with what keeps it from being made.
 */
export function clientLater(load: () => Promise<HttpClient>): HttpClient & { ready(): Promise<void> } {
  let loading: Promise<HttpClient> | undefined;

  function client(): Promise<HttpClient> {
    loading ??= load();
    return loading;
  }

  return {
    get: async (url, request) => (await client()).get(url, request),
    close: async () => (await loading)?.close(),
    ready: async () => void (await client()),
  };
}
