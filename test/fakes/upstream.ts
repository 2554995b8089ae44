import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { type FixtureParts, type ModuleFixture, moduleFixture } from './module-zip.ts';
import { parseTxtar } from './txtar.ts';

/** A module of the fake upstream. */
export interface UpstreamModule {
  readonly path: string;
  /** In any order: the list is answered in this order, unsorted, without the pseudo-versions. */
  readonly versions: Readonly<Record<string, FixtureParts>>;
  /** Branches, commits and tags, and the version each resolves to. */
  readonly queries?: Readonly<Record<string, string>>;
  /** What `@latest` says: by default the last of `versions`; null: 404 with an empty body. */
  readonly latest?: string | null;
  /** The text of `@v/list` in place of the default; null: 404. */
  readonly list?: string | null;
}

export interface UpstreamOptions {
  /** As objects or as txtar text: a first line `path@version`, lines `query: main, abcdef`, then `.info`, `.mod` and the zip's files. */
  readonly modules?: readonly (UpstreamModule | string)[];
  /** Milliseconds before every head. */
  readonly latencyMs?: number;
}

type RequestKind = 'list' | 'latest' | 'info' | 'mod' | 'zip' | 'query' | 'other';

/** A request as it arrived. */
interface UpstreamRequest {
  /** The path on the wire, still escaped. */
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  readonly kind: RequestKind;
  /** Unescaped; '' where the path names no module. */
  readonly module: string;
  /** The version or query, unescaped; '' for list and latest. */
  readonly version: string;
  /** Fulfilled when the exchange is over, with whether the answer was written to its end. */
  readonly over: Promise<'finished' | 'cut'>;
}

/** Which requests: the exact path, a pattern of it, fields that must be equal, or a predicate. */
export type Match =
  | string
  | RegExp
  | Partial<Pick<UpstreamRequest, 'kind' | 'module' | 'version'>>
  | ((request: UpstreamRequest) => boolean);

/** What goes wrong. `body` replaces the bytes that would have been answered, where it is given. */
export type Fault =
  /** Another answer altogether; a redirect is `{ status: 302, headers: { location } }`, an HTML page a 200 with its type. */
  | {
      readonly do: 'answer';
      readonly status?: number;
      readonly body?: string | Uint8Array;
      readonly type?: string;
      readonly headers?: Readonly<Record<string, string>>;
    }
  /** The normal answer, this much later. */
  | { readonly do: 'delay'; readonly ms: number }
  /** Nothing before `until` is fulfilled, then the normal answer; with `afterBytes` the head and so many bytes come at once. */
  | {
      readonly do: 'hang';
      readonly until: Promise<unknown>;
      readonly afterBytes?: number;
      readonly body?: string | Uint8Array;
    }
  /** The connection is destroyed: before the head, or after so many bytes of the body. */
  | { readonly do: 'reset'; readonly afterBytes?: number; readonly body?: string | Uint8Array }
  /**
   * The body ends early. Declared `full`: the head promised all of it, so the client can see the cut; `sent`: the
   * length agrees with what is sent; `chunked`: a clean end of a body without length.
   */
  | { readonly do: 'truncate'; readonly bytes: number; readonly declare: 'full' | 'sent' | 'chunked' }
  /** The whole body without a length. */
  | { readonly do: 'chunked'; readonly body?: string | Uint8Array }
  /** A body that never ends, as fast as it is read, beginning with `body`; without a length unless one is declared. */
  | { readonly do: 'endless'; readonly declare?: number; readonly body?: string | Uint8Array }
  /** So many bytes at a time with a pause between. */
  | { readonly do: 'drip'; readonly bytes: number; readonly everyMs: number };

