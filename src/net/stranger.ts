import type { HttpClient } from './client.ts';

/** The client for URLs that a page named and not the settings: each of its requests is a stranger's. */
export function asStranger(client: HttpClient): HttpClient {
  return {
    get: (url, request) => client.get(url, { ...request, stranger: true }),
    close: () => client.close(),
  };
}
