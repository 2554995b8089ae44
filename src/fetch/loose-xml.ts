import { quote } from '../module/quote.ts';

/** A tag of a page; `<x/>` is two of them. */
export interface Tag {
  readonly kind: 'start' | 'end';
  /** Without a name space, as it was written. */
  readonly name: string;
  /** The values of the attributes that were wanted, by their names in lower case; of two the first. */
  readonly attributes: ReadonlyMap<string, string>;
}

/** Why there are no more tags: the page ended, be it in the middle of something, or here is what cannot be read. */
export type TagsEnd = 'end' | { readonly problem: string };

/**
 * The tags of a page as the go command finds them: encoding/xml, RawToken, not strict. It is no HTML parser, and it
 * stops at the first thing that is no XML, so what stands behind that is not there. Names beyond ASCII are judged by
 * Unicode's classes; encoding/xml has tables of 1998 for them.
 */
export function* readTags(page: Uint8Array, wanted: readonly string[]): Generator<Tag, TagsEnd> {
  // A character a byte: offsets are those of the bytes, and nothing is decoded that is passed over.
  const source: Source = { text: Buffer.from(page).toString('latin1'), at: 0 };
  try {
    while (source.at < source.text.length) yield* readToken(source, wanted);
    return 'end';
  } catch (error) {
    if (error instanceof Stop) return error.end;
    throw error;
  }
}

interface Source {
  readonly text: string;
  at: number;
}

/** Ends the reading, from wherever it stands. */
class Stop extends Error {
  readonly end: TagsEnd;

  constructor(end: TagsEnd) {
    super('stop');
    this.end = end;
  }
}

function* readToken(source: Source, wanted: readonly string[]): Generator<Tag> {
  if (source.text[source.at] !== '<') return readText(source);
  source.at++;
  switch (next(source)) {
    case '/':
      yield readEnd(source);
      return;
    case '?':
      return readInstruction(source);
    case '!':
      return readDeclaration(source);
    default:
      source.at--;
      yield* readStart(source, wanted);
  }
}

function readText(source: Source): void {
  const raw = until(source, '<');
  source.at--;
  if (raw.includes(']]>')) stop('unescaped ]]> not in CDATA section');
  decode(raw, true);
}

function readEnd(source: Source): Tag {
  const name = readLocalName(source) ?? stop('expected element name after </');
  skipSpace(source);
  if (next(source) !== '>') stop(`invalid characters behind the name of the end tag ${quote(name)}`);
  return endTag(name);
}

function endTag(name: string): Tag {
  return { kind: 'end', name, attributes: new Map() };
}

function* readStart(source: Source, wanted: readonly string[]): Generator<Tag> {
  const name = readLocalName(source) ?? stop('expected element name after <');
  const attributes = new Map<string, string>();
  for (;;) {
    skipSpace(source);
    const char = next(source);
    if (char === '>') return yield { kind: 'start', name, attributes };
    if (char === '/') {
      if (next(source) !== '>') stop('expected /> in element');
      yield { kind: 'start', name, attributes };
      return yield endTag(name);
    }
    source.at--;
    const attribute = readLocalName(source) ?? stop('expected attribute name in element');
    skipSpace(source);
    const value = readValue(source, attribute);
    const key = attribute.toLowerCase();
    if (wanted.includes(key) && !attributes.has(key)) attributes.set(key, value);
  }
}

/** The value behind an attribute's name; that name itself where there is none. */
function readValue(source: Source, name: string): string {
  if (next(source) !== '=') {
    source.at--;
    return name;
  }
  skipSpace(source);
  const mark = next(source);
  if (mark === '"' || mark === "'") {
    const raw = until(source, mark);
    if (raw.includes('<')) stop('unescaped < inside quoted string');
    return decode(raw, true);
  }
  source.at--;
  const bare = take(source, /[\w:-]*/y);
  if (source.at === source.text.length) throw new Stop('end');
  return bare;
}

/** Behind `<?`. Of all instructions only the one of XML itself says something. */
function readInstruction(source: Source): void {
  const target = readName(source) ?? stop('expected target name after <?');
  skipSpace(source);
  const content = until(source, '?>');
  if (target !== 'xml') return;
  const version = instructionValue('version', content);
  if (version !== '' && version !== '1.0') stop(`unsupported XML version ${quote(version)}`);
  const encoding = instructionValue('encoding', content);
  if (!['', 'utf-8', 'ascii'].includes(encoding.toLowerCase())) {
    stop(`can't decode XML document using charset ${quote(encoding)}`);
  }
}

/** As procInst of encoding/xml, which is no more exact. */
function instructionValue(name: string, content: string): string {
  const key = `${name}=`;
  for (let at = 0; at < content.length; ) {
    const found = content.indexOf(key, at);
    const mark = found === -1 ? undefined : content[found + key.length];
    if (mark === undefined) return '';
    at = found + key.length + 1;
    if (mark !== '"' && mark !== "'") continue;
    const end = content.indexOf(mark, at);
    return end === -1 ? '' : content.slice(at, end);
  }
  return '';
}

