import { StoaError, toStoaError } from '../errors.ts';
import type { Opened } from '../stash/modules.ts';
import { type Incoming, type Outgoing, reset } from './exchange.ts';
import type { ByteRange } from './range.ts';

/** What went out. `error` is set where the client did not get the whole. */
export interface Sent {
  readonly status: number;
  /** Of the body. */
  readonly bytes: number;
  readonly error?: StoaError | undefined;
}

/** The head of a streamed answer. */
export interface Head {
  readonly status: number;
  readonly headers: string[];
}

/**
 * Sends an open file, or a range of it, and closes it. The head goes out with the first bytes, so that a failure
 * before them is thrown and can still be answered; a later one resets the connection and is told in `error`.
 */
export async function sendOpened(
  incoming: Incoming,
  outgoing: Outgoing,
  opened: Opened,
  head: Head,
  range?: ByteRange,
): Promise<Sent> {
  const left = new AbortController();
  const leave = () => left.abort(clientLeft());
  outgoing.once('close', leave);
  const length = range === undefined ? opened.size : range.end - range.start;
  let started = false;
  let bytes = 0;
  try {
    for await (const chunk of opened.read({ ...range, signal: left.signal })) {
      if (!started) outgoing.writeHead(head.status, head.headers);
      started = true;
      if (length !== undefined && bytes + chunk.length > length) throw wrongLength('more');
      await write(outgoing, chunk, left);
      bytes += chunk.length;
    }
    if (length !== undefined && bytes < length) throw wrongLength('fewer');
    if (!started) outgoing.writeHead(head.status, head.headers);
    outgoing.end();
    return { status: head.status, bytes };
  } catch (error) {
    const failure = left.signal.aborted ? (left.signal.reason as StoaError) : toStoaError(error);
    if (!started) throw failure;
    reset(incoming, outgoing);
    return { status: head.status, bytes, error: failure };
  } finally {
    outgoing.off('close', leave);
    await opened.close();
  }
}

/**
 * Fulfilled when the system has taken the chunk, whose memory belongs to the reader again then. A chunk that can't be
 * written means that the client left; a destroyed response calls no callback, hence the signal.
 */
function write(outgoing: Outgoing, chunk: Uint8Array, left: AbortController): Promise<void> {
  const { signal } = left;
  return new Promise((resolve, reject) => {
    const leave = () => reject(signal.reason);
    if (outgoing.destroyed) left.abort(clientLeft());
    if (signal.aborted) {
      leave();
      return;
    }
    signal.addEventListener('abort', leave, { once: true });
    outgoing.write(chunk, (error) => {
      if (error) left.abort(clientLeft(error));
      signal.removeEventListener('abort', leave);
      resolve();
    });
  });
}

function clientLeft(cause?: unknown): StoaError {
  return new StoaError('canceled', 'the client left', { cause });
}

function wrongLength(than: 'more' | 'fewer'): StoaError {
  return new StoaError('storage', `the file gave ${than} bytes than its size says`);
}