export interface FakeUpstream extends AsyncDisposable {
  /** `http://127.0.0.1:port`, without a trailing slash; the same after a restart. */
  readonly url: string;
  /** Every request so far, in order of arrival. */
  readonly requests: readonly UpstreamRequest[];
  /** How many requests so far. */
  count(match?: Match): number;
  /** Fulfilled with the nth matching request (the first by default), at once when it has come already. */
  request(match: Match, nth?: number): Promise<UpstreamRequest>;
  /** Switches a fault on until the returned function is called; the fault added last wins. `times` limits how often it strikes. */
  fault(match: Match, fault: Fault, times?: number): () => void;
  /** Adds a module, or replaces one with the same path. */
  add(module: UpstreamModule | string): Promise<void>;
  /** Removes a module: everything of it is 404 from now on. */
  remove(path: string): void;
  /** A version as it is served. */
  fixture(path: string, version: string): ModuleFixture;
  /** Closes the port and every connection: dialing is refused. */
  stop(): Promise<void>;
  /** Listens again on the same port. */
  restart(): Promise<void>;
  close(): Promise<void>;
}

/** A module proxy on a free loopback port, with the faults a test asks for. */
export async function startUpstream(options: UpstreamOptions = {}): Promise<FakeUpstream> {
  const modules = new Map<string, Served>();
  const requests: UpstreamRequest[] = [];
  const faults: { match: Match; fault: Fault; left: number }[] = [];
  const waiting = new Set<() => void>();

  async function add(module: UpstreamModule | string): Promise<void> {
    const given = typeof module === 'string' ? parseModule(module) : module;
    const served = await serve(given);
    const known = modules.get(given.path);
    // Each txtar file holds one version of a module, as in the go command's own test data.
    modules.set(given.path, typeof module === 'string' && known ? merge(known, served) : served);
  }
  for (const module of options.modules ?? []) await add(module);

  const server = createServer((incoming, response) => {
    const over = new Promise<'finished' | 'cut'>((resolve) => {
      response.on('close', () => resolve(response.writableFinished ? 'finished' : 'cut'));
    });
    const request: UpstreamRequest = {
      ...parseRequest(incoming.url ?? '/'),
      headers: incoming.headers,
      over,
    };
    requests.push(request);
    for (const check of waiting) check();
    const struck = faults.findLast((entry) => entry.left > 0 && matches(entry.match, request));
    if (struck) struck.left--;
    void respond(response, answerOf(modules, request), struck?.fault, options.latencyMs ?? 0);
  });
  server.keepAliveTimeout = 60_000;
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;

  async function stop(): Promise<void> {
    if (!server.listening) return;
    const closed = once(server, 'close');
    server.close();
    server.closeAllConnections();
    await closed;
  }

  const count = (match?: Match): number =>
    match === undefined ? requests.length : requests.filter((request) => matches(match, request)).length;

  return {
    url: `http://127.0.0.1:${port}`,
    requests,
    count,
    request(match, nth = 1) {
      return new Promise((resolve) => {
        const check = (): void => {
          const found = requests.filter((request) => matches(match, request))[nth - 1];
          if (!found) return;
          waiting.delete(check);
          resolve(found);
        };
        waiting.add(check);
        check();
      });
    },
    fault(match, fault, times = Number.POSITIVE_INFINITY) {
      const entry = { match, fault, left: times };
      faults.push(entry);
      return () => {
        entry.left = 0;
      };
    },
    add,
    remove(path) {
      modules.delete(path);
    },
    fixture(path, version) {
      const found = modules.get(path)?.fixtures.get(version);
      if (!found) throw new Error(`the fake upstream has no ${path}@${version}`);
      return found;
    },
    stop,
    async restart() {
      server.listen(port, '127.0.0.1');
      await once(server, 'listening');
    },
    close: stop,
    [Symbol.asyncDispose]: stop,
  };
}

/** The module texts of `test/testdata/*.txtar`, or of another folder. */
export async function readModuleTexts(
  folder = fileURLToPath(new URL('../testdata/', import.meta.url)),
): Promise<string[]> {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.txtar')).sort();
  return Promise.all(names.map((name) => readFile(`${folder}/${name}`, 'utf8')));
}

interface Served {
  readonly fixtures: Map<string, ModuleFixture>;
  readonly queries: Map<string, string>;
  readonly latest: string | null | undefined;
  readonly list: string | null | undefined;
}

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: Buffer;
  readonly headers?: Readonly<Record<string, string>>;
}

