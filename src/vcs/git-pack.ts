import { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { type GitSetup, gitCommand } from './git-command.ts';
import { named, packFailure } from './git-failure.ts';
import type { Remote } from './remote.ts';

/** Packs that are larger stay packs; of smaller ones the objects are kept one by one, so that there are not too many. */
const looseBytes = 64 * 1024;
const looseObjects = 100;

/** Milliseconds for a small pack. */
const unpackMs = 60_000;

/**
 * Puts the objects of a pack into a repository: all of them, or none. Gives how many bytes came, and about how many
 * they take there. A piece of the pack needs to stay valid only until the next is asked for. Throws `integrity` for a
 * broken pack and for one that is larger than `maxBytes`.
 */
export async function storePack(
  setup: GitSetup,
  remote: Remote,
  folder: string,
  pack: AsyncIterable<Buffer>,
  maxBytes: number,
  signal: AbortSignal,
): Promise<{ readonly received: number; readonly stored: number }> {
  const pieces = pack[Symbol.asyncIterator]();
  let bytes = 0;

  async function next(): Promise<Buffer | undefined> {
    const piece: IteratorResult<Buffer, undefined> = await pieces.next();
    bytes += piece.value?.length ?? 0;
    if (bytes > maxBytes) throw named(remote, 'integrity', `it is larger than ${maxBytes} bytes`);
    return piece.value;
  }

  async function index(begin: readonly Buffer[]): Promise<void> {
    let failure: unknown;
    async function* all(): AsyncGenerator<Buffer> {
      yield* begin;
      try {
        for (let piece = await next(); piece !== undefined; piece = await next()) yield piece;
      } catch (error) {
        failure = error;
        throw error;
      }
    }
    const process = await setup.run.start(
      gitCommand(setup, ['index-pack', '--stdin', '--fix-thin'], { folder }),
      signal,
    );
    process.stdout.resume();
    try {
      await pipeline(all(), withoutQueue(process.stdin));
    } catch (error) {
      // Else it has ended by itself, and says why.
      if (failure !== undefined) process.stop(named(remote, 'upstream', 'the pack broke off', error));
    }
    const ended = await process.ended;
    if (failure !== undefined) throw failure;
    if (ended.code !== 0) throw packFailure(remote, ended);
  }

  try {
    const begin: Buffer[] = [];
    let isWhole = false;
    while (!isWhole && bytes <= looseBytes) {
      const piece = await next();
      if (piece === undefined) isWhole = true;
      else begin.push(Buffer.from(piece));
    }
    const objects = countObjects(Buffer.concat(begin.slice(0, 12)));
    if (objects === 0) return { received: bytes, stored: 0 };
    if (isWhole && objects < looseObjects) {
      const input = Buffer.concat(begin);
      const options = { input, timeoutMs: unpackMs, maxBytes: 64 * 1024 };
      const output = await setup.run.output(
        gitCommand(setup, ['unpack-objects', '-q'], { folder }),
        signal,
        options,
      );
      if (output.code !== 0) throw packFailure(remote, output);
      return { received: bytes, stored: bytes + objects * 4096 };
    }
    await index(begin);
    return { received: bytes, stored: bytes };
  } finally {
    // The answer that the pack is part of is not left half read.
    await pieces.return?.(undefined);
  }
}

/** The way into a stream for pieces whose memory is used again: it takes the next one when the last was written. */
function withoutQueue(stream: Writable): Writable {
  const way = new Writable({
    highWaterMark: 1,
    write: (piece, _, done) => void stream.write(piece, done),
    final: (done) => void stream.end(done),
  });
  stream.once('close', () => way.destroy());
  return way;
}

/** As the head of a pack says it (gitformat-pack(5)); for what is no pack more than any. */
function countObjects(head: Buffer): number {
  return head.length >= 12 && head.toString('latin1', 0, 4) === 'PACK' ? head.readUInt32BE(8) : looseObjects;
}
