/** The lines of git's protocol, each with its length before it (gitprotocol-common(5), "pkt-line Format"). */

/** A line, or one of the marks between them: the end of a section, of a part of it, of an answer. */
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
  /** So many bytes, before the first packet. */
  take(length: number): Promise<Buffer | undefined>;
}

/** `pull` gives the bytes in pieces, undefined at their end. */
export function createPacketReader(pull: () => Promise<Buffer | undefined>): PacketReader {
  let held: Buffer = Buffer.alloc(0);

  async function take(length: number): Promise<Buffer | undefined> {
    while (held.length < length) {
      const piece = await pull();
      if (piece === undefined) return undefined;
      held = held.length === 0 ? piece : Buffer.concat([held, piece]);
    }
    const taken = held.subarray(0, length);
    held = held.subarray(length);
    return taken;
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
