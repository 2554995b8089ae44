import { createHash, hash } from 'node:crypto';
import { crc32, createInflateRaw, inflateRawSync } from 'node:zlib';
import { isStoaError, StoaError } from '../errors.ts';
import { hash1 } from '../module/dirhash.ts';
import { formatModuleVersion, type ModuleVersion } from '../module/version.ts';
import {
  checkZip,
  entryDataOffset,
  parseLocalHeader,
  type ReadAt,
  readZipDirectory,
  type ZipEntry,
} from '../module/zip.ts';

/** What a whole module zip turned out to be. */
export interface ZipFacts {
  readonly h1: string;
  /** SHA-256, in hex, of the zip's go.mod with its CRLF made LF; absent where the zip has none. */
  readonly goMod?: string;
  /** Bytes of its files' content. */
  readonly inflated: number;
}

/** The checking and hashing of one zip, begun while it still grows. */
export interface ZipJob {
  /** Hashes the entries that are complete within the first `available` bytes. */
  grow(available: number): void;
  /** Checks the whole zip against the rules of x/mod/zip and gives its facts; throws `integrity` with the first rule it breaks. */
  finish(size: number): Promise<ZipFacts>;
}

/** Entries up to this size are inflated in one synchronous call; larger ones are streamed, so that memory stays flat. */
const wholeBytes = 4 * 1024 * 1024;

/** What a grow hashes ahead is a guess from local headers; `finish` believes the directory at the end alone. */
interface Guess {
  readonly name: string;
  readonly method: number;
  readonly compressedSize: number;
  readonly size: number;
  readonly crc32: number;
  readonly sha256: Buffer;
  readonly goMod?: string;
}

/** A job over a file that `readAt` reads; the bytes `readAt` gives need to stay valid only until its next call. */
export function createZipJob(module: ModuleVersion, readAt: ReadAt): ZipJob {
  const subject = formatModuleVersion(module);
  const goModName = `${subject}/go.mod`;
  const guesses = new Map<number, Guess>();
  let next = 0;
  let scanned = 0;
  let guessing = true;

  /** Takes the entry at `next` when it is complete; false when more bytes are needed. */
  function takeEntry(available: number): boolean {
    const header = parseLocalHeader(readAt(next, Math.min(available - next, 64 * 1024)));
    if (header === undefined) return false;
    const dataStart = next + header.dataOffset;
    let { compressedSize, size, crc32: crc } = header;
    let end = dataStart + compressedSize;
    if ((header.flags & 8) !== 0) {
      const found = findDescriptor(dataStart, Math.max(scanned, dataStart), available);
      scanned = Math.max(dataStart, available - 15);
      if (found === undefined) return false;
      ({ compressedSize, size, crc32: crc, end } = found);
      scanned = 0;
    } else if (end > available) {
      return false;
    }
    if (compressedSize <= wholeBytes && size <= wholeBytes) {
      const entry = {
        name: header.name,
        method: header.method,
        flags: header.flags,
        compressedSize,
        size,
        crc32: crc,
        headerOffset: next,
      };
      guesses.set(next, { ...entry, ...hashWhole(entry, readAt(dataStart, compressedSize)) });
    }
    next = end;
    return true;
  }

  /** The data descriptor that ends the entry: its own compressed size must say where it stands, so a chance match is next to impossible. */
  function findDescriptor(dataStart: number, from: number, available: number) {
    for (let at = from; at + 16 <= available; ) {
      const window = Buffer.from(readAt(at, Math.min(available - at, 1024 * 1024)));
      for (
        let hit = window.indexOf('PK\x07\x08', 0, 'latin1');
        hit >= 0 && hit + 16 <= window.length;
        hit = window.indexOf('PK\x07\x08', hit + 1, 'latin1')
      ) {
        const compressedSize = at + hit - dataStart;
        if (window.readUInt32LE(hit + 8) !== compressedSize) continue;
        return {
          compressedSize,
          crc32: window.readUInt32LE(hit + 4),
          size: window.readUInt32LE(hit + 12),
          end: at + hit + 16,
        };
      }
      if (at + window.length >= available) return undefined;
      at += window.length - 15;
    }
    return undefined;
  }

  function hashWhole(entry: ZipEntry, data: Uint8Array): { sha256: Buffer; goMod?: string } {
    const content = entry.method === 0 ? data : inflate(entry, data);
    if (content.length !== entry.size)
      throw new StoaError(
        'integrity',
        `${subject}: zip entry ${entry.name} is ${content.length} bytes, not the ${entry.size} it declares`,
      );
    if (isWrongCrc(entry, crc32(content)))
      throw new StoaError('integrity', `${subject}: zip entry ${entry.name} fails its checksum`);
    const sha256 = hash('sha256', content, 'buffer');
    const facts = entry.name === goModName ? { sha256, goMod: hashText(content) } : { sha256 };
    if (content !== data) release(content);
    return facts;
  }

  function inflate(entry: ZipEntry, data: Uint8Array): Uint8Array {
    try {
      return inflateRawSync(data, {
        maxOutputLength: Math.max(entry.size, 1),
        // Room for all of it and to see its end, in one piece; and too much to lie in memory that is shared.
        chunkSize: Math.max(Buffer.poolSize, entry.size + 1),
      });
    } catch (error) {
      throw new StoaError(
        'integrity',
        `${subject}: zip entry ${entry.name} cannot be inflated to the ${entry.size} bytes it declares`,
        { cause: error },
      );
    }
  }

  async function hashStreamed(entry: ZipEntry, dataStart: number): Promise<{ sha256: Buffer }> {
    const sha256 = createHash('sha256');
    let size = 0;
    let crc = 0;
    const pieces =
      entry.method === 0
        ? piecesOf(readAt, dataStart, entry.compressedSize)
        : inflatedPieces(readAt, dataStart, entry.compressedSize);
    try {
      for await (const piece of pieces) {
        size += piece.length;
        if (size > entry.size) break;
        sha256.update(piece);
        crc = crc32(piece, crc);
      }
    } catch (error) {
      if (error instanceof StoaError) throw error;
      throw new StoaError('integrity', `${subject}: zip entry ${entry.name} cannot be inflated`, {
        cause: error,
      });
    }
    if (size !== entry.size)
      throw new StoaError(
        'integrity',
        `${subject}: zip entry ${entry.name} is not the ${entry.size} bytes it declares`,
      );
    if (isWrongCrc(entry, crc))
      throw new StoaError('integrity', `${subject}: zip entry ${entry.name} fails its checksum`);
    return { sha256: sha256.digest() };
  }

  async function readWhole(size: number): Promise<ZipFacts> {
    const entries = readZipDirectory(size, readAt);
    checkZip(module, size, entries);
    const files: { name: string; sha256: Uint8Array }[] = [];
    let goMod: string | undefined;
    let inflated = 0;
    for (const entry of entries) {
      const dataStart = entryDataOffset(entry, readAt);
      const guess = guesses.get(entry.headerOffset);
      const known =
        guess !== undefined && confirms(entry, guess)
          ? guess
          : entry.compressedSize <= wholeBytes && entry.size <= wholeBytes
            ? hashWhole(entry, readAt(dataStart, entry.compressedSize))
            : await hashStreamed(entry, dataStart);
      files.push({ name: entry.name, sha256: known.sha256 });
      inflated += entry.size;
      if ('goMod' in known && known.goMod !== undefined) goMod = known.goMod;
    }
    return { h1: hash1(files), inflated, ...(goMod !== undefined && { goMod }) };
  }

  return {
    grow(available) {
      try {
        while (guessing && next + 30 <= available && takeEntry(available));
      } catch {
        // The directory, a data descriptor of another form, or a fault that `finish` will name.
        guessing = false;
      }
    },

    async finish(size) {
      try {
        return await readWhole(size);
      } catch (error) {
        throw named(error, subject);
      }
    },
  };
}

