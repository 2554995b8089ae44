/**
 * Module zips, read from their directory. Stricter than the go command in what concerns the format (a zip that could
 * be read in two ways is refused), and exactly as strict in what concerns the names and sizes of files.
 */
import { isUtf8 } from 'node:buffer';
import { StoaError } from '../errors.ts';
import { quote } from './quote.ts';
import { checkModuleVersion, formatModuleVersion, type ModuleVersion } from './version.ts';
import { directoryHeaderLength, findDirectory, max32, readUint64, viewOf, zipError } from './zip-end.ts';
import { createNameCheck } from './zip-names.ts';

/** The largest module zip, and the largest sum of its files' sizes, in bytes: x/mod zip.MaxZipFile. */
export const maxZipBytes = 500 << 20;

/** The largest go.mod and the largest LICENSE, in bytes: x/mod zip.MaxGoMod and zip.MaxLICENSE. */
export const maxGoModBytes = 16 << 20;

/** Reads exactly `length` bytes at `offset`, or throws. What it gives is used up before the next call. */
export type ReadAt = (offset: number, length: number) => Uint8Array;

/** An entry of the directory. Sizes and offsets are in bytes and lie inside the file. */
export interface ZipEntry {
  /** The whole name, with the `path@version/` before it; a folder's ends with a slash. */
  readonly name: string;
  /** 0: stored, 8: deflated. */
  readonly method: number;
  readonly flags: number;
  readonly compressedSize: number;
  /** Bytes of the content; at most `maxZipBytes`. */
  readonly size: number;
  /** Of the content. Go takes 0 without a data descriptor for "not given". */
  readonly crc32: number;
  readonly headerOffset: number;
}

/** An entry that keeps its place among the others. */
export interface PlacedEntry extends ZipEntry {
  /** Where the next entry or the directory begins: nothing of this one lies there. */
  readonly limit: number;
}

/** What stands before an entry's data. Sizes and checksum are 0 where a data descriptor behind the data has them (flag 8). */
export interface LocalHeader {
  readonly name: string;
  readonly method: number;
  readonly flags: number;
  readonly compressedSize: number;
  readonly size: number;
  readonly crc32: number;
  /** Where the data begins, in the bytes that were given. */
  readonly dataOffset: number;
}

/**
 * The entries of a zip of `size` bytes, in the order of its directory. Throws `integrity` for every zip that breaks the
 * format or could be read in two ways: entries that overlap or lie outside, two of one name, encrypted ones, other
 * methods than 0 and 8, names that are no UTF-8, text before the first record or behind the last.
 */
export function readZipDirectory(size: number, readAt: ReadAt): PlacedEntry[] {
  const place = findDirectory(size, readAt);
  if (place.size > maxDirectoryBytes)
    throw zipError(`its directory has ${place.size} bytes, the most is ${maxDirectoryBytes}`);
  const directory = viewOf(readAt(place.offset, place.size));
  const drafts: Draft[] = [];
  const names = new Set<string>();
  let at = 0;
  for (let i = 0; i < place.count; i++) {
    const { entry, end } = readDirectoryEntry(directory, at);
    if (names.has(entry.name)) throw zipError(`two entries are named ${quote(entry.name)}`);
    names.add(entry.name);
    drafts.push(entry);
    at = end;
  }
  if (at !== place.size) throw zipError('its directory is longer than its entries');
  setLimits(drafts, place.offset);
  return drafts;
}

/**
 * Where the data of an entry begins. Its local header must agree with the directory, and so must the data descriptor,
 * where there is one; throws `integrity` otherwise.
 */
export function entryDataOffset(entry: PlacedEntry, readAt: ReadAt): number {
  const fixed = viewOf(readAt(entry.headerOffset, localHeaderLength));
  const length = localHeaderLength + fixed.getUint16(26, true) + fixed.getUint16(28, true);
  const end = entry.headerOffset + length + entry.compressedSize;
  if (end > entry.limit) throw zipError(`${quote(entry.name)} overlaps what follows it`);
  const local = parseLocalHeader(readAt(entry.headerOffset, length));
  if (local === undefined || !agrees(local, entry))
    throw zipError(`the local header of ${quote(entry.name)} contradicts the directory`);
  if ((entry.flags & hasDescriptor) !== 0) checkDescriptor(entry, end, readAt);
  return entry.headerOffset + length;
}

