/** The lines of git's protocol, each with its length before it (gitprotocol-common(5), "pkt-line Format"). */

/** A line, or one of the marks between them: the end of a section, of a part of it, of an answer. A line is valid until the next is asked for. */
export type Packet = Buffer | 'flush' | 'delimiter' | 'end';

/** A request: lines, with a `delimiter` between its capabilities and its arguments, and a flush at its end. */
export function formatRequest(capabilities: readonly string[], args: readonly string[]): Buffer {
  return Buffer.from(`${capabilities.map(formatLine).join('')}0001${args.map(formatLine).join('')}0000`);
}

function formatLine(line: string): string {
  const length = (Buffer.byteLength(line) + 5).toString(16).padStart(4, '0');
  return `${length}${line}\n`;
}

export interface PacketReader {
  /** The next packet; undefined at the end of the stream, also in the middle of a packet; `malformed` for what is none. */
  next(): Promise<Packet | 'malformed' | undefined>;
  /** So many bytes, before the first packet; valid as a packet is. */
  take(length: number): Promise<Buffer | undefined>;
}

/**
 * `pull` gives the bytes in pieces, undefined at their end. They are copied into memory that is used again, and the memory
 * of a piece that has it for itself is freed: what a socket gives would gather, since V8 sees little reason to collect it.
 */
export function createPacketReader(pull: () => Promise<Buffer | undefined>): PacketReader {
  let memory = Buffer.allocUnsafeSlow(4096);
  /** What came and was not taken. */
  let [start, end] = [0, 0];

  function append(piece: Buffer): void {
    if (end + piece.length > memory.length) {
      const length = end - start;
      const needed = length + piece.length;
      const target =
        needed > memory.length ? Buffer.allocUnsafeSlow(Math.max(needed, 2 * memory.length)) : memory;
      memory.copy(target, 0, start, end);
      memory = target;
      [start, end] = [0, length];
    }
    memory.set(piece, end);
    end += piece.length;
    if (piece.length === piece.buffer.byteLength) (piece.buffer as ArrayBuffer).transfer(0);
  }

  async function take(length: number): Promise<Buffer | undefined> {
    while (end - start < length) {
      const piece = await pull();
      if (piece === undefined) return undefined;
      append(piece);
    }
    start += length;
    return memory.subarray(start - length, start);
  }

  return {
    take,
    async next() {
      const prefix = await take(4);
      if (prefix === undefined) return undefined;
      const text = prefix.toString('latin1');
      const mark = marks.get(text);
      if (mark !== undefined) return mark;
      const length = /^[0-9a-fA-F]{4}$/.test(text) ? Number.parseInt(text, 16) : 0;
      if (length < 4) return 'malformed';
      return take(length - 4);
    },
  };
}

const marks: ReadonlyMap<string, Packet> = new Map([
  ['0000', 'flush'],
  ['0001', 'delimiter'],
  ['0002', 'end'],
]);

/** A line as text, without the newline that may be at its end. */
export function textOf(line: Buffer): string {
  return line.toString('utf8').replace(/\n$/, '');
}
