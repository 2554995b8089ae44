// The client, a process of its own: gets URLs over one connection each, as many at once as it is told, and throws the bodies away.
// It reads into one buffer and parses no more than heads, so that it is not what is measured.
import { connect } from 'node:net';

/** A message from the parent. */
export interface ClientOrder {
  readonly urls: readonly string[];
  readonly headers?: Readonly<Record<string, string>>;
  /** All at once, or one after the other. */
  readonly atOnce: boolean;
}

/** What came of one URL; times in milliseconds from before the connection was made. */
export interface ClientResult {
  readonly status: number;
  /** To the first byte of the body. */
  readonly firstByte: number;
  readonly total: number;
  /** Of the body as it came, with the lengths of chunks where there were some. */
  readonly bytes: number;
  /** What was wrong: no answer, or a body that was cut. */
  readonly failure?: string;
}

const shared = Buffer.allocUnsafeSlow(256 * 1024);

function get(url: string, headers: Readonly<Record<string, string>>): Promise<ClientResult> {
  const { hostname, port, pathname, host } = new URL(url);
  const start = performance.now();
  let head = '';
  let body = false;
  let length: number | undefined;
  let status = 0;
  let bytes = 0;
  let firstByte = 0;
  let tail = '';
  return new Promise((resolve) => {
    const socket = connect({
      host: hostname,
      port: Number(port),
      onread: {
        buffer: shared,
        callback(read: number) {
          take(shared.subarray(0, read));
          return true;
        },
      },
    });
    const finish = (failure?: string) => {
      socket.destroy();
      const result = { status, firstByte, total: performance.now() - start, bytes };
      resolve(failure === undefined ? result : { ...result, failure });
    };
    const take = (chunk: Buffer) => {
      let part = chunk;
      if (!body) {
        const before = head.length;
        head += chunk.toString('latin1');
        const end = head.indexOf('\r\n\r\n');
        if (end < 0) return;
        body = true;
        status = Number(head.slice(9, 12));
        const declared = /\r\ncontent-length: *(\d+)/i.exec(head.slice(0, end + 2));
        length = status === 204 ? 0 : declared === null ? undefined : Number(declared[1]);
        part = chunk.subarray(end + 4 - before);
      }
      if (bytes === 0 && (part.length > 0 || length === 0)) firstByte = performance.now() - start;
      bytes += part.length;
      if (length === undefined) tail = (tail + part.subarray(-5).toString('latin1')).slice(-5);
      else if (bytes >= length) finish();
    };
    socket.on('end', () => {
      if (!body) finish('no answer');
      else if (length !== undefined) finish(`cut at ${bytes} of ${length} bytes`);
      else finish(tail === '0\r\n\r\n' ? undefined : `cut at ${bytes} bytes`);
    });
    socket.on('error', (error) => finish(error.message));
    const lines = Object.entries({ Host: host, Connection: 'close', ...headers });
    socket.write(
      `GET ${pathname} HTTP/1.1\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`,
    );
  });
}

process.on('message', async ({ urls, headers = {}, atOnce }: ClientOrder) => {
  if (atOnce) {
    process.send?.(await Promise.all(urls.map((url) => get(url, headers))));
    return;
  }
  const results: ClientResult[] = [];
  for (const url of urls) results.push(await get(url, headers));
  process.send?.(results);
});
process.on('disconnect', () => process.exit());
process.send?.('ready');
