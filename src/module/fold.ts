/**
 * A key that two names share exactly when they differ in nothing but case, by Unicode's simple case folding (Go's
 * strings.EqualFold, the `iu` flags of a RegExp): a file system that ignores case takes them for one.
 */
export function foldKey(name: string): string {
  for (let i = 0; i < name.length; i++) {
    const code = name.charCodeAt(i);
    if (code >= 0x80) return Array.from(name, foldCharacter).join('');
  }
  return name.toLowerCase();
}

/**
 * The lower case of the upper case joins what one of the two alone leaves apart (ς and σ, µ and μ). Where a mapping
 * is longer than one character, it is not a simple one and does not count.
 */
function foldCharacter(character: string): string {
  const exception = exceptions.get(character);
  if (exception !== undefined) return exception;
  const upper = character.toUpperCase();
  const lower = (isOne(upper) ? upper : character).toLowerCase();
  return isOne(lower) ? lower : character;
}

/** Where simple folding goes its own way: the dotless i stays apart, and three pairs have the same upper case of several characters. */
const exceptions = new Map([
  ['\u0131', '\u0131'],
  ['\u1fd3', '\u0390'],
  ['\u1fe3', '\u03b0'],
  ['\ufb05', '\ufb06'],
]);

function isOne(text: string): boolean {
  return text.length === 1 || (text.length === 2 && text.codePointAt(0)! > 0xffff);
}