/**
 * The local header at the beginning of the bytes; undefined when more bytes are needed. Throws `integrity` when it is
 * none, also when that is the directory that begins there.
 */
export function parseLocalHeader(bytes: Uint8Array): LocalHeader | undefined {
  for (let i = 0; i < 4 && i < bytes.length; i++)
    if (bytes[i] !== localSignature[i]) throw zipError('an entry does not begin with a local header');
  if (bytes.length < localHeaderLength) return undefined;
  const view = viewOf(bytes);
  const nameEnd = localHeaderLength + view.getUint16(26, true);
  const dataOffset = nameEnd + view.getUint16(28, true);
  if (bytes.length < dataOffset) return undefined;
  const [size, compressedSize] = widen(partOf(view, nameEnd, dataOffset), [
    view.getUint32(22, true),
    view.getUint32(18, true),
  ]);
  return {
    name: decodeName(partOf(view, localHeaderLength, nameEnd)),
    method: view.getUint16(8, true),
    flags: view.getUint16(6, true),
    crc32: view.getUint32(14, true),
    compressedSize: compressedSize!,
    size: size!,
    dataOffset,
  };
}

/**
 * Throws `integrity` unless the entries make a zip of this module that the go command unpacks: names under
 * `path@version/`, allowed for files, no two alike but for case, go.mod at the root only and spelled so, sizes within
 * bounds. Folders may have entries; they count for the hash alone. Throws `malformed` for what is no module version.
 */
export function checkZip(module: ModuleVersion, size: number, entries: readonly ZipEntry[]): void {
  checkModuleVersion(module.path, module.version);
  const name = formatModuleVersion(module);
  const fail = (problem: string): never => {
    throw new StoaError('integrity', `${name}: invalid zip: ${problem}`);
  };
  if (size > maxZipBytes) fail(`it has ${size} bytes, the most is ${maxZipBytes}`);
  const prefix = `${name}/`;
  const problemOf = createNameCheck();
  let total = 0;
  for (const entry of entries) {
    if (!entry.name.startsWith(prefix)) fail(`${quote(entry.name)} is not below ${prefix}`);
    const file = entry.name.slice(prefix.length);
    if (file === '') continue;
    const problem = problemOf(file);
    if (problem !== undefined) fail(`${quote(file)}: ${problem}`);
    const isLimited = file === 'go.mod' || file === 'LICENSE';
    if (isLimited && entry.size > maxGoModBytes)
      fail(`${file} has ${entry.size} bytes, the most is ${maxGoModBytes}`);
    if (!file.endsWith('/')) total += entry.size;
    if (total > maxZipBytes) fail(`its files have more than ${maxZipBytes} bytes together`);
  }
}

/** A longer directory is refused: it has room for half a million usual names, and is held in memory. */
const maxDirectoryBytes = 64 << 20;

const directorySignature = 0x02014b50;
const localSignature = [0x50, 0x4b, 0x03, 0x04];
const localHeaderLength = 30;
const descriptorSignature = 0x08074b50;

/** Flags. */
const encrypted = 1;
const hasDescriptor = 8;

const stored = 0;
const deflated = 8;

type Draft = { -readonly [key in keyof PlacedEntry]: PlacedEntry[key] };