/** Behind `<!`: a comment, a CDATA section, or a directive such as DOCTYPE. */
function readDeclaration(source: Source): void {
  const char = next(source);
  if (char === '-') {
    if (next(source) !== '-') stop('invalid sequence <!- not part of <!--');
    until(source, '--');
    if (next(source) !== '>') stop('invalid sequence "--" not allowed in comments');
  } else if (char === '[') {
    for (const expected of 'CDATA[') if (next(source) !== expected) stop('invalid <![ sequence');
    decode(until(source, ']]>'), false);
  } else {
    readDirective(source);
  }
}

/** To the `>` that is in no quotes, brackets or comment. */
function readDirective(source: Source): void {
  let mark = '';
  let depth = 0;
  for (let char = next(source); mark !== '' || char !== '>' || depth > 0; char = next(source)) {
    // A bracket that opens no comment has taken the characters that looked like one.
    while (mark === '' && char === '<') {
      const rest = openComment(source);
      if (rest === undefined) break;
      depth++;
      char = rest;
    }
    if (char === mark) mark = '';
    else if (mark === '' && (char === '"' || char === "'")) mark = char;
    else if (mark === '' && char === '>') depth--;
  }
}

/** Passes over the comment that a `<` begins; else answers the first character that belongs to none. */
function openComment(source: Source): string | undefined {
  for (const expected of '!--') {
    const char = next(source);
    if (char !== expected) return char;
  }
  until(source, '-->');
  return undefined;
}

/** The name at this place, without its name space; undefined where none begins, or what has two colons. */
function readLocalName(source: Source): string | undefined {
  const name = readName(source);
  const [space, local, ...more] = name?.split(':') ?? [];
  if (more.length > 0) return undefined;
  return space && local ? local : name;
}

function readName(source: Source): string | undefined {
  const raw = take(source, /[\w:.\x80-\xff-]*/y);
  if (source.at === source.text.length) throw new Stop('end');
  if (raw === '') return undefined;
  const name = Buffer.from(raw, 'latin1').toString();
  if (!isName(name)) stop(`invalid XML name ${quote(name)}`);
  return name;
}

/** Letters that are only another form of others are none in the names of XML, nor is anything beyond the first plane. */
function isName(text: string): boolean {
  return (
    /^[\p{L}\p{Nl}_:][\p{L}\p{M}\p{Nd}\p{Nl}_:.\xb7-]*$/u.test(text) &&
    !/[\ud800-\udfff]/.test(text) &&
    text.normalize('NFKC') === text.normalize('NFC')
  );
}

function skipSpace(source: Source): void {
  take(source, /[ \r\n\t]*/y);
}

/** What a sticky expression, one that always matches, finds at this place. */
function take(source: Source, pattern: RegExp): string {
  pattern.lastIndex = source.at;
  const [found] = pattern.exec(source.text)!;
  source.at += found.length;
  return found;
}

function next(source: Source): string {
  const char = source.text[source.at++];
  if (char === undefined) throw new Stop('end');
  return char;
}

/** What stands before the next `end`, which is passed over. */
function until(source: Source, end: string): string {
  const found = source.text.indexOf(end, source.at);
  if (found === -1) throw new Stop('end');
  const text = source.text.slice(source.at, found);
  source.at = found + end.length;
  return text;
}

/** The characters that bytes stand for, with what references stand for where there may be some; unknown ones stay. */
function decode(raw: string, references: boolean): string {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Buffer.from(raw, 'latin1'));
  } catch {
    stop('invalid UTF-8');
  }
  text = text.replace(/\r\n?/g, '\n');
  if (references) {
    text = text.replace(/&(?:#(\d+)|#x([\da-fA-F]+)|(lt|gt|amp|apos|quot));/g, resolveReference);
  }
  const illegal = /[^\t\n\r\x20-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/u.exec(text);
  if (illegal !== null) {
    stop(
      `illegal character code U+${illegal[0].codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0')}`,
    );
  }
  return text;
}

function resolveReference(whole: string, decimal?: string, hex?: string, name?: string): string {
  if (name !== undefined) return named[name]!;
  const code = decimal === undefined ? Number.parseInt(hex!, 16) : Number(decimal);
  if (code > 0x10ffff) return whole;
  return code >= 0xd800 && code <= 0xdfff ? '\ufffd' : String.fromCodePoint(code);
}

const named: Readonly<Record<string, string>> = { lt: '<', gt: '>', amp: '&', apos: "'", quot: '"' };

function stop(problem: string): never {
  throw new Stop({ problem });
}