/** The hash by which a go.mod is compared: line ends may have been changed by attributes of the repository. */
export function hashText(bytes: Uint8Array): string {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return hash(
    'sha256',
    text.includes('\r\n') ? text.toString('latin1').replaceAll('\r\n', '\n') : text,
    'hex',
  );
}

/** What is wrong with a zip, for the person who asked, which begins with the module. */
function named(error: unknown, subject: string): unknown {
  if (!isStoaError(error, 'integrity') || error.message.startsWith(`${subject}: `)) return error;
  return new StoaError('integrity', `${subject}: ${error.message}`, { cause: error });
}

/**
 * Frees what `inflate` gave now rather than in a collection, which the thread has little reason to begin: its heap stays small
 * while tens of MiB gather outside of it. Nothing may touch the bytes afterwards.
 */
function release(content: Uint8Array): void {
  (content.buffer as ArrayBuffer).transfer(0);
}

function confirms(entry: ZipEntry, guess: Guess): boolean {
  return (
    entry.name === guess.name &&
    entry.method === guess.method &&
    entry.compressedSize === guess.compressedSize &&
    entry.size === guess.size &&
    entry.crc32 === guess.crc32
  );
}

function* piecesOf(readAt: ReadAt, start: number, length: number): Generator<Uint8Array> {
  const step = 256 * 1024;
  for (let at = 0; at < length; at += step) yield readAt(start + at, Math.min(step, length - at));
}

async function* inflatedPieces(readAt: ReadAt, start: number, length: number): AsyncGenerator<Uint8Array> {
  const inflater = createInflateRaw({ chunkSize: 256 * 1024 });
  const feed = async (): Promise<void> => {
    for (const piece of piecesOf(readAt, start, length)) {
      // A copy: the inflater may still look at a piece when the next one is read.
      if (!inflater.write(Buffer.from(piece)))
        await new Promise((resolve) => inflater.once('drain', resolve));
      if (inflater.destroyed) return;
    }
    inflater.end();
  };
  const fed = feed().catch((error: unknown) => void inflater.destroy(error as Error));
  try {
    yield* inflater;
  } finally {
    inflater.destroy();
    inflater.emit('drain');
    await fed;
  }
}

/** As archive/zip has it: a zero without a data descriptor means that none was given. */
function isWrongCrc(entry: ZipEntry, crc: number): boolean {
  return crc !== entry.crc32 && (entry.crc32 !== 0 || (entry.flags & 8) !== 0);
}