function readDirectoryEntry(view: DataView, at: number): { entry: Draft; end: number } {
  if (at + directoryHeaderLength > view.byteLength || view.getUint32(at, true) !== directorySignature)
    throw zipError('its directory is damaged');
  const nameEnd = at + directoryHeaderLength + view.getUint16(at + 28, true);
  const extraEnd = nameEnd + view.getUint16(at + 30, true);
  const end = extraEnd + view.getUint16(at + 32, true);
  if (end > view.byteLength) throw zipError('its last entry is longer than the directory');
  const [size, compressedSize, headerOffset] = widen(partOf(view, nameEnd, extraEnd), [
    view.getUint32(at + 24, true),
    view.getUint32(at + 20, true),
    view.getUint32(at + 42, true),
  ]);
  const entry = {
    name: decodeName(partOf(view, at + directoryHeaderLength, nameEnd)),
    method: view.getUint16(at + 10, true),
    flags: view.getUint16(at + 8, true),
    compressedSize: compressedSize!,
    size: size!,
    crc32: view.getUint32(at + 16, true),
    headerOffset: headerOffset!,
    limit: 0,
  };
  checkEntry(entry);
  return { entry, end };
}

function checkEntry({ name, method, flags, compressedSize, size }: Draft): void {
  const problem = () => {
    if ((flags & encrypted) !== 0) return 'is encrypted';
    if (method !== stored && method !== deflated) return `has the unknown compression method ${method}`;
    if (size > maxZipBytes) return `has ${size} bytes, the most is ${maxZipBytes}`;
    if (name.endsWith('/')) return size === 0 ? undefined : 'is a folder with content';
    return method === stored && compressedSize !== size ? 'is stored with two sizes' : undefined;
  };
  const found = problem();
  if (found !== undefined) throw zipError(`${quote(name)} ${found}`);
}

/** Sets the limit of each entry to where the next begins, and throws where one can't end before its limit. */
function setLimits(entries: readonly Draft[], directoryOffset: number): void {
  const ordered = [...entries].sort((a, b) => a.headerOffset - b.headerOffset);
  for (const [i, entry] of ordered.entries()) {
    entry.limit = ordered[i + 1]?.headerOffset ?? directoryOffset;
    const least = localHeaderLength + Buffer.byteLength(entry.name) + entry.compressedSize;
    if (entry.headerOffset + least > entry.limit)
      throw zipError(`${quote(entry.name)} overlaps what follows it`);
  }
}

/**
 * Puts 64-bit values from the extra fields, in their order, where the old fields have their largest value; where one is
 * missing, that stays.
 */
function widen(extra: Uint8Array, values: readonly number[]): readonly number[] {
  if (!values.includes(max32)) return values;
  const wide = findZip64Extra(viewOf(extra));
  let at = 0;
  return values.map((value) => {
    if (value !== max32 || wide === undefined || at + 8 > wide.byteLength) return value;
    at += 8;
    return readUint64(wide, at - 8);
  });
}

function findZip64Extra(extra: DataView): DataView | undefined {
  for (let at = 0; at + 4 <= extra.byteLength; ) {
    const start = at + 4;
    const end = start + extra.getUint16(at + 2, true);
    if (end > extra.byteLength) return undefined;
    if (extra.getUint16(at, true) === 1) return viewOf(partOf(extra, start, end));
    at = end;
  }
  return undefined;
}

function decodeName(bytes: Buffer): string {
  if (!isUtf8(bytes)) throw zipError('the name of an entry is not UTF-8');
  return bytes.toString();
}

function partOf(view: DataView, start: number, end: number): Buffer {
  return Buffer.from(view.buffer as ArrayBuffer, view.byteOffset + start, end - start);
}

function agrees(local: LocalHeader, entry: ZipEntry): boolean {
  if (local.name !== entry.name || local.method !== entry.method) return false;
  if ((local.flags & hasDescriptor) !== 0) return true;
  return (
    local.crc32 === entry.crc32 && local.size === entry.size && local.compressedSize === entry.compressedSize
  );
}

/** The data descriptor repeats the checksum, with a signature before it or without; its sizes may have 4 or 8 bytes and are not looked at. */
function checkDescriptor(entry: PlacedEntry, at: number, readAt: ReadAt): void {
  const room = entry.limit - at;
  if (room >= 12) {
    const view = viewOf(readAt(at, Math.min(16, room)));
    const signed = view.getUint32(0, true) === descriptorSignature;
    if (!(signed && room < 16) && view.getUint32(signed ? 4 : 0, true) === entry.crc32) return;
  }
  throw zipError(`the data descriptor of ${quote(entry.name)} contradicts the directory`);
}
