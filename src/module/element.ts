/** The characters a path element may have, by what the path names: each kind allows what the one before it does, and more. */
export const modulePath = 1;
export const importPath = 2;
export const filePath = 4;
export type PathKind = typeof modulePath | typeof importPath | typeof filePath;

/**
 * What is wrong with the path element `text[start, end)`, or undefined: x/mod module.checkElem. An element never
 * holds a slash.
 */
export function elementProblem(text: string, start: number, end: number, kind: PathKind): string | undefined {
  if (start === end) return 'empty path element';
  let dots = 0;
  let short = end;
  for (let i = start; i < end; i++) {
    const code = text.charCodeAt(i);
    if (code === dot) {
      if (dots++ === 0) short = i;
    } else if (code < 0x80) {
      if ((allowed[code]! & kind) === 0) return `invalid char '${showAscii(code)}'`;
    } else {
      const point = text.codePointAt(i)!;
      if (kind !== filePath || !letter.test(String.fromCodePoint(point)))
        return `invalid char U+${point.toString(16).toUpperCase().padStart(4, '0')}`;
      if (point > 0xffff) i++;
    }
  }
  if (dots === end - start) return 'path element of dots only';
  if (kind === modulePath && short === start) return 'leading dot in path element';
  if (text.charCodeAt(end - 1) === dot) return 'trailing dot in path element';
  if (isWindowsName(text, start, short)) return 'path element is a reserved name on Windows';
  if (kind !== filePath && isShortName(text, start, short))
    return 'trailing tilde and digits in path element';
  return undefined;
}

const dot = 0x2e;
const letter = /^\p{L}$/u;
const windowsNames = new Set(
  'CON PRN AUX NUL COM1 COM2 COM3 COM4 COM5 COM6 COM7 COM8 COM9 LPT1 LPT2 LPT3 LPT4 LPT5 LPT6 LPT7 LPT8 LPT9'.split(
    ' ',
  ),
);
const windowsInitials = 'cpanlCPANL';

/** By ASCII code: the kinds of path that allow the character. */
const allowed = allowedKinds();

function allowedKinds(): Uint8Array {
  const kinds = new Uint8Array(128);
  const alphanumeric = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
  const allow = (characters: string, kind: number) => {
    for (let i = 0; i < characters.length; i++) kinds[characters.charCodeAt(i)]! |= kind;
  };
  allow(`${alphanumeric}-._~`, modulePath | importPath | filePath);
  allow('+', importPath | filePath);
  allow('!#$%&(),=@[]^{} ', filePath);
  return kinds;
}

function showAscii(code: number): string {
  return code < 0x20 || code === 0x7f
    ? `\\x${code.toString(16).padStart(2, '0')}`
    : String.fromCharCode(code);
}

/** True for the device names of Windows, which it finds in every folder and under every extension. */
function isWindowsName(text: string, start: number, end: number): boolean {
  const length = end - start;
  if (length !== 3 && length !== 4) return false;
  // Few elements get past their first letter, and this is done for every request.
  const isCandidate = windowsInitials.includes(text[start]!);
  return isCandidate && windowsNames.has(text.slice(start, end).toUpperCase());
}

/** True for what looks like the 8.3 name Windows gives a long one: `PROGRA~1`. */
function isShortName(text: string, start: number, end: number): boolean {
  let i = end - 1;
  while (i >= start && text.charCodeAt(i) >= 0x30 && text.charCodeAt(i) <= 0x39) i--;
  return i < end - 1 && i >= start && text[i] === '~';
}
