import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { unescapePath } from '../../src/module/path.ts';
import { formatModuleVersion, type ModuleVersion, unescapeVersion } from '../../src/module/version.ts';
import { generateKey, parseSignerKey, type Signer, signNote } from '../../src/sumdb/note.ts';
import { formatRecord } from '../../src/sumdb/record.ts';
import { formatSums, type Sums } from '../../src/sumdb/sums.ts';
import { dataLevel, parseTilePath, tileData, tileInTree } from '../../src/sumdb/tile.ts';
import { formatTree, hashSize, recordHash } from '../../src/sumdb/tlog.ts';
import { createMemoryLog, type MemoryLog } from '../sumdb/log.ts';

/** What the database does wrong, until it is told to stop. */
type Lie =
  /** Answers the record of another module, and the lines that were asked for in the signed note, which no log has. */
  | { readonly tells: 'foreign lines' }
  /** Answers a record that it has logged, and that says nothing. */
  | { readonly tells: 'empty record' }
  /** Other hashes for a version than its log has; forged ones come with a tile that makes them look right. */
  | { readonly tells: 'wrong record' | 'forged record'; readonly sums: Sums }
  /** The heads of an earlier time. */
  | { readonly tells: 'old head'; readonly size: number }
  /** Signs with a key of its own of the same name, or under the hash of the true one. */
  | { readonly tells: 'wrong key' | 'forged signature' }
  /** One hash of each tile is missing. */
  | { readonly tells: 'truncated tiles' }
  /** Has only full tiles, as a cache may that never saw the others. */
  | { readonly tells: 'no parts of tiles' }
  /** This status, or a page for browsers, whatever is asked for. */
  | { readonly tells: 'status'; readonly status: number; readonly target?: RegExp }
  | { readonly tells: 'page' };

export interface FakeSumdb extends AsyncDisposable {
  readonly name: string;
  /** `name+hash+base64`: with `url` behind it what GOSUMDB takes. */
  readonly verifierKey: string;
  /**
   * Where it is, without a trailing slash. Below `/sumdb/<name>` of it are the same answers, as those of a module proxy that
   * passes them on.
   */
  readonly url: string;
  /** Records so far. */
  readonly size: number;
  /** The targets of all requests so far, such as `tile/8/0/000`. */
  readonly requests: readonly string[];
  /** The headers of all requests so far. */
  readonly headers: readonly IncomingMessage['headers'][];
  /** Logs a version, by default with made-up hashes; answers these. */
  add(version: ModuleVersion, sums?: Partial<Sums>): Sums;
  /** Logs so many records of modules that nobody asks for. */
  grow(count: number): void;
  /** Forgets what it signed from that record on, and logs other ones in their place. */
  rewrite(from: number): void;
  lie(lie: Lie): () => void;
  /** Closes the port and every connection: dialing is refused. */
  stop(): Promise<void>;
  /** Listens again on the same port. */
  restart(): Promise<void>;
}

export interface FakeSumdbOptions {
  readonly name?: string;
  readonly modules?: readonly (ModuleVersion & Partial<Sums>)[];
}

