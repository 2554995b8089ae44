/** The records of a checksum database: as a look-up answers them, and in data tiles. */
import { isUtf8 } from 'node:buffer';
import { StoaError } from '../errors.ts';
import { maxTreeSize } from './tlog.ts';

/** A record, and what follows it in an answer. */
export interface ParsedRecord {
  readonly id: number;
  /** Lines, none of them blank; the last ends with a newline too. */
  readonly text: Buffer;
  readonly rest: Buffer;
}

/** The record as a look-up answers it: its number, its text, a blank line. Throws `malformed` for a text that can't be one. */
export function formatRecord(id: number, text: Uint8Array): Buffer {
  if (!isRecordText(text)) throw new StoaError('malformed', 'malformed record: its text is none');
  return Buffer.concat([Buffer.from(`${id}\n`), text, Buffer.from('\n')]);
}

/** The record that an answer begins with. Throws `integrity` where it does not. */
export function parseRecord(message: Uint8Array): ParsedRecord {
  const bytes = Buffer.from(message.buffer, message.byteOffset, message.length);
  const start = bytes.indexOf('\n') + 1;
  const digits = bytes.toString('latin1', 0, Math.min(Math.max(start - 1, 0), maxDigits + 1));
  const id = Number(digits);
  if (!/^(0|[1-9]\d*)$/.test(digits) || digits.length > maxDigits || id >= maxTreeSize) throw malformed();
  const end = bytes.indexOf('\n\n', start) + 1;
  if (end === 0) throw malformed();
  const text = bytes.subarray(start, end);
  if (!isRecordText(text)) throw malformed();
  return { id, text, rest: bytes.subarray(end + 1) };
}

/** The bytes of the data tile with these records. */
export function formatRecords(texts: readonly Uint8Array[]): Buffer {
  return Buffer.concat(texts.flatMap((text) => [text, Uint8Array.of(newline)]));
}

/** The texts of the records in the bytes of a data tile. Throws `integrity` where that is none. */
export function splitRecords(data: Buffer): Buffer[] {
  const texts: Buffer[] = [];
  for (let start = 0; start < data.length; ) {
    const end = data.indexOf('\n\n', start) + 1;
    if (end === 0) throw malformed();
    texts.push(data.subarray(start, end));
    start = end + 1;
  }
  return texts;
}

const maxDigits = String(maxTreeSize).length;
const newline = 0x0a;

function isRecordText(text: Uint8Array): boolean {
  if (text.at(-1) !== newline || !isUtf8(text)) return false;
  return text.every((byte, i) => byte >= 0x20 || (byte === newline && (i === 0 || text[i - 1] !== newline)));
}

function malformed(): StoaError {
  return new StoaError('integrity', 'malformed record');
}
