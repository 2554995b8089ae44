import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isStoaError } from '../../src/errors.ts';
import { checkInfo, checkMod, checkZipHead, parseList } from '../../src/fetch/checks.ts';

const path = 'example.com/m';
const pseudo = 'v0.0.0-20240102030405-abcdef123456';

const bytes = (text: string): Buffer => Buffer.from(text);

describe('an info', () => {
  test.each([
    ['v1.0.0', '{"Version":"v1.0.0"}', 'v1.0.0', 'the time is optional'],
    [
      'v1.0.0',
      '{"Version":"v1.0.0","Time":"2024-02-29T23:59:59.123456789+05:30"}',
      'v1.0.0',
      'any RFC 3339 time',
    ],
    [
      'v1.0.0',
      '{"Version":"v1.0.0","Time":null,"Origin":null}',
      'v1.0.0',
      'null is nothing to the go command',
    ],
    ['v1.0.0', '{"version":"v1.0.0"}', 'v1.0.0', 'the go command takes keys in any case'],
    ['v1.0.0', ' {"Version":"v1.0.0","Name":1,"More":[{}]}\n', 'v1.0.0', 'what the go command does not know'],
    [
      'v1.0.0',
      '{"Version":"v1.0.0","Origin":{"VCS":"git","URL":"https://example.com/m","Hash":"ab","Odd":1}}',
      'v1.0.0',
      'an origin',
    ],
    ['main', `{"Version":"${pseudo}"}`, pseudo, 'a branch'],
    ['v1.2.0+meta', '{"Version":"v1.2.0"}', 'v1.2.0', 'not canonical, so a tag'],
    ['v2.0.0', '{"Version":"v1.0.0"}', 'v1.0.0', 'no version of this module, so a tag'],
    ['latest', '{"Version":"v2.0.0+incompatible"}', 'v2.0.0+incompatible', 'from before modules'],
  ])('of %s may be %s: %4$s', (query, text, version) => {
    expect(checkInfo(bytes(text), path, query)).toBe(version);
  });

  test.each([
    ['v1.0.0', '', 'not JSON', 'nothing'],
    ['v1.0.0', '\uFEFF{"Version":"v1.0.0"}', 'not JSON', 'the go command stumbles over a byte order mark'],
    ['v1.0.0', '{"Version":"v1.0.0"}{}', 'not JSON', 'more than one value'],
    ['v1.0.0', '"v1.0.0"', 'no JSON object', 'a string'],
    ['v1.0.0', '["v1.0.0"]', 'no JSON object', 'an array'],
    ['v1.0.0', 'null', 'no JSON object', 'null'],
    ['v1.0.0', '{"Version":1}', 'without a version', 'a number'],
    ['v1.0.0', '{"Version":""}', 'without a version', 'empty'],
    [
      'v1.0.0',
      '{"Version":"v1.0.0","version":"v9.9.9"}',
      'more than one version',
      'the go command would take the last',
    ],
    ['v1.0.0', '{"Version":"v1.0.0","Verſion":"v9.9.9"}', 'more than one version', 'the long s folds to s'],
    ['v1.0.0', '{"Version":"v1.0.0","Time":"2024-02-30T00:00:00Z"}', 'whose time is', 'no such day'],
    ['v1.0.0', '{"Version":"v1.0.0","Time":"2023-02-29T00:00:00Z"}', 'whose time is', 'no leap year'],
    ['v1.0.0', '{"Version":"v1.0.0","Time":"2024-01-01 00:00:00Z"}', 'whose time is', 'no T'],
    ['v1.0.0', '{"Version":"v1.0.0","Time":1704067200}', 'whose time is', 'a number'],
    ['v1.0.0', '{"Version":"v1.0.0","time":"soon"}', 'whose time is', 'in any case'],
    ['v1.0.0', '{"Version":"v1.0.0","Origin":"git"}', 'whose origin', 'a string'],
    ['v1.0.0', '{"Version":"v1.0.0","Origin":{"Hash":1}}', 'whose origin', 'a number for a hash'],
    ['v1.0.0', '{"Version":"v1.0.1"}', 'of version v1.0.1 instead of v1.0.0', 'another version'],
    [pseudo, '{"Version":"v1.0.0"}', `of version v1.0.0 instead of ${pseudo}`, 'a tag for a pseudo-version'],
    ['main', '{"Version":"v1.0.0+meta"}', 'for "v1.0.0+meta"', 'not canonical'],
    [
      'main',
      '{"Version":"v0.0.0\\u001b[31m"}',
      'for "v0.0.0 [31m"',
      'what would colour a terminal is not repeated',
    ],
  ])('of %s may not be %j: %s', (query, text, told) => {
    expect(() => checkInfo(bytes(text), path, query)).toThrow(
      expect.objectContaining({ kind: 'integrity', message: expect.stringContaining(told) }),
    );
  });

  test('is believed or refused, whatever came', () => {
    const part = fc.constantFrom(
      '{',
      '}',
      '[',
      '"Version"',
      ':',
      ',',
      '"v1.0.0"',
      '"Time"',
      'null',
      '1',
      '"2024-01-01T00:00:00Z"',
    );
    const any = fc.oneof(
      fc.uint8Array({ maxLength: 64 }),
      fc.json().map(bytes),
      fc.array(part).map((parts) => bytes(parts.join(''))),
    );
    fc.assert(
      fc.property(any, fc.constantFrom('v1.0.0', 'main', 'latest'), (body, query) => {
        try {
          expect(checkInfo(body, path, query)).toMatch(/^v/);
        } catch (error) {
          expect(isStoaError(error, 'integrity')).toBe(true);
        }
      }),
      { numRuns: 2_000 },
    );
  });
});

