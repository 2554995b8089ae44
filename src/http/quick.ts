import type { Answer } from '../protocol/answer.ts';
import type { Outgoing } from './exchange.ts';
import { type Encoding, fieldsOf } from './fields.ts';

/**
 * Writes a whole body with status 200 to an HTTP/1.1 connection that is kept, its head made before. False, and
 * nothing written, for any other kind of connection. `encoding` says in what form the body is.
 */
export type QuickWriter = (
  outgoing: Outgoing,
  answer: Answer,
  body: Uint8Array,
  encoding: Encoding,
) => boolean;

/**
 * Node puts a head together anew for each response, with a check of every name and value: about 2 of the 14 µs that
 * a hit costs. Here the heads of hot bodies are kept, checked once, and handed over in the place where `writeHead`
 * leaves its own; all else (queue, corking, keep-alive) stays Node's. Where that place is gone in some later Node,
 * the writer says so by false.
 */
export function createQuickWriter(now: () => number = Date.now): QuickWriter {
  let young = new Map<Uint8Array, Kept>();
  let old = new Map<Uint8Array, Kept>();
  const ending = createEnding(now);

  function keptFor(answer: Answer, body: Uint8Array, encoding: Encoding): Kept {
    let kept = young.get(body);
    if (kept !== undefined && isFor(kept, answer)) return kept;
    kept = old.get(body);
    if (kept === undefined || !isFor(kept, answer)) kept = keep(answer, body, encoding);
    if (young.size >= generation) {
      old = young;
      young = new Map();
    }
    young.set(body, kept);
    return kept;
  }

  return (outgoing, answer, body, encoding) => {
    if (outgoing.shouldKeepAlive !== true) return false;
    const kept = keptFor(answer, body, encoding);
    const { headers } = answer;
    outgoing._header = `${kept.head}${headers === undefined ? '' : headLines(headers)}${ending()}`;
    if (outgoing.headersSent !== true) return false;
    if (kept.text === undefined) outgoing.end(body);
    else outgoing.end(kept.text, 'latin1');
    return true;
  };
}

/** What is kept of a hot body: at most twice so many, each with a text of at most `maxTextBytes`. */
const generation = 1024;

/** Up to this length a body goes out as one string with its head, which costs less than two buffers. */
const maxTextBytes = 2048;

interface Kept {
  readonly contentType: string;
  readonly cacheControl: string;
  readonly etag: string | undefined;
  /** The status line and all headers but those that change. */
  readonly head: string;
  /** The body, a byte a character. */
  readonly text: string | undefined;
}

function isFor(kept: Kept, answer: Answer): boolean {
  const { contentType, cacheControl, etag } = answer;
  return kept.cacheControl === cacheControl && kept.etag === etag && kept.contentType === contentType;
}

function keep(answer: Answer, body: Uint8Array, encoding: Encoding): Kept {
  const { contentType, cacheControl, etag } = answer;
  const head = `HTTP/1.1 200 OK\r\n${headLines(fieldsOf(answer, body.length, encoding))}`;
  const text = body.length <= maxTextBytes ? asLatin1(body) : undefined;
  return { contentType, cacheControl, etag, head, text };
}

/** Throws where a value has a character that could end a line or that no header may have. */
function headLines(fields: readonly string[]): string {
  let lines = '';
  for (let i = 0; i < fields.length; i += 2) {
    const line = `${fields[i]}: ${fields[i + 1]}`;
    if (/[^\t\x20-\x7e]/.test(line)) throw new TypeError('a header has a character that is not allowed');
    lines += `${line}\r\n`;
  }
  return lines;
}

function asLatin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
}

/** The lines that end a head: the date, made once a second, and that the connection is kept. */
function createEnding(now: () => number): () => string {
  let second = Number.NaN;
  let lines = '';
  return () => {
    const current = Math.floor(now() / 1000);
    if (current !== second) {
      second = current;
      lines = `Date: ${new Date(current * 1000).toUTCString()}\r\nConnection: keep-alive\r\n\r\n`;
    }
    return lines;
  };
}
