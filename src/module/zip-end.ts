/** Where the directory of a zip is: the end record, and the zip64 one before it. */
import { StoaError } from '../errors.ts';

/** The directory: its place in the file and the number of its entries. */
export interface DirectoryPlace {
  readonly offset: number;
  readonly size: number;
  readonly count: number;
}

/**
 * Finds the directory. Where the format leaves room for two readings (text before or behind the archive, two end
 * records that disagree, several disks), this throws `integrity`: the go command might read another directory.
 */
export function findDirectory(size: number, readAt: ReadAt): DirectoryPlace {
  const end = findEnd(size, readAt);
  const end64 = findEnd64(end.offset, readAt);
  if (end64 !== undefined) checkAgreement(end, end64);
  const { diskNumber, firstDisk, diskCount, ...place } = end64 ?? end;
  if (diskNumber !== 0 || firstDisk !== 0 || diskCount !== place.count)
    throw zipError('it is a part of several');
  if (place.directoryOffset + place.directorySize !== place.offset)
    throw zipError('the directory does not stand directly before the end record');
  if (place.count * directoryHeaderLength > place.directorySize)
    throw zipError(`the directory has no room for ${place.count} entries`);
  return { offset: place.directoryOffset, size: place.directorySize, count: place.count };
}

/** A zip that breaks the format, or could be read in two ways. */
export function zipError(problem: string): StoaError {
  return new StoaError('integrity', `malformed zip: ${problem}`);
}

/** A view of these bytes alone, for reading numbers. */
export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** A number of 64 bits; one too large to be exact is still larger than any bound. */
export function readUint64(view: DataView, at: number): number {
  return Number(view.getBigUint64(at, true));
}

/** The bytes of a directory entry without its name, extra fields and comment. */
export const directoryHeaderLength = 46;

/** The largest value of a field of 32 bits: the true one stands in a zip64 record, where there is one. */
export const max32 = 0xffffffff;

const max16 = 0xffff;

type ReadAt = (offset: number, length: number) => Uint8Array;

interface EndRecord {
  readonly offset: number;
  readonly diskNumber: number;
  readonly firstDisk: number;
  readonly diskCount: number;
  readonly count: number;
  readonly directorySize: number;
  readonly directoryOffset: number;
}

const endSignature = 0x06054b50;
const endLength = 22;
const maxCommentLength = max16;
const locatorSignature = 0x07064b50;
const locatorLength = 20;
const end64Signature = 0x06064b50;
const end64Length = 56;

/** The last end record; its comment must reach the end of the file. */
function findEnd(size: number, readAt: ReadAt): EndRecord {
  const length = Math.min(size, endLength + maxCommentLength);
  const view = viewOf(readAt(size - length, length));
  let at = length - endLength;
  while (at >= 0 && view.getUint32(at, true) !== endSignature) at--;
  if (at < 0) throw zipError('it has no end record');
  if (at + endLength + view.getUint16(at + 20, true) !== length)
    throw zipError('its comment does not end with the file');
  return {
    offset: size - length + at,
    diskNumber: view.getUint16(at + 4, true),
    firstDisk: view.getUint16(at + 6, true),
    diskCount: view.getUint16(at + 8, true),
    count: view.getUint16(at + 10, true),
    directorySize: view.getUint32(at + 12, true),
    directoryOffset: view.getUint32(at + 16, true),
  };
}

/** The zip64 end record that a locator directly before the end record names. */
function findEnd64(end: number, readAt: ReadAt): EndRecord | undefined {
  if (end < locatorLength) return undefined;
  const locator = viewOf(readAt(end - locatorLength, locatorLength));
  if (locator.getUint32(0, true) !== locatorSignature) return undefined;
  const offset = readUint64(locator, 8);
  if (locator.getUint32(4, true) !== 0 || locator.getUint32(16, true) !== 1)
    throw zipError('it is a part of several');
  if (offset + end64Length > end - locatorLength)
    throw zipError('the zip64 end record lies outside of the file');
  const view = viewOf(readAt(offset, end64Length));
  if (view.getUint32(0, true) !== end64Signature)
    throw zipError('the zip64 end record is not where it should be');
  if (offset + 12 + readUint64(view, 4) !== end - locatorLength)
    throw zipError('the zip64 end record does not end where its locator begins');
  return {
    offset,
    diskNumber: view.getUint32(16, true),
    firstDisk: view.getUint32(20, true),
    diskCount: readUint64(view, 24),
    count: readUint64(view, 32),
    directorySize: readUint64(view, 40),
    directoryOffset: readUint64(view, 48),
  };
}

/**
 * A field of the old end record has the value of the zip64 one, or its largest. The largest size alone does not send
 * the go command to the zip64 record: it would take it as it is.
 */
function checkAgreement(end: EndRecord, end64: EndRecord): void {
  const sends = end.count === max16 || end.directoryOffset === max32;
  const agrees =
    (end.diskNumber === 0 || end.diskNumber === max16) &&
    (end.firstDisk === 0 || end.firstDisk === max16) &&
    (end.diskCount === end64.diskCount || end.diskCount === max16) &&
    (end.count === end64.count || end.count === max16) &&
    (end.directorySize === end64.directorySize || (end.directorySize === max32 && sends)) &&
    (end.directoryOffset === end64.directoryOffset || end.directoryOffset === max32);
  if (!agrees) throw zipError('its two end records disagree');
}