/** A checksum database on a free loopback port, which signs its own log and lies where it is told to. */
export async function startSumdb(options: FakeSumdbOptions = {}): Promise<FakeSumdb> {
  const { name = 'sum.example.com', modules = [] } = options;
  const key = generateKey(name, createHash('sha256').update(name).digest());
  const signer = parseSignerKey(key.signerKey);
  const forger = parseSignerKey(generateKey(name, Buffer.alloc(32, 1)).signerKey);
  const requests: string[] = [];
  const headers: IncomingMessage['headers'][] = [];
  const lies = new Set<Lie>();
  let log = createMemoryLog();
  let records: Buffer[] = [];
  const ids = new Map<string, number>();

  function append(text: string): void {
    records.push(Buffer.from(text));
    log.append(Buffer.from(text));
  }

  function told<T extends Lie['tells']>(tells: T): (Lie & { readonly tells: T }) | undefined {
    return [...lies].find((lie): lie is Lie & { readonly tells: T } => lie.tells === tells);
  }

  function head(more = ''): Buffer {
    const tree = log.tree(told('old head')?.size ?? log.size);
    return signNote(formatTree(tree) + more, [signerNow()]);
  }

  function signerNow(): Signer {
    if (told('wrong key')) return forger;
    return told('forged signature') ? { ...signer, sign: forger.sign } : signer;
  }

  /** The answer to a look-up; undefined where the version is not known. */
  function lookup(target: string): Buffer | undefined {
    const [, path = '', version = ''] = /^lookup\/([^@]+)@(.+)$/.exec(target) ?? [];
    const asked = { path: unescapePath(path), version: unescapeVersion(version) };
    const id = ids.get(formatModuleVersion(asked));
    if (id === undefined) return undefined;
    if (told('foreign lines'))
      return Buffer.concat([
        formatRecord(id + 1, records[id + 1]!),
        head(formatSums(asked, sumsOf('foreign'))),
      ]);
    if (told('empty record')) {
      append('\n');
      return Buffer.concat([formatRecord(log.size - 1, Buffer.from('\n')), head()]);
    }
    const forged = told('wrong record') ?? told('forged record');
    const text = forged ? Buffer.from(formatSums(asked, forged.sums)) : records[id]!;
    return Buffer.concat([formatRecord(id, text), head()]);
  }

  function tile(target: string): Buffer | undefined {
    const asked = parseTilePath(target);
    const { height, level, number, width } = asked;
    if ((tileInTree(asked, log.size)?.width ?? 0) < width) return undefined;
    if (width < 2 ** height && told('no parts of tiles')) return undefined;
    const first = number * 2 ** height;
    if (level === dataLevel)
      return Buffer.concat(records.slice(first, first + width).flatMap((text) => [text, Buffer.from('\n')]));
    const data = log.read(tileData(asked));
    const forged = told('forged record');
    if (forged && level === 0) {
      for (const [module, id] of ids) {
        if (id < first || id >= first + width) continue;
        const at = module.lastIndexOf('@');
        const version = { path: module.slice(0, at), version: module.slice(at + 1) };
        recordHash(Buffer.from(formatSums(version, forged.sums))).copy(data, (id - first) * hashSize);
      }
    }
    return told('truncated tiles') ? data.subarray(hashSize) : data;
  }

  function answer(target: string): { status: number; type?: string; body: string | Buffer } {
    const broken = told('status');
    if (broken && (broken.target?.test(target) ?? true))
      return { status: broken.status, body: 'out of order\n' };
    if (told('page')) return { status: 200, type: 'text/html', body: '<html>Sign in</html>\n' };
    if (target === 'supported') return { status: 200, body: '' };
    if (target === 'latest') return { status: 200, body: head() };
    const body = target.startsWith('lookup/') ? lookup(target) : tile(target);
    if (body === undefined) return { status: 404, body: 'not found: no such thing is logged\n' };
    return { status: 200, body };
  }

  function handle(request: IncomingMessage, response: ServerResponse): void {
    const path = decodeURIComponent(new URL(request.url!, 'http://localhost').pathname);
    const target = path.replace(`/sumdb/${name}/`, '/').slice(1);
    requests.push(target);
    headers.push(request.headers);
    const { status, type = 'text/plain; charset=UTF-8', body } = answer(target);
    response.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(body) });
    response.end(body);
  }

  const server = createServer(handle);
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

  const fake: FakeSumdb = {
    name,
    verifierKey: key.verifierKey,
    url: `http://127.0.0.1:${port}`,
    get size() {
      return log.size;
    },
    requests,
    headers,
    add(version, sums = {}) {
      const made = { ...sumsOf(formatModuleVersion(version)), ...sums };
      ids.set(formatModuleVersion(version), log.size);
      append(formatSums(version, made));
      return made;
    },
    grow(count) {
      for (let left = count; left > 0; left--) {
        const version = { path: 'example.com/filler', version: `v1.0.${log.size}` };
        append(formatSums(version, sumsOf(formatModuleVersion(version))));
      }
    },
    rewrite(from) {
      const old = records;
      [log, records] = rebuilt(old.slice(0, from));
      for (let id = from; id < old.length; id++) append(`rewritten ${id}\n`);
    },
    lie(lie) {
      lies.add(lie);
      return () => lies.delete(lie);
    },
    stop,
    async restart() {
      server.listen(port, '127.0.0.1');
      await once(server, 'listening');
    },
    [Symbol.asyncDispose]: stop,
  };
  for (const { path, version, ...sums } of modules) fake.add({ path, version }, sums);
  return fake;
}

/** Hashes that follow from a text; of no content. */
export function sumsOf(text: string): Sums {
  const hash = (what: string) => `h1:${createHash('sha256').update(`${what} ${text}`).digest('base64')}`;
  return { zip: hash('zip'), mod: hash('mod') };
}

function rebuilt(records: readonly Buffer[]): [MemoryLog, Buffer[]] {
  const log = createMemoryLog();
  for (const record of records) log.append(record);
  return [log, [...records]];
}
