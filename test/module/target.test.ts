import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isStoaError, StoaError } from '../../src/errors.ts';
import { isPath } from '../../src/module/path.ts';
import { formatKey, formatTarget, parseKey, parseTarget, type Target } from '../../src/module/target.ts';
import { escapeVersion, isModuleVersion } from '../../src/module/version.ts';
import { anyText, modulePaths, mutated, oneOf, versions } from '../oracle/cases.ts';

const path = 'example.com/m';

describe('the targets of the protocol', () => {
  test.each<[url: string, target: Target, reason?: string]>([
    ['example.com/m/@v/list', { kind: 'list', path }],
    ['example.com/m/@latest', { kind: 'latest', path }],
    [
      'example.com/m/@v/v1.2.3.info',
      { kind: 'info', path, version: 'v1.2.3', key: 'example.com/m/@v/v1.2.3.info' },
    ],
    [
      'example.com/m/@v/v1.2.3.mod',
      { kind: 'mod', path, version: 'v1.2.3', key: 'example.com/m/@v/v1.2.3.mod' },
    ],
    [
      'example.com/m/@v/v1.2.3.zip',
      { kind: 'zip', path, version: 'v1.2.3', key: 'example.com/m/@v/v1.2.3.zip' },
    ],
    [
      'github.com/!azure/!s!d!k/@v/v2.0.0-!r!c1+incompatible.mod',
      {
        kind: 'mod',
        path: 'github.com/Azure/SDK',
        version: 'v2.0.0-RC1+incompatible',
        key: 'github.com/!azure/!s!d!k/@v/v2.0.0-!r!c1+incompatible.mod',
      },
    ],
    [
      'golang.org/toolchain/@v/v0.0.1-go1.27.9.linux-amd64.zip',
      {
        kind: 'zip',
        path: 'golang.org/toolchain',
        version: 'v0.0.1-go1.27.9.linux-amd64',
        key: 'golang.org/toolchain/@v/v0.0.1-go1.27.9.linux-amd64.zip',
      },
    ],
    ['example.com/m/@v/main.info', { kind: 'query', path, query: 'main' }],
    ['example.com/m/@v/!h!e!a!d.info', { kind: 'query', path, query: 'HEAD' }],
    [
      'example.com/m/@v/release.zip.info',
      { kind: 'query', path, query: 'release.zip' },
      'a branch of that name',
    ],
    ['example.com/m/@v/list.info', { kind: 'query', path, query: 'list' }],
    ['example.com/m/@v/v1.info', { kind: 'query', path, query: 'v1' }],
    ['example.com/m/@v/v1.2.3+meta.info', { kind: 'query', path, query: 'v1.2.3+meta' }, 'a tag'],
    ['example.com/m/@v/v2.0.0.info', { kind: 'query', path, query: 'v2.0.0' }, 'may be v2.0.0+incompatible'],
  ])('%s', (url, target) => {
    expect(parseTarget(url)).toEqual(target);
    expect(formatTarget(target)).toBe(url);
  });
});

describe('other paths are none of the protocol', () => {
  test.each([
    [''],
    ['healthz'],
    ['@v/list'],
    ['@latest'],
    ['example.com/m'],
    ['example.com/m/@latest/'],
    ['example.com/m/@v'],
    ['example.com/m/@vv/list'],
    ['sumdb/sum.golang.org/lookup/example.com/m@v1.0.0'],
  ])('%j', (url) => {
    expect(parseTarget(url)).toBeUndefined();
  });
});

describe('a path of the protocol that breaks a rule says which', () => {
  test.each<[url: string, message: RegExp, reason?: string]>([
    ['/@v/list', /^malformed module path "": empty/],
    ['m/@v/list', /missing dot in first path element/],
    ['example.com/m/v1/@latest', /invalid major version at the end/],
    ['example.com/M/@v/list', /upper case must be written with "!"/],
    ['example.com/m/@latest/@v/list', /invalid char '@'/],
    ['example.com/m/@v/', /no file is named ""/],
    ['example.com/m/@v/list/', /no file is named "list\/"/],
    ['example.com/m/@v/v1.0.0', /no file is named "v1.0.0"/],
    ['example.com/m/@v/v1.0.0.ziphash', /no file is named/, 'stored, but not served'],
    ['example.com/m/@v/v1.0.0.ZIP', /no file is named/],
    ['example.com/m/@v/.info', /^malformed version "": empty path element/],
    ['example.com/m/@v/feature/x.info', /invalid char '\/'/],
    ['example.com/m/@v/V1.0.0.info', /upper case must be written with "!"/],
    ['example.com/m/@v/main.mod', /^example.com\/m: invalid version "main": not a semantic version$/],
    ['example.com/m/@v/v1.0.zip', /not canonical, should be v1.0.0/],
    ['example.com/m/@v/v2.0.0.zip', /should be v0 or v1, not v2/],
    ['example.com/m/@v/latest.info', /invalid version "latest": a query of the go command/],
    ['example.com/m/@v/upgrade.info', /invalid version "upgrade"/],
    ['example.com/m/@v/patch.info', /invalid version "patch"/],
    ['example.com/m/@v/latest.mod', /not a semantic version/],
  ])('%s', (url, message) => {
    expect(() => parseTarget(url)).toThrow(message);
    expect(() => parseTarget(url)).toThrow(StoaError);
  });
});

