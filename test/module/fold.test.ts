import { expect, test } from 'vitest';
import { foldKey } from '../../src/module/fold.ts';

test.each<[a: string, b: string, reason?: string]>([
  ['README.md', 'readme.MD'],
  ['É.go', 'é.go'],
  ['\u212a', 'k', 'the Kelvin sign'],
  ['\u017f.go', 'S.go', 'the long s: lower case leaves it as it is'],
  ['ς', 'Σ', 'the sigma at the end of a word'],
  ['µ', 'μ', 'the micro sign and the letter'],
  ['ẞ', 'ß', 'whose upper case is two letters'],
  ['\u1fd3', '\u0390', 'two spellings of one letter, whose upper case is three characters'],
  ['𐐀', '𐐨', 'above U+FFFF'],
])('%s and %s are one name to a file system that ignores case', (a, b) => {
  expect(foldKey(a)).toBe(foldKey(b));
});

test.each<[a: string, b: string, reason?: string]>([
  ['ß', 'ss', 'full case folding, which file systems do not use'],
  ['\u0131', 'i', 'the dotless i, although its upper case is I'],
  ['\u0130', 'i', 'the dotted capital, although its lower case begins with i'],
  ['é', 'e\u0301', 'composed and decomposed: no file of a module has the latter'],
  ['a', 'á'],
])('%s and %s are two names', (a, b) => {
  expect(foldKey(a)).not.toBe(foldKey(b));
});

test('two characters have one key exactly when a RegExp with the flags iu takes one for the other', () => {
  const cased = /\p{Changes_When_Casemapped}|\p{Changes_When_Casefolded}/u;
  const byKey = new Map<string, string[]>();
  const changedWithoutCase: string[] = [];
  for (let point = 0; point <= 0x10ffff; point++) {
    if (point >= 0xd800 && point <= 0xdfff) continue;
    const character = String.fromCodePoint(point);
    const key = foldKey(character);
    if (cased.test(character)) byKey.set(key, [...(byKey.get(key) ?? []), character]);
    else if (key !== character) changedWithoutCase.push(character);
  }
  expect(changedWithoutCase).toEqual([]);
  const all = [...byKey.values()].flat().sort().join('');
  for (const same of byKey.values())
    for (const character of same) expect(all.match(new RegExp(character, 'giu'))).toEqual(same.sort());
});
