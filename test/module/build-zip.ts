import { crc32, deflateRawSync } from 'node:zlib';

/** An entry of a zip that a test makes, with whatever is to be wrong with it. */
export interface ZipDraft {
  readonly name: string | Uint8Array;
  readonly content?: string | Uint8Array;
  /** 8 (deflate) unless given. */
  readonly method?: number;
  /** Puts sizes and checksum behind the data, with a signature before them or without. */
  readonly descriptor?: 'signed' | 'bare';
  /** Puts sizes and offset into the zip64 field of the directory, and sizes into that of the local header. */
  readonly zip64?: boolean;
  /** Bytes of other extra fields. */
  readonly extra?: Uint8Array;
  /** What the directory says instead of the truth. */
  readonly claims?: Partial<Record<'size' | 'compressedSize' | 'crc32' | 'headerOffset' | 'flags', number>>;
  /** The name in the local header, where it differs. */
  readonly localName?: string;
  /** Bytes between the entry before and this one. */
  readonly gap?: number;
}

/** What is around the entries. */
export interface ZipFrame {
  readonly comment?: string;
  /** Writes the zip64 end record and its locator. */
  readonly zip64?: boolean;
  /** What the end records say instead of the truth. */
  readonly claims?: Partial<Record<'count' | 'directorySize' | 'directoryOffset', number>>;
  /** Text before the first entry and behind the last record. */
  readonly before?: string;
  readonly behind?: string;
}

/** The bytes of a zip. */
export function buildZip(drafts: readonly ZipDraft[], frame: ZipFrame = {}): Buffer {
  const parts: Buffer[] = [Buffer.from(frame.before ?? '')];
  let offset = parts[0]!.length;
  const directory: Buffer[] = [];
  for (const draft of drafts) {
    offset += draft.gap ?? 0;
    const { local, entry } = buildEntry(draft, offset);
    parts.push(Buffer.alloc(draft.gap ?? 0), local);
    directory.push(entry);
    offset += local.length;
  }
  const central = Buffer.concat(directory);
  const truth = { count: drafts.length, directorySize: central.length, directoryOffset: offset };
  const claimed = { ...truth, ...frame.claims };
  return Buffer.concat([
    ...parts,
    central,
    buildEnd(claimed, offset + central.length, frame),
    Buffer.from(frame.behind ?? ''),
  ]);
}

const max32 = 0xffffffff;

function buildEntry(draft: ZipDraft, offset: number): { local: Buffer; entry: Buffer } {
  const { method = 8, content = '', descriptor, zip64 = false, claims = {} } = draft;
  const bytes = Buffer.from(content);
  const data = method === 8 ? deflateRawSync(bytes) : bytes;
  const name = Buffer.from(draft.name);
  const localName = draft.localName === undefined ? name : Buffer.from(draft.localName);
  const truth = {
    size: bytes.length,
    compressedSize: data.length,
    crc32: crc32(bytes),
    headerOffset: offset,
    flags: descriptor === undefined ? 0 : 8,
  };
  const said = { ...truth, ...claims };
  const behind = descriptor === undefined;
  const localFields = behind ? said : { ...said, size: 0, compressedSize: 0, crc32: 0 };
  const localExtra = Buffer.concat([
    zip64 ? zip64Field([localFields.size, localFields.compressedSize]) : Buffer.alloc(0),
    draft.extra ?? Buffer.alloc(0),
  ]);
  const extra = Buffer.concat([
    draft.extra ?? Buffer.alloc(0),
    zip64 ? zip64Field([said.size, said.compressedSize, said.headerOffset]) : Buffer.alloc(0),
  ]);
  const common = (fields: typeof said) => [
    u16(20),
    u16(said.flags),
    u16(method),
    u16(0),
    u16(0),
    u32(fields.crc32),
    u32(zip64 ? max32 : fields.compressedSize),
    u32(zip64 ? max32 : fields.size),
  ];
  const local = Buffer.concat([
    u32(0x04034b50),
    ...common(localFields),
    u16(localName.length),
    u16(localExtra.length),
    localName,
    localExtra,
    data,
    ...(descriptor === 'signed' ? [u32(0x08074b50)] : []),
    ...(descriptor === undefined ? [] : [u32(said.crc32), u32(said.compressedSize), u32(said.size)]),
  ]);
  const entry = Buffer.concat([
    u32(0x02014b50),
    u16(20),
    ...common(said),
    u16(name.length),
    u16(extra.length),
    u16(0),
    u16(0),
    u16(0),
    u32(0),
    u32(zip64 ? max32 : said.headerOffset),
    name,
    extra,
  ]);
  return { local, entry };
}

function buildEnd(
  claimed: Record<'count' | 'directorySize' | 'directoryOffset', number>,
  at: number,
  frame: ZipFrame,
): Buffer {
  const { count, directorySize, directoryOffset } = claimed;
  const comment = Buffer.from(frame.comment ?? '');
  const wide = [
    u32(0x06064b50),
    u64(44),
    u16(45),
    u16(45),
    u32(0),
    u32(0),
    u64(count),
    u64(count),
    u64(directorySize),
    u64(directoryOffset),
    u32(0x07064b50),
    u32(0),
    u64(at),
    u32(1),
  ];
  const narrow = frame.zip64
    ? [u16(0xffff), u16(0xffff), u32(max32), u32(max32)]
    : [u16(count), u16(count), u32(directorySize), u32(directoryOffset)];
  return Buffer.concat([
    ...(frame.zip64 ? wide : []),
    u32(0x06054b50),
    u16(0),
    u16(0),
    ...narrow,
    u16(comment.length),
    comment,
  ]);
}

function zip64Field(values: readonly number[]): Buffer {
  return Buffer.concat([u16(1), u16(values.length * 8), ...values.map(u64)]);
}

function u16(value: number): Buffer {
  const buffer = Buffer.alloc(2);
  buffer.writeUInt16LE(value & 0xffff);
  return buffer;
}

function u32(value: number): Buffer {
  const buffer = Buffer.alloc(4);
  buffer.writeUInt32LE(value >>> 0);
  return buffer;
}

function u64(value: number): Buffer {
  const buffer = Buffer.alloc(8);
  buffer.writeBigUInt64LE(BigInt(value));
  return buffer;
}
