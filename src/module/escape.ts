/**
 * The text with each upper-case letter as `!` and the lower-case one, so that no two differ only in case, as file
 * systems need it. The text must be ASCII without `!`.
 */
export function escapeUpper(text: string): string {
  return text.replace(/[A-Z]/g, (letter) => `!${letter.toLowerCase()}`);
}

/** The reverse of `escapeUpper`; undefined for what it cannot have written. */
export function unescapeUpper(escaped: string): string | undefined {
  let text = '';
  let start = 0;
  for (let i = 0; i < escaped.length; i++) {
    const code = escaped.charCodeAt(i);
    if (code >= 0x80 || (code >= 0x41 && code <= 0x5a)) return undefined;
    if (code !== 0x21) continue;
    const next = escaped.charCodeAt(i + 1);
    if (!(next >= 0x61 && next <= 0x7a)) return undefined;
    text += escaped.slice(start, i) + String.fromCharCode(next - 0x20);
    start = ++i + 1;
  }
  return start === 0 ? escaped : text + escaped.slice(start);
}
