import { Readable } from 'node:stream';
import type { Dispatcher } from 'undici';
import { StoaError } from '../errors.ts';
import { type Deadlines, describeCut, describeFailure } from './failure.ts';
import type { Way } from './pool.ts';

/** One request on its way. */
export interface Exchange {
  /** Who is asked, for messages. */
  readonly host: string;
  readonly headers: Readonly<Record<string, string>>;
  /** What is posted; absent: it is a GET. */
  readonly body?: string;
  readonly deadlines: Deadlines;
  /** Decides by the head how much of the body may come. */
  readonly limit: (head: Head) => BodyLimit;
  /** Ends the exchange, and the body after it, with the reason, a StoaError. */
  readonly signal: AbortSignal;
}

export interface Head {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** The declared length of the body as it is sent. */
  readonly size?: number;
}

/** Bytes of body that may come, and what more than that is: an end, or an error. */
export interface BodyLimit {
  readonly bytes: number;
  readonly cut: boolean;
}

/** A head, and the body as it was sent. Errors of a body that nobody listens to do not end the process. */
export interface Answer extends Head {
  readonly body: Readable;
}

/**
 * Sends one request and answers with its head; no redirect, no second try. The body is a stream of its own rather
 * than undici's, so that its limit, its errors and the abort of a request that still waits for a connection
 * are decided in one place, without a second stream in between.
 */
export function exchange(way: Way, request: Exchange): Promise<Answer> {
  const { host, deadlines, signal } = request;
  return new Promise((resolve, reject) => {
    let controller: Dispatcher.DispatchController | undefined;
    let body: Readable | undefined;
    let size: number | undefined;
    let limit: BodyLimit = { bytes: 0, cut: false };
    let received = 0;
    let isOver = false;

    function finish(error?: StoaError): void {
      if (isOver) return;
      isOver = true;
      signal.removeEventListener('abort', onAbort);
      if (error === undefined) {
        body?.push(null);
        return;
      }
      reject(error);
      body?.destroy(error);
      controller?.abort(error);
    }

    function onAbort(): void {
      finish(signal.reason);
    }

    function openBody(): Readable {
      const stream = new Readable({
        highWaterMark: 64 * 1024,
        read: () => controller?.resume(),
        destroy(error, done) {
          isOver = true;
          signal.removeEventListener('abort', onAbort);
          controller?.abort(error ?? new Error('the body is not wanted any more'));
          done(error);
        },
      });
      return stream.on('error', () => {});
    }

    if (signal.aborted) return reject(signal.reason);
    signal.addEventListener('abort', onAbort);
    const options: Dispatcher.DispatchOptions = {
      origin: way.origin,
      path: way.path,
      method: request.body === undefined ? 'GET' : 'POST',
      ...(request.body !== undefined && { body: request.body }),
      headers: { ...request.headers, ...way.headers },
      headersTimeout: deadlines.firstByteMs,
      bodyTimeout: deadlines.idleMs,
      ...(way.servername && { servername: way.servername }),
    };
    way.dispatcher.dispatch(options, {
      onRequestStart(current) {
        controller = current;
        if (isOver) current.abort(signal.reason);
      },
      onResponseStart(_, status, headers) {
        if (status < 200 || isOver) return;
        size = declaredSize(status, headers);
        const head = { status, headers, ...(size === undefined ? {} : { size }) };
        limit = request.limit(head);
        if (!limit.cut && size !== undefined && size > limit.bytes) {
          const text = `${host}: the answer has ${size} bytes, more than the ${limit.bytes} allowed`;
          return finish(new StoaError('integrity', text));
        }
        body = openBody();
        resolve({ ...head, body });
      },
      onResponseData(current, chunk) {
        if (isOver || body === undefined) return;
        received += chunk.length;
        if (received <= limit.bytes) {
          if (!body.push(chunk)) current.pause();
        } else if (limit.cut) {
          body.push(chunk.subarray(0, chunk.length - (received - limit.bytes)));
          finish();
          current.abort(new Error('the rest is not wanted'));
        } else {
          finish(
            new StoaError('integrity', `${host}: the answer has more than the ${limit.bytes} bytes allowed`),
          );
        }
      },
      onResponseEnd() {
        finish();
      },
      onResponseError(_, error) {
        finish(
          body === undefined
            ? describeFailure(error, host, deadlines)
            : describeCut(error, host, deadlines, received, size),
        );
      },
    });
  });
}

/** The Content-Length where it tells the length of a body that follows. */
function declaredSize(status: number, headers: Head['headers']): number | undefined {
  const { 'content-length': value, 'transfer-encoding': coding } = headers;
  if (status === 204 || status === 304 || coding !== undefined) return undefined;
  return typeof value === 'string' && /^\d{1,15}$/.test(value) ? Number(value) : undefined;
}