async function serve(module: UpstreamModule): Promise<Served> {
  const fixtures = new Map<string, ModuleFixture>();
  for (const [version, parts] of Object.entries(module.versions)) {
    fixtures.set(version, await moduleFixture({ path: module.path, version }, parts));
  }
  return {
    fixtures,
    queries: new Map(Object.entries(module.queries ?? {})),
    latest: module.latest,
    list: module.list,
  };
}

function merge(a: Served, b: Served): Served {
  return {
    fixtures: new Map([...a.fixtures, ...b.fixtures]),
    queries: new Map([...a.queries, ...b.queries]),
    latest: b.latest ?? a.latest,
    list: b.list ?? a.list,
  };
}

function parseModule(text: string): UpstreamModule {
  const { comment, files } = parseTxtar(text);
  const [head = '', ...lines] = comment.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  const at = head.lastIndexOf('@');
  if (at < 0) throw new Error(`a module text begins with path@version, not with ${JSON.stringify(head)}`);
  const path = head.slice(0, at);
  const version = head.slice(at + 1).trim();
  const queries: Record<string, string> = {};
  for (const line of lines) {
    const names = /^query: (.+)$/.exec(line)?.[1];
    if (names === undefined) throw new Error(`${head}: what does ${JSON.stringify(line)} mean?`);
    for (const name of names.split(',')) queries[name.trim()] = version;
  }
  const inZip = Object.fromEntries([...files].filter(([name]) => name !== '.info' && name !== '.mod'));
  const mod = files.get('.mod');
  const info = files.get('.info');
  const parts: FixtureParts = {
    files: inZip,
    ...(mod === undefined ? {} : { mod }),
    ...(info === undefined ? {} : { info }),
  };
  return { path, versions: { [version]: parts }, queries };
}

function parseRequest(url: string): Pick<UpstreamRequest, 'path' | 'kind' | 'module' | 'version'> {
  const plain = decodeURIComponent(url.slice(1));
  const other = { path: url, kind: 'other', module: '', version: '' } as const;
  if (plain.endsWith('/@latest')) {
    return { ...other, kind: 'latest', module: unescapeCase(plain.slice(0, -'/@latest'.length)) };
  }
  const found = /^(.+)\/@v\/(?:list|(.+)\.(info|mod|zip))$/.exec(plain);
  if (!found) return other;
  const module = unescapeCase(found[1]!);
  if (found[2] === undefined) return { ...other, kind: 'list', module };
  const version = unescapeCase(found[2]);
  const canonical = /^v\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?(\+incompatible)?$/.test(version);
  return { path: url, kind: canonical ? (found[3] as 'info') : 'query', module, version };
}

