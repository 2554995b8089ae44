/**
 * Compares by UTF-8 bytes, the order of Go's strings, of h1 hashes and of storage keys; negative, zero or positive.
 * JavaScript's own order differs where a character above U+FFFF meets one from U+E000 on.
 */
export function compareBytes(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x !== y) return rank(x) - rank(y);
  }
  return a.length - b.length;
}

/** Surrogates come in pairs and stand for what is above U+FFFF: they rank above every other unit. */
function rank(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit;
}