describe('a go.mod', () => {
  test.each([
    ['module example.com/m\n', 'the synthesized one'],
    ['// comment\n\nmodule "example.com/m" // quoted\r\ngo 1.21\r\n', 'quotes, comments, CRLF'],
    ['module example.com/other\n', 'a fork keeps the name of what it was forked from'],
  ])('may be %j: %s', (text) => {
    expect(() => checkMod(bytes(text))).not.toThrow();
  });

  test.each([
    ['go 1.21\n', 'without a module line'],
    ['// module example.com/m\n', 'without a module line'],
    ['modules example.com/m\n', 'without a module line'],
    ['{"error":"not found"}', 'begins with "{"error":"not found"}"'],
  ])('may not be %j', (text, told) => {
    expect(() => checkMod(bytes(text))).toThrow(
      expect.objectContaining({ kind: 'integrity', message: expect.stringContaining(told) }),
    );
  });
});

describe('a list', () => {
  test.each([
    ['', [], 'a module without versions'],
    ['\n \n', [], 'blank lines'],
    [
      'v1.0.0\nv1.2.0\nv1.10.0\nv1.2.0-rc.1\n',
      ['v1.0.0', 'v1.2.0-rc.1', 'v1.2.0', 'v1.10.0'],
      'sorted as versions',
    ],
    ['v1.0.0\r\nv1.0.0', ['v1.0.0'], 'each once, with any line end'],
    ['v1.0.0 2024-01-02T03:04:05Z\n\tv1.1.0\tx y\n', ['v1.0.0', 'v1.1.0'], 'the first field counts'],
    [`v1.0.0\n${pseudo}\n`, ['v1.0.0'], 'pseudo-versions do not belong into lists'],
    [`${pseudo}\n`, [], 'nor do they make it a wrong one'],
    [
      'v1.0.0\nv2.0.0\nv2.0.0+incompatible\nv1.0.1+meta\nv1.2\nlatest\n',
      ['v1.0.0', 'v2.0.0+incompatible'],
      'what cannot be a version of the module',
    ],
  ])('%j holds %j: %s', (text, versions) => {
    expect(parseList(bytes(text), path)).toEqual(versions);
  });

  test('keeps the versions of toolchains', () => {
    const versions = ['v0.0.1-go1.21.0.linux-amd64', 'v0.0.1-go1.26.8.darwin-arm64'];
    expect(parseList(bytes(versions.toReversed().join('\n')), 'golang.org/toolchain')).toEqual(versions);
  });

  test.each([['<html>'], ['{"error":"no"}'], ['not found'], ['latest\nmain\n']])('is not %j', (text) => {
    expect(() => parseList(bytes(text), path)).toThrow(
      expect.objectContaining({ kind: 'integrity', message: expect.stringContaining('without any version') }),
    );
  });

  test('never holds anything but what was sent', () => {
    const line = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 10 }),
      fc.tuple(fc.nat(12), fc.nat(12), fc.nat(3)).map((n) => `v${n.join('.')}`),
    );
    fc.assert(
      fc.property(fc.array(line), (lines) => {
        let versions: string[] = [];
        try {
          versions = parseList(bytes(lines.join('\n')), path);
        } catch (error) {
          expect(isStoaError(error, 'integrity')).toBe(true);
        }
        const sent = lines.join('\n').split(/[\s\u0085]+/);
        for (const version of versions) expect(sent).toContain(version);
        expect(new Set(versions).size).toBe(versions.length);
      }),
    );
  });
});

describe('the head of a zip', () => {
  test('is that of a file or of an empty archive', () => {
    expect(() => checkZipHead(bytes('PK\x03\x04'))).not.toThrow();
    expect(() => checkZipHead(bytes('PK\x05\x06'))).not.toThrow();
  });

  test.each([['PK\x03\x06'], ['PK\x07\x08'], ['pk\x03\x04'], ['PK\x03'], ['']])('is not %j', (text) => {
    expect(() => checkZipHead(bytes(text))).toThrow(expect.objectContaining({ kind: 'integrity' }));
  });
});