describe('what no file system or object store could keep is malformed', () => {
  const long = (length: number) => 'x'.repeat(length);
  const at = (length: number) => `v1.0.0-${long(length - 'v1.0.0-'.length)}`;

  test.each<[url: string, accepted: boolean, reason?: string]>([
    [`example.com/${long(255)}/@latest`, true],
    [`example.com/${long(256)}/@latest`, false, 'the name of a folder has at most 255 bytes'],
    [`example.com/${`${long(99)}/`.repeat(4)}${long(100)}/@latest`, true],
    [`example.com/${`${long(99)}/`.repeat(5)}x/@latest`, false, 'with prefixes a key would pass 1,024 bytes'],
    [`example.com/${'!x'.repeat(128)}/@latest`, false, 'what counts is how it is stored'],
    [`example.com/m/@v/${at(247)}.zip`, true],
    [`example.com/m/@v/${at(248)}.zip`, false, 'with .ziphash it is the name of a file'],
    [`example.com/m/@v/${long(248)}.info`, false, 'queries are stored too'],
  ])('%s', (url, accepted) => {
    if (accepted) expect(formatTarget(parseTarget(url)!)).toBe(url);
    else expect(() => parseTarget(url)).toThrow(/more than \d+ characters/);
  });

  test('in what is written too', () => {
    expect(() => formatKey('example.com/m', at(248), 'zip')).toThrow('more than 247 characters');
    expect(() => formatKey(`example.com/${long(256)}`, 'v1.0.0', 'zip')).toThrow('or 255 between slashes');
    expect(() => formatTarget({ kind: 'query', path, query: long(248) })).toThrow(StoaError);
  });
});

describe('storage keys', () => {
  test('a key is the text of the target, and ends in .ziphash for the hash', () => {
    expect(formatKey('github.com/Azure/x', 'v1.0.0-RC1', 'ziphash')).toBe(
      'github.com/!azure/x/@v/v1.0.0-!r!c1.ziphash',
    );
    expect(parseKey('github.com/!azure/x/@v/v1.0.0-!r!c1.ziphash')).toEqual({
      path: 'github.com/Azure/x',
      version: 'v1.0.0-RC1',
      extension: 'ziphash',
    });
  });

  test.each<[key: string, reason?: string]>([
    ['fresh/example.com/m/list', 'our own keys have no dot in the first element'],
    ['fresh/example.com/@v/v1.0.0.zip'],
    ['example.com/m/@v/list'],
    ['example.com/m/@v/main.info'],
    ['example.com/m/@v/v1.0.info'],
    ['example.com/m/@v/v2.0.0.zip'],
    ['example.com/m/@v/v1.0.0.lock'],
    ['example.com/m/@v/v1.0.0'],
    ['example.com/M/@v/v1.0.0.zip'],
    ['example.com/m/@v/x/@v/v1.0.0.zip'],
    ['example.com.zip/@v/'],
    [`example.com/m/@v/v1.0.0-${'x'.repeat(250)}.zip`],
    [''],
  ])('%j is none of a version', (key) => {
    expect(parseKey(key)).toBeUndefined();
  });

  test('every key of a version is read again', () => {
    const extensions = fc.constantFrom('info', 'mod', 'zip', 'ziphash');
    fc.assert(
      fc.property(modulePaths, versions, extensions, (path, version, extension) => {
        if (!isModuleVersion(path, version)) return;
        expect(parseKey(formatKey(path, version, extension))).toEqual({ path, version, extension });
      }),
      { numRuns: 2000 },
    );
  });

  test('no text but a key is read, and nothing is thrown', () => {
    fc.assert(
      fc.property(urls, (key) => {
        const parsed = parseKey(key);
        if (parsed !== undefined) expect(formatKey(parsed.path, parsed.version, parsed.extension)).toBe(key);
      }),
      { numRuns: 2000 },
    );
  });
});

const files = fc
  .tuple(fc.oneof(versions, oneOf('v1.0.0 v0.1.0 main latest list')), oneOf('.info .mod .zip .ziphash .x'))
  .map(
    ([version, extension]) => version.replace(/[A-Z]/g, (letter) => `!${letter.toLowerCase()}`) + extension,
  );
const urls = fc.oneof(
  mutated(fc.tuple(modulePaths, oneOf('/@v/ /@v/ /@v/ /@V/ /@v /'), files).map((parts) => parts.join(''))),
  mutated(
    fc
      .tuple(oneOf('example.com/m github.com/!azure/x'), oneOf('/@v/list /@latest /@v/v1.0.0.mod'))
      .map((parts) => parts.join('')),
  ),
  anyText,
);

test('a URL that is taken is the one that its target is written as', () => {
  fc.assert(
    fc.property(urls, (url) => {
      let target: Target | undefined;
      try {
        target = parseTarget(url);
      } catch (error) {
        if (!isStoaError(error, 'malformed')) throw error;
        return;
      }
      if (target !== undefined) expect(formatTarget(target)).toBe(url);
    }),
    { numRuns: 3000 },
  );
});

test('every target of a valid path is read again', () => {
  fc.assert(
    fc.property(modulePaths.filter(isPath), versions, (path, query) => {
      expect(parseTarget(formatTarget({ kind: 'list', path }))).toEqual({ kind: 'list', path });
      expect(parseTarget(formatTarget({ kind: 'latest', path }))).toEqual({ kind: 'latest', path });
      try {
        escapeVersion(query);
      } catch {
        return;
      }
      const words = ['latest', 'upgrade', 'patch'];
      if (isModuleVersion(path, query) || words.includes(query)) return;
      expect(parseTarget(formatTarget({ kind: 'query', path, query }))).toEqual({
        kind: 'query',
        path,
        query,
      });
    }),
    { numRuns: 1000 },
  );
});
