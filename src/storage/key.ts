import { StoaError } from '../errors.ts';

/**
 * What a key may be, in every backend alike: elements of visible ASCII joined by `/`, none empty or beginning
 * with a dot, none with a backslash, each at most 255 bytes (the longest file name of common file systems),
 * in all at most 960 (object stores take 1,024; the rest is left for a prefix in a shared bucket). So keys
 * sort the same as strings and as bytes, need no quoting in any backend, and a name that begins with a dot is
 * free for what a backend keeps for itself.
 */
const element = '(?!\\.)[!-.0-[\\]-~]{1,255}';
const keyPattern = new RegExp(`^${element}(?:/${element})*$`);
const elementPattern = new RegExp(`^${element}$`);
const maxKeyLength = 960;

/** True for a name that can be one element of a key. */
export function isKeyElement(name: string): boolean {
  return elementPattern.test(name);
}

/** True for a key. */
export function isKey(key: string): boolean {
  return key.length <= maxKeyLength && keyPattern.test(key);
}

/** Throws `malformed`, naming the rule, unless this is a key. */
export function checkKey(key: string): void {
  if (!isKey(key)) throw malformed('key', key);
}

/** Throws `malformed` unless some key can begin with this. */
export function checkPrefix(prefix: string): void {
  if (prefix === '' || isKey(prefix) || isKey(`${prefix}x`)) return;
  throw malformed('prefix', prefix);
}

function malformed(what: string, text: string): StoaError {
  const shown = JSON.stringify(text.length > 100 ? `${text.slice(0, 100)}…` : text);
  return new StoaError('malformed', `storage ${what} ${shown}: ${brokenRule(text)}`);
}

function brokenRule(text: string): string {
  if (text.length > maxKeyLength) return `longer than ${maxKeyLength} bytes`;
  if (/[^!-[\]-~]/.test(text)) return 'a character that is not visible ASCII, or a backslash';
  const elements = text.split('/');
  if (elements.some((name) => name.length > 255)) return 'an element longer than 255 bytes';
  if (elements.some((name) => name.startsWith('.'))) return 'an element that begins with a dot';
  return 'an empty element';
}
