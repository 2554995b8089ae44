/**
 * The value of a quoted Go string, double quotes or backquotes included in the argument; undefined for a malformed
 * one. Escapes that make no UTF-8 become U+FFFD. The rules are those of strconv.Unquote.
 */
export function unquoteGo(quoted: string): string | undefined {
  const quote = quoted[0];
  if (quoted.length < 2 || quoted.at(-1) !== quote) return undefined;
  const inner = quoted.slice(1, -1);
  if (quote === '`') return inner.includes('`') ? undefined : inner.replaceAll('\r', '');
  if (quote !== '"') return undefined;
  const bytes: Buffer[] = [];
  let at = 0;
  while (at < inner.length) {
    const backslash = inner.indexOf('\\', at);
    const plain = inner.slice(at, backslash < 0 ? inner.length : backslash);
    if (/["\n]/.test(plain)) return undefined;
    bytes.push(Buffer.from(plain));
    if (backslash < 0) break;
    const escaped = readEscape(inner, backslash + 1);
    if (escaped === undefined) return undefined;
    bytes.push(escaped.bytes);
    at = escaped.end;
  }
  return Buffer.concat(bytes).toString();
}

/** The bytes of the escape whose backslash is before `at`, and where it ends. */
function readEscape(text: string, at: number): { bytes: Buffer; end: number } | undefined {
  const letter = text[at] ?? '';
  const single = singles[letter];
  if (single !== undefined) return { bytes: Buffer.from(single), end: at + 1 };
  const form = forms.find(({ start }) => start.test(letter));
  if (form === undefined) return undefined;
  const from = form.radix === 8 ? at : at + 1;
  const digits = text.slice(from, from + form.length);
  if (digits.length < form.length || !form.digits.test(digits)) return undefined;
  const value = Number.parseInt(digits, form.radix);
  const end = from + form.length;
  if (form.length <= 3) return value > 0xff ? undefined : { bytes: Buffer.of(value), end };
  if (value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff)) return undefined;
  return { bytes: Buffer.from(String.fromCodePoint(value)), end };
}

const singles: Readonly<Record<string, string>> = {
  a: '\x07',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
  '\\': '\\',
  '"': '"',
};

/** `\377` and `\xff` are bytes, `\u00ff` and `\U000000ff` characters. */
const forms = [
  { start: /^[0-7]$/, radix: 8, length: 3, digits: /^[0-7]+$/ },
  { start: /^x$/, radix: 16, length: 2, digits: /^[0-9a-fA-F]+$/ },
  { start: /^u$/, radix: 16, length: 4, digits: /^[0-9a-fA-F]+$/ },
  { start: /^U$/, radix: 16, length: 8, digits: /^[0-9a-fA-F]+$/ },
];
