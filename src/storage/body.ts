import { StoaError } from '../errors.ts';
import { blobFlags, diskError, nodeFiles } from './disk-files.ts';
import type { PoolGate } from './pool-gate.ts';
import type { Body, FileBody } from './store.ts';

/** True for a body that is a finished local file. */
export function isFileBody(body: Body): body is FileBody {
  return !(body instanceof Uint8Array) && 'file' in body;
}

/**
 * The bytes of any body, for a store that copies them. A chunk is valid only until the next one is asked for.
 * A file that has not the size it is said to have ends it with a `storage` error; its reads pass the gate,
 * where there is one.
 */
export async function* readBody(body: Body, gate?: PoolGate): AsyncGenerator<Uint8Array> {
  if (body instanceof Uint8Array) yield body;
  else if (isFileBody(body)) yield* readFileBody(body, gate);
  else yield* body;
}

/** Throws `storage` unless a finished file has the size that was told. */
export function checkBodySize({ file, size }: FileBody, found: number): void {
  if (found !== size)
    throw new StoaError('storage', `${file}: has ${found} bytes, not the ${size} it should have`);
}

/** Bytes of a finished file that are read at once. */
const copyBytes = 1024 * 1024;

async function* readFileBody(body: FileBody, gate: PoolGate | undefined): AsyncGenerator<Uint8Array> {
  const run = <T>(work: () => Promise<T>) => (gate === undefined ? work() : gate.run(work));
  const what = `${body.file}: cannot be read`;
  const fd = await run(() => nodeFiles.open(body.file, blobFlags)).catch((error: unknown) => {
    throw diskError(what, error);
  });
  try {
    const buffer = Buffer.allocUnsafe(Math.min(copyBytes, body.size + 1));
    let position = 0;
    for (;;) {
      const at = position;
      const count = await run(() => nodeFiles.read(fd, buffer, buffer.length, at));
      position += count;
      if (count === 0 || position > body.size) break;
      yield buffer.subarray(0, count);
    }
    checkBodySize(body, position);
  } catch (error) {
    throw diskError(what, error);
  } finally {
    await nodeFiles.close(fd);
  }
}
