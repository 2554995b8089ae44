import { closeSync, openSync, readSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { StoaError } from '../errors.ts';
import { ownerOf, type ProcessTable } from '../storage/processes.ts';
import type { Catalog } from './catalog.ts';
import { type Entry, parseEntry } from './entry.ts';
import { listSegments, type Segment } from './segments.ts';

/**
 * The reading end of the outboxes in a folder: brings their lines into the catalog, in pieces of one transaction each. It
 * keeps its thread while it reads.
 */
export interface Drain {
  /**
   * Applies all that is there: of this process, of those that ended, and of those that cannot be told to live. Removes
   * segments that nobody appends to any more. Throws the catalog's error; what was applied stays so.
   */
  run(): Promise<void>;
  /** The same when this process appends nothing any more: none of its segments stays. */
  finish(): Promise<void>;
  /** What is left, as far as is known without the catalog. */
  left(): Promise<Left>;
  /** There are segments of a process that may not have ended well. */
  hasStrays(): Promise<boolean>;
}

/** What waits in the outboxes. */
export interface Left {
  readonly bytes: number;
  /** When the oldest line of it was written, in milliseconds since 1970. */
  readonly oldest?: number;
}

/** A segment that this process drains. */
interface Found extends Segment {
  readonly state: 'own' | 'ended' | 'unknown';
}

/** Bytes of one transaction: a few hundred lines. */
const pieceBytes = 128 * 1024;

/** After which a segment goes whose process cannot be told to have ended, when nothing was written to it. */
const idleMs = 60 * 60 * 1000;

export function createDrain(options: {
  readonly folder: string;
  /** The own name of this process. */
  readonly owner: string;
  readonly catalog: () => Promise<Catalog>;
  readonly processes: ProcessTable;
  /** Told of each piece that was applied. */
  readonly applied: (entries: readonly Entry[]) => void;
  /** Told of a line that cannot be read: it is passed over. */
  readonly unreadable: (segment: string, line: string) => void;
  readonly now?: () => number;
}): Drain {
  const { folder, owner, processes, now = Date.now } = options;
  /** How far each is applied, as far as is known. */
  const positions = new Map<string, number>();

  async function drain({ name }: Segment): Promise<void> {
    const catalog = await options.catalog();
    for (;;) {
      const from = positions.get(name) ?? 0;
      const piece = readPiece(join(folder, name), from);
      if (piece.length === 0) return;
      const to = from + piece.length;
      const entries = parse(name, piece);
      // Where it was not the next piece the catalog knows where to go on: the first time, or when another process drains it too.
      const { done, reached } = await catalog.apply(entries, { segment: name, from, to });
      if (reached === from) throw new StoaError('catalog', `${name}: is not taken from ${from} on`);
      positions.set(name, reached);
      if (done) options.applied(entries);
    }
  }

  function parse(name: string, piece: Buffer): Entry[] {
    const lines = piece.toString().split('\n');
    if (lines.at(-1) === '') lines.pop();
    return lines.flatMap((line) => {
      const entry = parseEntry(line);
      if (entry === undefined) options.unreadable(name, line);
      return entry ?? [];
    });
  }

  async function stateOf({ owner: writer }: Segment): Promise<Found['state'] | 'running'> {
    if (writer === owner) return 'own';
    const mark = ownerOf(`${writer}-`);
    return mark === undefined ? 'unknown' : processes.state(mark);
  }

  /** Nobody appends to it any more. */
  function isOver({ name, isLast, state }: Found, isFinishing: boolean): boolean {
    if (state === 'own') return isFinishing || !isLast;
    if (state === 'ended') return true;
    const found = statSync(join(folder, name), { throwIfNoEntry: false });
    return found !== undefined && now() - found.mtimeMs > idleMs;
  }

  async function pass(isFinishing: boolean): Promise<void> {
    for (const segment of await segments()) {
      const over = isOver(segment, isFinishing);
      await drain(segment);
      if (!over) continue;
      rmSync(join(folder, segment.name), { force: true });
      positions.delete(segment.name);
    }
  }

  /** The segments of this process, and of those that do not drain them themselves. */
  async function segments(): Promise<readonly Found[]> {
    const found = listSegments(folder).map(async (segment) => ({
      ...segment,
      state: await stateOf(segment),
    }));
    return (await Promise.all(found)).flatMap(({ state, ...segment }) =>
      state === 'running' ? [] : [{ ...segment, state }],
    );
  }

  return {
    run: () => pass(false),
    finish: () => pass(true),
    async left() {
      let bytes = 0;
      let oldest = Number.POSITIVE_INFINITY;
      for (const { name } of await segments()) {
        const file = join(folder, name);
        const from = positions.get(name) ?? 0;
        const size = statSync(file, { throwIfNoEntry: false })?.size ?? 0;
        if (size <= from) continue;
        bytes += size - from;
        oldest = Math.min(oldest, firstTime(file, from));
      }
      return { bytes, ...(Number.isFinite(oldest) && { oldest }) };
    },
    hasStrays: async () => (await segments()).some(({ state }) => state !== 'own'),
  };
}

/** The whole lines from a place on, as many as make one piece; nothing where there is no whole one, or no file. */
function readPiece(file: string, from: number): Buffer {
  const buffer = Buffer.allocUnsafe(pieceBytes);
  let length = 0;
  try {
    const fd = openSync(file, 'r');
    try {
      length = readSync(fd, buffer, 0, pieceBytes, from);
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  // Lines are shorter than this: a piece without an end of line is none of ours, and would stop all that is behind it.
  const end = buffer.lastIndexOf('\n', length - 1) + 1;
  return buffer.subarray(0, end === 0 && length === pieceBytes ? length : Math.min(end, length));
}

/** When the first line from a place on was written. */
function firstTime(file: string, from: number): number {
  const [line = ''] = readPiece(file, from).toString().split('\n', 1);
  return parseEntry(line)?.at ?? Number.POSITIVE_INFINITY;
}
