/**
 * Module zips, written: headers and directory, as simple as the format allows and the same for the same content. Times
 * are those of no particular day, and folders have no entries, which would be part of the h1 hash.
 */

import type { ZipEntry } from './zip.ts';
import { directoryHeaderLength, max32 } from './zip-end.ts';

/** Methods of an entry. */
export const stored = 0;
export const deflated = 8;

/** The flag of an entry whose sizes and checksum stand in a descriptor behind its data. */
export const hasDescriptor = 8;

/** The flags that the name of an entry needs. */
export function flagsOf(name: string): number {
  // In these alone all the code pages agree that a reader may take for granted (Go's archive/zip, detectUTF8).
  return /^[ -[\]-}]*$/.test(name) ? 0 : utf8Name;
}

/** What stands before the data of an entry. */
export function encodeLocalHeader(entry: ZipEntry): Uint8Array {
  const name = Buffer.from(entry.name);
  const header = Buffer.alloc(localHeaderLength + name.length);
  header.writeUInt32LE(localSignature, 0);
  const isKnown = (entry.flags & hasDescriptor) === 0;
  writeCommon(header, 4, isKnown ? entry : { ...entry, crc32: 0, compressedSize: 0, size: 0 }, name.length);
  name.copy(header, localHeaderLength);
  return header;
}

/** What stands behind the data of an entry whose flags say so. */
export function encodeDescriptor(entry: ZipEntry): Uint8Array {
  const descriptor = Buffer.alloc(16);
  descriptor.writeUInt32LE(descriptorSignature, 0);
  descriptor.writeUInt32LE(entry.crc32, 4);
  descriptor.writeUInt32LE(entry.compressedSize, 8);
  descriptor.writeUInt32LE(entry.size, 12);
  return descriptor;
}

/** The directory of the entries, in their order, and the end record, for a zip whose entries end at `offset`. */
export function encodeDirectory(entries: readonly ZipEntry[], offset: number): Uint8Array {
  const size = entries.reduce((sum, { name }) => sum + directoryHeaderLength + Buffer.byteLength(name), 0);
  const isWide = entries.length >= max16;
  const bytes = Buffer.alloc(size + (isWide ? end64Length + locatorLength : 0) + endLength);
  let at = 0;
  for (const entry of entries) {
    const nameLength = bytes.write(entry.name, at + directoryHeaderLength);
    bytes.writeUInt32LE(directorySignature, at);
    bytes.writeUInt16LE(version, at + 4);
    writeCommon(bytes, at + 6, entry, nameLength);
    bytes.writeUInt32LE(entry.headerOffset, at + 42);
    at += directoryHeaderLength + nameLength;
  }
  if (isWide) {
    writeWideEnd(bytes, at, entries.length, size, offset);
    writeEnd(bytes, at + end64Length + locatorLength, max16, max32, max32);
  } else {
    writeEnd(bytes, at, entries.length, size, offset);
  }
  return bytes;
}

const utf8Name = 0x800;
const localSignature = 0x04034b50;
const localHeaderLength = 30;
const descriptorSignature = 0x08074b50;
const directorySignature = 0x02014b50;
const endSignature = 0x06054b50;
const endLength = 22;
const end64Signature = 0x06064b50;
const end64Length = 56;
const locatorSignature = 0x07064b50;
const locatorLength = 20;
const max16 = 0xffff;

/** Of the format, needed to read the zip: 2.0 for deflated entries, 4.5 for zip64 records. */
const version = 20;
const wideVersion = 45;

/** The first day the format can name, which every reader takes for a date. */
const date = (1 << 5) | 1;

/** What local header and directory have in common: from the version to the lengths of name and extra field. */
function writeCommon(bytes: Buffer, at: number, entry: ZipEntry, nameLength: number): void {
  bytes.writeUInt16LE(version, at);
  bytes.writeUInt16LE(entry.flags, at + 2);
  bytes.writeUInt16LE(entry.method, at + 4);
  bytes.writeUInt16LE(date, at + 8);
  bytes.writeUInt32LE(entry.crc32, at + 10);
  bytes.writeUInt32LE(entry.compressedSize, at + 14);
  bytes.writeUInt32LE(entry.size, at + 18);
  bytes.writeUInt16LE(nameLength, at + 22);
}

function writeEnd(bytes: Buffer, at: number, count: number, size: number, offset: number): void {
  bytes.writeUInt32LE(endSignature, at);
  bytes.writeUInt16LE(count, at + 8);
  bytes.writeUInt16LE(count, at + 10);
  bytes.writeUInt32LE(size, at + 12);
  bytes.writeUInt32LE(offset, at + 16);
}

/** The zip64 end record, for the number of entries alone: sizes and offsets of a module zip fit into 32 bits. */
function writeWideEnd(bytes: Buffer, at: number, count: number, size: number, offset: number): void {
  bytes.writeUInt32LE(end64Signature, at);
  bytes.writeBigUInt64LE(BigInt(end64Length - 12), at + 4);
  bytes.writeUInt16LE(wideVersion, at + 12);
  bytes.writeUInt16LE(wideVersion, at + 14);
  bytes.writeBigUInt64LE(BigInt(count), at + 24);
  bytes.writeBigUInt64LE(BigInt(count), at + 32);
  bytes.writeBigUInt64LE(BigInt(size), at + 40);
  bytes.writeBigUInt64LE(BigInt(offset), at + 48);
  const locator = at + end64Length;
  bytes.writeUInt32LE(locatorSignature, locator);
  bytes.writeBigUInt64LE(BigInt(offset + size), locator + 8);
  bytes.writeUInt32LE(1, locator + 16);
}
