import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { isStoaError } from '../../src/errors.ts';
import { foldKey } from '../../src/module/fold.ts';
import { modulePath, parseModFile } from '../../src/module/modfile.ts';
import { filePathProblem } from '../../src/module/path.ts';
import { type Oracle, openOracle } from '../oracle/oracle.ts';
import { requireTool } from '../setup/require.ts';

/** Node and Go each have the Unicode tables of their release; what only the newer knows is left out. */
describe.skipIf(requireTool('go') === undefined)('Go agrees about every character it knows', () => {
  let oracle: Oracle;
  let version: string;
  let flags: Buffer;
  let folds: Map<number, number>;
  beforeAll(async () => {
    oracle = await openOracle();
    const [answer] = await oracle.ask([['runes']]);
    const { ok } = answer as { ok: { version: string; flags: string; folds: [number, number][] } };
    version = ok.version;
    flags = Buffer.from(ok.flags, 'base64');
    folds = new Map(ok.folds);
  });
  afterAll(() => oracle?.close());

  const [isLetter, isPrintable, isSpace, isAssigned] = [1, 2, 4, 8];

  /** The code points above ASCII for which ours and Go's flag differ, as text for a readable failure. */
  function differences(flag: number, ours: (character: string) => boolean): string[] {
    const found: string[] = [];
    for (let point = 0x80; point < flags.length; point++) {
      const isSurrogate = point >= 0xd800 && point <= 0xdfff;
      if (isSurrogate || (flags[point]! & isAssigned) === 0) continue;
      if (ours(String.fromCodePoint(point)) !== ((flags[point]! & flag) !== 0))
        found.push(point.toString(16));
    }
    return found;
  }

  test('a letter may be in the name of a file', () => {
    expect(differences(isLetter, (character) => filePathProblem(character) === undefined)).toEqual([]);
  });

  test('a printable character may be in a word of go.mod', () => {
    const parses = (character: string) => {
      try {
        parseModFile(`word ${character}`);
        return true;
      } catch (error) {
        if (!isStoaError(error)) throw error;
        return false;
      }
    };
    expect(differences(isPrintable, parses)).toEqual([]);
  });

  test('white space is trimmed', () => {
    expect(differences(isSpace, (character) => modulePath(`module a${character}`) === 'a')).toEqual([]);
  });

  test('names that Go folds together are one to us', () => {
    const key = (point: number) => foldKey(String.fromCodePoint(point));
    const apart = [...folds].filter(([point, least]) => key(point) !== key(least));
    expect(apart).toEqual([]);
  });

  test('names that are one to us are so to Go, but for what only newer tables know', () => {
    const isNewer = Number.parseFloat(process.versions.unicode ?? '') > Number.parseFloat(version);
    const least = (point: number) => folds.get(point) ?? point;
    const together: string[] = [];
    for (let point = 0; point < flags.length; point++) {
      if (point >= 0xd800 && point <= 0xdfff) continue;
      const key = foldKey(String.fromCodePoint(point)).codePointAt(0)!;
      if (least(key) !== least(point)) together.push(point.toString(16));
    }
    // Unicode 15.1 made pairs of three letters; the rest are letters that Go does not know.
    const isOld = (point: string) => (flags[Number.parseInt(point, 16)]! & isAssigned) !== 0;
    const expected = Number.parseFloat(version) < 15.1 ? ['1fd3', '1fe3', 'fb05'] : [];
    expect(isNewer ? together.filter(isOld) : together).toEqual(isNewer ? expected : []);
  });
});
