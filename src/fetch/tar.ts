/** Tar archives, as `git archive` writes them, read while they come. */
import { StoaError } from '../errors.ts';
import { quote } from '../module/quote.ts';

/** An entry of an archive. */
export interface TarEntry {
  /** As the archive has it, without the slash behind a folder's; what is no UTF-8 in it is replaced. */
  readonly name: string;
  readonly type: 'file' | 'link' | 'folder';
  /** Bytes of content. */
  readonly size: number;
}

/** Takes the content of a file in pieces. */
export interface ContentSink {
  /** The bytes are valid during the call. */
  content(piece: Uint8Array): void;
  /** Called once, after all of the content. */
  end(): void;
}

/** Reads one archive. Both throw `integrity` for what is no tar archive of files, links and folders. */
export interface TarReader {
  /** Takes the next bytes, cut anywhere. */
  push(chunk: Uint8Array): void;
  /** Says that these were all. */
  finish(): void;
}

/**
 * A reader of an archive in the formats of POSIX (pax) or GNU. It asks `sinkOf` of each entry, in the archive's order,
 * where its content goes; `subject` begins its messages.
 */
export function createTarReader(subject: string, sinkOf: (entry: TarEntry) => ContentSink): TarReader {
  const header = Buffer.alloc(blockLength);
  let headerFilled = 0;
  let sink = discard;
  /** Bytes to come of the content, and of the zeros behind it. */
  let remaining = 0;
  let padding = 0;
  /** What extended headers say about the entry behind them. */
  let told: { name?: string; size?: number } = {};
  let ended = false;

  function fail(problem: string): never {
    throw new StoaError('integrity', `${subject}: malformed tar archive: ${problem}`);
  }

  function takeHeader(): void {
    const sum = checksumOf(header);
    if (sum === checksumOfZeros) {
      ended = true;
      return;
    }
    if (parseOctal(header, 148, 8) !== sum) fail('a header fails its checksum');
    remaining = parseOctal(header, 124, 12) ?? fail('the size of an entry is no number');
    sink = takerOf(String.fromCharCode(header[156]!));
    padding = (blockLength - (remaining % blockLength)) % blockLength;
    if (remaining === 0) sink.end();
  }

  function takerOf(type: string): ContentSink {
    switch (type) {
      case 'g': // about the whole archive: git puts the commit there
      case 'K': // where a link leads
        return discard;
      case 'x':
        return gather(takeRecords);
      case 'L':
        return gather((bytes) => {
          told.name = textUntilZero(bytes);
        });
      default: {
        const entryType = entryTypes[type] ?? fail(`it has an entry of the type ${quote(type)}`);
        remaining = told.size ?? remaining;
        const name = told.name ?? nameOf(header);
        told = {};
        return sinkOf({ name: name.replace(/\/$/, ''), type: entryType, size: remaining });
      }
    }
  }

  /** Extended headers are held in memory: they have a path, and those of git have a few thousand bytes at most. */
  function gather(done: (bytes: Buffer) => void): ContentSink {
    if (remaining > maxExtendedBytes) fail(`an extended header has ${remaining} bytes`);
    const bytes = Buffer.alloc(remaining);
    let filled = 0;
    return {
      content(piece) {
        bytes.set(piece, filled);
        filled += piece.length;
      },
      end: () => done(bytes),
    };
  }

  /** Records of the form `length key=value\n`, where the length is that of the whole record. */
  function takeRecords(bytes: Buffer): void {
    for (let at = 0; at < bytes.length; ) {
      const space = bytes.indexOf(' ', at);
      const equals = bytes.indexOf('=', at);
      const end = at + (parseDecimal(bytes.subarray(at, Math.max(at, space))) ?? 0);
      if (equals < space || equals >= end || bytes[end - 1] !== newline)
        fail('an extended header is damaged');
      const key = bytes.toString('latin1', space + 1, equals);
      const value = bytes.subarray(equals + 1, end - 1);
      if (key === 'path') told.name = value.toString();
      if (key === 'size') told.size = parseDecimal(value) ?? fail('the size of an entry is no number');
      at = end;
    }
  }

  return {
    push(chunk) {
      for (let at = 0; at < chunk.length && !ended; ) {
        if (remaining > 0) {
          const piece = chunk.subarray(at, at + remaining);
          at += piece.length;
          remaining -= piece.length;
          sink.content(piece);
          if (remaining === 0) sink.end();
        } else if (padding > 0) {
          const skipped = Math.min(padding, chunk.length - at);
          at += skipped;
          padding -= skipped;
        } else {
          const piece = chunk.subarray(at, at + blockLength - headerFilled);
          header.set(piece, headerFilled);
          headerFilled = (headerFilled + piece.length) % blockLength;
          at += piece.length;
          if (headerFilled === 0) takeHeader();
        }
      }
    },
    finish() {
      if (!ended) fail('it ends in the middle');
    },
  };
}

/** For content that nobody needs. */
export const discard: ContentSink = { content: () => undefined, end: () => undefined };

const blockLength = 512;
const maxExtendedBytes = 1024 * 1024;
const newline = 0x0a;
const entryTypes: Readonly<Record<string, TarEntry['type']>> = {
  '0': 'file',
  '\0': 'file',
  '2': 'link',
  '5': 'folder',
};

/** The sum of a header's bytes, with spaces in place of the checksum itself. */
function checksumOf(header: Buffer): number {
  let sum = checksumOfZeros;
  for (let i = 0; i < blockLength; i++) if (i < 148 || i >= 156) sum += header[i]!;
  return sum;
}

const checksumOfZeros = 8 * 0x20;

function parseOctal(header: Buffer, start: number, length: number): number | undefined {
  const digits = /^ *([0-7]+)[ \0]*$/.exec(header.toString('latin1', start, start + length))?.[1];
  return digits === undefined ? undefined : Number.parseInt(digits, 8);
}

function parseDecimal(bytes: Buffer): number | undefined {
  const digits = bytes.toString('latin1');
  const value = Number(digits);
  return /^[0-9]+$/.test(digits) && Number.isSafeInteger(value) ? value : undefined;
}

/** The name in the header itself; POSIX has a second field for its beginning. */
function nameOf(header: Buffer): string {
  const name = textUntilZero(header.subarray(0, 100));
  const isPosix = header.toString('latin1', 257, 263) === 'ustar\0';
  const prefix = isPosix ? textUntilZero(header.subarray(345, 500)) : '';
  return prefix === '' ? name : `${prefix}/${name}`;
}

function textUntilZero(bytes: Buffer): string {
  const end = bytes.indexOf(0);
  return bytes.toString('utf8', 0, end < 0 ? bytes.length : end);
}
