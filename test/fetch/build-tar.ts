/** An entry of a tar archive that a test makes. */
export interface TarDraft {
  readonly name: string | Uint8Array;
  readonly content?: string | Uint8Array;
  /** `0` (a file) unless given; `2` is a link, `5` a folder. */
  readonly type?: string;
  /** How a name of more than 100 bytes is told: as git does, or as GNU tar does. */
  readonly longName?: 'pax' | 'gnu';
  /** Tells the size in an extended header alone. */
  readonly paxSize?: boolean;
  /** Changes the finished header; its checksum is computed again. */
  readonly spoil?: (header: Buffer) => void;
}

/** The archive of these entries, as `git archive` writes it: the commit in a global header, two empty blocks at the end. */
export function buildTar(drafts: readonly TarDraft[], commit = '0'.repeat(40)): Buffer {
  const entries = drafts.flatMap(buildEntry);
  const tar = [...block('g', 'pax_global_header', record('comment', commit)), ...entries, Buffer.alloc(1024)];
  return Buffer.concat(tar);
}

/** A record of an extended header. */
export function record(key: string, value: string | Uint8Array): Buffer {
  const body = Buffer.concat([Buffer.from(` ${key}=`), Buffer.from(value), Buffer.from('\n')]);
  let length = body.length + 1;
  while (String(length).length + body.length !== length) length = String(length).length + body.length;
  return Buffer.concat([Buffer.from(String(length)), body]);
}

function buildEntry(draft: TarDraft): Buffer[] {
  const { type = '0', content = '', longName = 'pax', paxSize = false, spoil } = draft;
  const name = Buffer.from(draft.name);
  const bytes = Buffer.from(content);
  const records: Buffer[] = [];
  const before: Buffer[] = [];
  let shown: { name: Uint8Array; prefix?: Uint8Array } = { name };
  if (name.length > 100) {
    const slash = name.subarray(0, 156).lastIndexOf('/');
    if (longName === 'gnu')
      before.push(...block('L', '././@LongLink', Buffer.concat([name, Buffer.alloc(1)])));
    else if (slash > 0 && name.length - slash - 1 <= 100)
      shown = { name: name.subarray(slash + 1), prefix: name.subarray(0, slash) };
    else records.push(record('path', name));
    if (shown.name === name) shown = { name: name.subarray(0, 100) };
  }
  if (paxSize) records.push(record('size', String(bytes.length)));
  if (records.length > 0) before.push(...block('x', 'extended.header', Buffer.concat(records)));
  return [
    ...before,
    header(type, shown, paxSize ? 0 : bytes.length, longName === 'pax', spoil),
    ...padded(bytes),
  ];
}

function block(type: string, name: string, content: Buffer): Buffer[] {
  return [header(type, { name: Buffer.from(name) }, content.length, type !== 'L'), ...padded(content)];
}

function padded(content: Buffer): Buffer[] {
  return [content, Buffer.alloc((512 - (content.length % 512)) % 512)];
}

function header(
  type: string,
  { name, prefix = Buffer.alloc(0) }: { name: Uint8Array; prefix?: Uint8Array },
  size: number,
  isPosix: boolean,
  spoil?: (header: Buffer) => void,
): Buffer {
  const bytes = Buffer.alloc(512);
  bytes.set(name, 0);
  bytes.write('0000664\0', 100);
  bytes.write(`${size.toString(8).padStart(11, '0')}\0`, 124);
  bytes.write('14000000000\0', 136);
  bytes.write(type, 156, 'latin1');
  bytes.write(isPosix ? 'ustar\x0000' : 'ustar  \0', 257, 'latin1');
  if (isPosix) bytes.set(prefix, 345);
  spoil?.(bytes);
  bytes.fill(' ', 148, 156);
  bytes.write(
    `${bytes
      .reduce((sum, byte) => sum + byte, 0)
      .toString(8)
      .padStart(7, '0')}\0`,
    148,
  );
  return bytes;
}
