import type { HttpClient, HttpPoster } from './client.ts';

/**
 * A client that is still being loaded: the HTTP library takes longer to load than all else, and hits do without it.
 * Requests wait for it; `ready` loads it, and rejects with what keeps it from being made.
 */
export function clientLater(
  load: () => Promise<HttpClient & HttpPoster>,
): HttpClient & HttpPoster & { ready(): Promise<void> } {
  let loading: Promise<HttpClient & HttpPoster> | undefined;

  function client(): Promise<HttpClient & HttpPoster> {
    loading ??= load();
    return loading;
  }

  return {
    get: async (url, request) => (await client()).get(url, request),
    post: async (url, json, request) => (await client()).post(url, json, request),
    close: async () => (await loading)?.close(),
    ready: async () => void (await client()),
  };
}