function unescapeCase(text: string): string {
  return text.replace(/!([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

function matches(match: Match, request: UpstreamRequest): boolean {
  if (typeof match === 'string') return request.path === match;
  if (match instanceof RegExp) return match.test(request.path);
  if (typeof match === 'function') return match(request);
  return (
    (match.kind ?? request.kind) === request.kind &&
    (match.module ?? request.module) === request.module &&
    (match.version ?? request.version) === request.version
  );
}

function answerOf(modules: ReadonlyMap<string, Served>, request: UpstreamRequest): Answer {
  const served = modules.get(request.module);
  if (!served) return absent(`not found: ${request.module}: no such module`);
  const { fixtures } = served;
  switch (request.kind) {
    case 'list':
      if (served.list === null) return absent(`not found: ${request.module}: no list`);
      return text(
        served.list ??
          [...fixtures.keys()]
            .filter(isTagged)
            .map((version) => `${version}\n`)
            .join(''),
      );
    case 'latest': {
      if (served.latest === null) return absent('');
      const latest = fixtures.get(served.latest ?? [...fixtures.keys()].at(-1) ?? '');
      return latest ? json(latest.info) : absent(`not found: ${request.module}: no versions`);
    }
    case 'query': {
      const named = fixtures.get(served.queries.get(request.version) ?? '');
      if (named && request.path.endsWith('.info')) return json(named.info);
      return absent(
        `not found: ${request.module}@${request.version}: invalid version: unknown revision ${request.version}`,
      );
    }
    case 'info':
    case 'mod':
    case 'zip': {
      // `v2.0.0` may be a query too, for what is `v2.0.0+incompatible`.
      const named = request.kind === 'info' ? served.queries.get(request.version) : undefined;
      const fixture = fixtures.get(named ?? request.version);
      if (!fixture) {
        return absent(
          `not found: ${request.module}@${request.version}: invalid version: unknown revision ${request.version}`,
        );
      }
      if (request.kind === 'info') return json(fixture.info);
      if (request.kind === 'mod') return { ...text(''), body: fixture.mod };
      return { status: 200, type: 'application/zip', body: fixture.zip };
    }
    default:
      return absent(`not found: ${request.path}`);
  }
}

function isTagged(version: string): boolean {
  return !/[-.]\d{14}-[0-9a-f]{12}(\+incompatible)?$/.test(version);
}

function text(body: string, status = 200): Answer {
  return { status, type: 'text/plain; charset=utf-8', body: Buffer.from(body) };
}

function json(body: Buffer): Answer {
  return { status: 200, type: 'application/json', body };
}

function absent(reason: string): Answer {
  return text(reason, 404);
}

async function respond(
  response: ServerResponse,
  normal: Answer,
  fault: Fault | undefined,
  latencyMs: number,
): Promise<void> {
  response.on('error', () => {});
  const late = latencyMs + (fault?.do === 'delay' ? fault.ms : 0);
  if (late > 0) await pause(response, late);
  const answer: Answer =
    fault && 'body' in fault && fault.body !== undefined
      ? { ...normal, body: Buffer.from(fault.body) }
      : normal;
  const { body } = answer;
  const head = (length: number | undefined): void => {
    response.writeHead(answer.status, {
      'content-type': answer.type,
      ...(length === undefined ? {} : { 'content-length': length }),
    });
  };
  switch (fault?.do) {
    case undefined:
    case 'delay':
      head(body.length);
      response.end(body);
      return;
    case 'answer': {
      const content = fault.body === undefined ? Buffer.alloc(0) : body;
      response.writeHead(fault.status ?? 200, {
        'content-type': fault.type ?? 'text/plain; charset=utf-8',
        'content-length': content.length,
        ...fault.headers,
      });
      response.end(content);
      return;
    }
    case 'hang':
      if (fault.afterBytes !== undefined) {
        head(body.length);
        await write(response, body.subarray(0, fault.afterBytes));
      }
      await Promise.race([fault.until, once(response, 'close')]);
      if (response.destroyed) return;
      if (fault.afterBytes === undefined) head(body.length);
      response.end(body.subarray(fault.afterBytes ?? 0));
      return;
    case 'reset':
      if (fault.afterBytes !== undefined) {
        head(body.length);
        await write(response, body.subarray(0, fault.afterBytes));
      }
      response.socket?.resetAndDestroy();
      return;
    case 'truncate': {
      const part = body.subarray(0, fault.bytes);
      head(fault.declare === 'chunked' ? undefined : fault.declare === 'full' ? body.length : part.length);
      if (fault.declare !== 'full') {
        response.end(part);
        return;
      }
      await write(response, part);
      response.destroy();
      return;
    }
    case 'chunked':
      head(undefined);
      response.end(body);
      return;
    case 'endless':
      head(fault.declare);
      if (fault.body !== undefined) await write(response, body);
      while (!response.destroyed) await write(response, Buffer.alloc(65_536, 'a'));
      return;
    case 'drip':
      head(body.length);
      for (let sent = 0; sent < body.length && !response.destroyed; sent += fault.bytes) {
        if (sent > 0) await pause(response, fault.everyMs);
        await write(response, body.subarray(sent, sent + fault.bytes));
      }
      response.end();
      return;
  }
}

/** Fulfilled when the bytes have left for the kernel, or the client is gone; never at once, since the client shares this event loop. */
function write(response: ServerResponse, bytes: Buffer): Promise<void> {
  return new Promise((resolve) => {
    if (response.destroyed) return resolve();
    const done = (): void => {
      response.off('close', done);
      setImmediate(resolve);
    };
    response.flushHeaders();
    response.on('close', done);
    response.write(bytes, done);
  });
}

function pause(response: ServerResponse, ms: number): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      response.off('close', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    response.on('close', done);
  });
}
