/** What is used of a request; those of HTTP/1 and HTTP/2 in Node both have it. */
export interface Incoming {
  readonly method?: string | undefined;
  readonly url?: string | undefined;
  readonly httpVersionMajor: number;
  readonly httpVersionMinor: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly socket: Connection;
}

/** What is used of the response to it. */
export interface Outgoing {
  /** Headers are a name, its value, a name, its value. */
  writeHead(status: number, headers: string[]): unknown;
  write(chunk: Uint8Array, callback: (error?: Error | null) => void): unknown;
  end(): unknown;
  end(body: Uint8Array): unknown;
  end(body: string, encoding: 'latin1'): unknown;
  /** `finish`: all was handed to the system, or, for HTTP/2, the stream was reset. `close`: that, or the client left. */
  once(event: 'finish' | 'close', listener: () => void): unknown;
  off(event: 'finish' | 'close', listener: () => void): unknown;
  destroy(): unknown;
  readonly destroyed: boolean;
  /** HTTP/1 only: whether the connection is kept after this response. */
  readonly shouldKeepAlive?: boolean;
  /** Null while another response of the connection goes first. */
  readonly socket: {
    write(bytes: Uint8Array): unknown;
    cork(): void;
    uncork(): void;
  } | null;
  emit(event: 'finish'): unknown;
  /** HTTP/2 only. */
  readonly stream?: {
    close(code: number): void;
    /** 0 where the stream was not reset. */
    readonly rstCode?: number | undefined;
  };
}

/** The socket below: for HTTP/2 the one of the session. */
export interface Connection {
  readonly remoteAddress?: string | undefined;
  readonly remoteFamily?: string | undefined;
  readonly encrypted?: boolean;
  once(event: 'end', listener: () => void): unknown;
  off(event: 'end', listener: () => void): unknown;
  destroy(): unknown;
  resetAndDestroy(): unknown;
}

/**
 * Ends a response so that nobody can take it for a whole one: a reset of the stream, or of the connection where it
 * can be reset.
 */
export function reset(incoming: Incoming, outgoing: Outgoing): void {
  const { socket } = incoming;
  if (outgoing.stream !== undefined) outgoing.stream.close(internalError);
  else if (socket.encrypted === true || socket.remoteFamily === undefined) outgoing.destroy();
  else socket.resetAndDestroy();
}

/** INTERNAL_ERROR of RFC 9113, section 7. */
const internalError = 2;

/** A header that makes sense once only; undefined where it is absent. */
export function header(incoming: Incoming, name: string): string | undefined {
  const value = incoming.headers[name];
  return Array.isArray(value) ? value[0] : value;
}
