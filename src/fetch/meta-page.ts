import type { Readable } from 'node:stream';
import { StoaError } from '../errors.ts';
import type { HttpClient, HttpReply } from '../net/client.ts';
import { isUnknownHost } from '../net/failure.ts';
import { createShare } from '../work/share.ts';
import type { Gate } from './gate.ts';
import { type GoImport, type GoImports, parseGoImports } from './go-import.ts';
import { createRecent } from './recent.ts';
import { statusError } from './status-error.ts';

/** What the page of an import path says. */
export interface MetaPage {
  /** Its address, for messages. */
  readonly url: string;
  readonly imports: readonly GoImport[];
}

/**
 * The page of an import path as it is shown to who asks for the module `module`. It is read once for all who ask at once,
 * and kept for a while. Throws `notFound` when the host says that there is none, has none with a `go-import` tag, or does
 * not exist; `upstream`, `timeout` or `integrity` (more than 1 MiB without the end of its head) when that is not known. Messages
 * begin with the page's host or address.
 */
export type ReadMetaPage = (path: string, module: string, signal: AbortSignal) => Promise<MetaPage>;

/** Tells whether a module may be read over what others on the way can change. */
export type IsInsecure = (module: string) => boolean;

export interface MetaPageOptions {
  readonly client: HttpClient;
  readonly gate: Gate;
  /** Equal for modules that every host treats alike. */
  readonly audience: (module: string) => string;
  /** For these modules a page may come from a host with any certificate, or over plain http where no other way leads there. */
  readonly isInsecure: IsInsecure;
  readonly now: () => number;
  /** Milliseconds for which a page with tags is kept. */
  readonly keepMs: number;
  /** Milliseconds that one page may take. */
  readonly deadlineMs: number;
}

/** Characters of tags that are kept. */
const maxKept = 4 * 1024 * 1024;

/** Of a page; the go command reads on for ever. */
const maxPageBytes = 1024 * 1024;

export function createMetaPages(options: MetaPageOptions): ReadMetaPage {
  const { client, gate, audience, isInsecure, now, keepMs, deadlineMs } = options;
  const kept = createRecent<MetaPage>({ maxSize: maxKept, lifetimeMs: keepMs, now });
  const share = createShare<MetaPage>({ deadlineMs, late: (path) => `${hostOf(path)}: no answer` });

  /** The answer, and where it was asked for: where one way leads nowhere, by the next one. */
  async function ask(ways: readonly [Way, ...Way[]], module: string, signal: AbortSignal): Promise<Asked> {
    const [{ url, insecure }, next, ...others] = ways;
    const late = new AbortController();
    const timer = next && setTimeout(() => late.abort(), patienceMs);
    try {
      const reply = await client.get(url, {
        signal: AbortSignal.any([signal, late.signal]),
        module,
        stranger: true,
        insecure,
        // Not the size of the page counts but how much of it is read.
        maxBytes: Number.MAX_SAFE_INTEGER,
        compressed: true,
      });
      return { url, reply };
    } catch (error) {
      if (next === undefined || signal.aborted || isUnknownHost(error)) throw error;
      return ask([next, ...others], module, signal);
    } finally {
      clearTimeout(timer);
    }
  }

  async function fetch(page: URL, module: string, signal: AbortSignal): Promise<MetaPage> {
    const leave = await gate.enter(page.host, 'file', signal);
    try {
      const { url, reply } = await ask(waysTo(page, isInsecure(module)), module, signal);
      const { imports, end } = await readHead(url.host, reply.body);
      if (imports.length > 0) return { url: url.href, imports };
      if (reply.status !== 200) throw statusError(url.href, reply);
      const reason = typeof end === 'string' ? '' : ` (as far as it can be read: ${end.problem})`;
      throw new StoaError('notFound', `no go-import meta tag at ${url.href}${reason}`);
    } catch (error) {
      if (!isUnknownHost(error)) throw error;
      throw new StoaError('notFound', `${page.host}: no such host`, { cause: error });
    } finally {
      leave();
    }
  }

  return async (path, module, signal) => {
    const key = `${path} ${audience(module)}`;
    const known = kept.get(key);
    if (known !== undefined) return known;
    const page = await share(key, signal, (work) => fetch(pageUrl(path), module, work));
    kept.set(key, page, JSON.stringify(page).length);
    return page;
  };
}

/** How a page is asked for. */
interface Way {
  readonly url: URL;
  readonly insecure: boolean;
}

interface Asked {
  readonly url: URL;
  readonly reply: HttpReply;
}

/** Milliseconds for a way to a page when there is another one, as the go command has it. */
const patienceMs = 5_000;

/** The go command's ways (cmd/go/internal/web); before them the one over which a credential may go. */
function waysTo(url: URL, insecure: boolean): readonly [Way, ...Way[]] {
  const safe = { url, insecure: false };
  if (!insecure) return [safe];
  const plain = new URL(url);
  plain.protocol = 'http:';
  return [safe, { url, insecure }, { url: plain, insecure }];
}

/** The page of an import path (urlForImportPath of cmd/go/internal/vcs). */
function pageUrl(path: string): URL {
  const host = hostOf(path);
  return new URL(`https://${host}${path.slice(host.length) || '/'}?go-get=1`);
}

function hostOf(path: string): string {
  return path.split('/', 1)[0]!;
}

/** The tags of a page, of which no more is read than its head; the rest is not taken from the wire. */
async function readHead(host: string, body: Readable): Promise<GoImports> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  let nextTry = 0;
  for await (const chunk of body as AsyncIterable<Uint8Array>) {
    chunks.push(chunk);
    size += chunk.length;
    if (size >= maxPageBytes) break;
    if (size < nextTry) continue;
    // The whole is read again each time, so not for every chunk.
    nextTry = size * 2;
    const found = parseGoImports(Buffer.concat(chunks));
    if (found.end !== 'page') return found;
  }
  const found = parseGoImports(Buffer.concat(chunks).subarray(0, maxPageBytes));
  if (found.end === 'page' && found.imports.length === 0 && size >= maxPageBytes) {
    throw new StoaError('integrity', `${host}: its page has more than 1 MiB and no end of its head`);
  }
  return found;
}
