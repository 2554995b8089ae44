import { createHash } from 'node:crypto';
import { crc32, inflateRawSync } from 'node:zlib';
import { StoaError } from '../../src/errors.ts';
import { hash1 } from '../../src/module/dirhash.ts';
import type { ModuleVersion } from '../../src/module/version.ts';
import {
  checkZip,
  entryDataOffset,
  type PlacedEntry,
  type ReadAt,
  readZipDirectory,
} from '../../src/module/zip.ts';

/** Reads from bytes, and refuses what a file would: a place outside. */
export function readerOf(bytes: Uint8Array): ReadAt {
  return (offset, length) => {
    if (!(offset >= 0 && length >= 0 && offset + length <= bytes.length))
      throw new RangeError(`read of ${length} bytes at ${offset}, outside of ${bytes.length}`);
    return bytes.subarray(offset, offset + length);
  };
}

/** The h1 hash of a module zip that passes every check; throws as those do. */
export function hashZip(module: ModuleVersion, bytes: Uint8Array): string {
  const readAt = readerOf(bytes);
  const entries = readZipDirectory(bytes.length, readAt);
  checkZip(module, bytes.length, entries);
  return hash1(entries.map((entry) => ({ name: entry.name, sha256: hashEntry(entry, readAt) })));
}

function hashEntry(entry: PlacedEntry, readAt: ReadAt): Buffer {
  const data = readAt(entryDataOffset(entry, readAt), entry.compressedSize);
  const content =
    entry.method === 0 || entry.name.endsWith('/') ? data.subarray(0, entry.size) : inflate(data);
  // As archive/zip does: a checksum of 0 says nothing, unless a descriptor repeats it.
  const isChecked = !entry.name.endsWith('/') && (entry.crc32 !== 0 || (entry.flags & 8) !== 0);
  if (content.length !== entry.size || (isChecked && crc32(content) !== entry.crc32))
    throw new StoaError('integrity', 'the content contradicts the directory');
  return createHash('sha256').update(content).digest();
}

function inflate(data: Uint8Array): Buffer {
  try {
    return inflateRawSync(data, { maxOutputLength: 1 << 24 });
  } catch (error) {
    throw new StoaError('integrity', 'the content cannot be inflated', { cause: error });
  }
}
