// Hosts whose pages a test writes down, and who finds repositories by them.
import { Readable } from 'node:stream';
import { createDiscover, type Discover, type DiscoverOptions } from '../../src/fetch/discover.ts';
import { createGate } from '../../src/fetch/gate.ts';
import { createCheckVcs } from '../../src/fetch/govcs.ts';
import type { HttpClient, HttpRequest } from '../../src/net/client.ts';

/** What a host answers: the fields of go-import tags, a page of its own, or a failure of the way there. */
export type Page =
  | string
  | readonly string[]
  | {
      readonly status: number;
      readonly body?: string;
      readonly authorized?: boolean;
      readonly retryAfter?: number;
    }
  | { readonly stream: () => AsyncIterable<Uint8Array> }
  | Error;

export interface Vanity {
  readonly client: HttpClient;
  /** The pages by import path; others are 404. It may be changed. */
  readonly pages: Record<string, Page>;
  /** The import paths asked for so far. */
  readonly asked: string[];
  readonly requests: HttpRequest[];
  /** Makes requests wait until the returned function is called. */
  hold(): () => void;
}

/** A client that answers `?go-get=1` from these pages and dials nobody. */
export function openVanity(pages: Record<string, Page>): Vanity {
  const asked: string[] = [];
  const requests: HttpRequest[] = [];
  let gate: Promise<void> = Promise.resolve();

  const client: HttpClient = {
    async get(url, request) {
      if (url.protocol !== 'https:' || url.search !== '?go-get=1') throw new Error(`asked for ${url.href}`);
      const path = `${url.host}${url.pathname}`.replace(/^([^/]*)\/$/, '$1');
      asked.push(path);
      requests.push(request);
      await Promise.race([gate, aborted(request.signal)]);
      const page = pages[path] ?? { status: 404 };
      if (page instanceof Error) throw page;
      return { status: 200, headers: {}, url, ...answer(page) };
    },
    close: async () => {},
  };
  return {
    client,
    pages,
    asked,
    requests,
    hold() {
      const { promise, resolve } = Promise.withResolvers<void>();
      gate = promise;
      return resolve;
    },
  };
}

/** Finds by these pages; `ping` knows no repository, and nothing is remembered longer than it is told. */
export function openDiscover({ client }: Vanity, options: Partial<DiscoverOptions> = {}): Discover {
  return createDiscover({
    client,
    gate: openGate(),
    checkVcs: createCheckVcs('', ''),
    audience: () => '',
    ping: async () => {
      throw new Error('nobody should be asked');
    },
    gatherMs: 0,
    ...options,
  });
}

export function openGate() {
  const lane = { running: 100, queued: 100, waitMs: 10_000 };
  return createGate({ zip: lane, file: lane });
}

export function goImport(content: string): string {
  return `<meta name="go-import" content="${content}">`;
}

function answer(page: Exclude<Page, Error>) {
  if (typeof page === 'string') return { body: Readable.from([Buffer.from(page)]) };
  if ('stream' in page) return { body: Readable.from(page.stream()) };
  if (!('status' in page)) return { body: Readable.from([Buffer.from(page.map(goImport).join('\n'))]) };
  const { body = '', ...rest } = page;
  return { ...rest, body: Readable.from([Buffer.from(body)]) };
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const fail = () => reject(signal.reason);
    if (signal.aborted) fail();
    else signal.addEventListener('abort', fail, { once: true });
  });
}
