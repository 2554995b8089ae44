/** Names as git has them; nothing else that comes from outside is put into a command or a request. */

/** A whole hash: 40 hex digits, or 64 in a repository of SHA-256. */
export function isHash(text: string): boolean {
  return /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/.test(text);
}

/** What may name a commit by its hash: at least seven digits (codehost/git.go, minHashDigits). */
export function isHashPrefix(text: string): boolean {
  return /^[0-9a-f]{7,64}$/.test(text);
}

/** `HEAD`, or the whole name of a branch or tag that git allows (git-check-ref-format(1)). */
export function isRefName(text: string): boolean {
  return text === 'HEAD' || (/^refs\/(?:heads|tags)\/./.test(text) && !notInRefs.test(text));
}

const notInRefs = /[\x00-\x20\x7f~^:?*[\\]|\.\.|@\{|\/\/|\/\.|\.lock(?:\/|$)|[/.]$/;
