import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { StoaError } from '../../src/errors.ts';
import { formatPseudoVersion, isPseudoVersion, pseudoVersionParts } from '../../src/module/pseudo.ts';
import {
  build,
  canonicalSemver,
  compareSemver,
  isSemver,
  major,
  majorMinor,
  prerelease,
  sortVersions,
} from '../../src/module/semver.ts';
import {
  canonicalVersion,
  checkModuleVersion,
  checkPathMajor,
  escapeVersion,
  isModuleVersion,
  unescapeVersion,
} from '../../src/module/version.ts';
import { expectAgreement } from '../oracle/agree.ts';
import {
  anyText,
  largePairs,
  modulePaths,
  mostly,
  mutated,
  ordinaryVersions,
  pseudoVersions,
  versions,
} from '../oracle/cases.ts';
import { type Oracle, openOracle } from '../oracle/oracle.ts';
import { requireTool } from '../setup/require.ts';

describe.skipIf(requireTool('go') === undefined)('x/mod agrees about versions', () => {
  let oracle: Oracle;
  beforeAll(async () => {
    oracle = await openOracle();
  });
  afterAll(() => oracle?.close());

  const texts = fc.oneof({ weight: 8, arbitrary: versions }, { weight: 1, arbitrary: anyText });

  test('the parts and canonical forms of a version', async () => {
    await expectAgreement(oracle, 3000, {
      cases: texts,
      question: (version) => ['semver', version],
      ours: (v) => [
        isSemver(v),
        canonicalSemver(v),
        major(v),
        majorMinor(v),
        prerelease(v),
        build(v),
        canonicalVersion(v),
      ],
    });
  });

  test('compareSemver', async () => {
    const near = texts.chain((version) => fc.tuple(fc.constant(version), mutated(fc.constant(version))));
    await expectAgreement(oracle, 3000, {
      cases: fc.oneof(near, largePairs, fc.tuple(ordinaryVersions, ordinaryVersions), fc.tuple(texts, texts)),
      question: ([a, b]) => ['compareSemver', a, b],
      ours: ([a, b]) => Math.sign(compareSemver(a, b)),
    });
  });

  test('sortVersions', async () => {
    await expectAgreement(oracle, 500, {
      cases: fc.array(texts, { maxLength: 12 }),
      question: (list) => ['sortVersions', list],
      ours: sortVersions,
    });
  });

  test('escapeVersion', async () => {
    await expectAgreement(oracle, 1000, {
      cases: texts,
      question: (version) => ['escapeVersion', version],
      ours: escapeVersion,
    });
  });

  test('unescapeVersion', async () => {
    await expectAgreement(oracle, 1000, {
      cases: fc.oneof(
        texts,
        texts.map((version) => version.replace(/[A-Z]/g, (letter) => `!${letter.toLowerCase()}`)),
      ),
      question: (version) => ['unescapeVersion', version],
      ours: unescapeVersion,
    });
  });

  const pathMajors = fc.oneof(
    fc.constantFrom(
      '',
      '/v2',
      '/v3',
      '/v10',
      '.v0',
      '.v1',
      '.v2',
      '.v1-unstable',
      '.v2-unstable',
      '.v-unstable',
    ),
    mutated(fc.constantFrom('/v2', '.v1', '.v2-unstable', 'v2', '/', '.')),
  );
  const majorVersions = fc.oneof(
    texts,
    fc.constantFrom(
      'v0.0.0-20161208181325-20d25e280405',
      'v0.0.0-',
      'v2.0.0',
      'v2.0.0+incompatible',
      'v1.0.0',
    ),
  );

  test('checkPathMajor', async () => {
    await expectAgreement(oracle, 1500, {
      cases: fc.tuple(majorVersions, pathMajors),
      question: ([version, pathMajor]) => ['checkPathMajor', version, pathMajor],
      ours: ([version, pathMajor]) => {
        checkPathMajor(version, pathMajor);
        return true;
      },
    });
  });

  const goodPaths = fc.constantFrom(
    'example.com/m',
    'example.com/m/v2',
    'example.com/m/v10',
    'gopkg.in/yaml.v1',
    'gopkg.in/yaml.v2',
    'gopkg.in/yaml.v0-unstable',
    'golang.org/toolchain',
  );
  const cores = fc.constantFrom(
    'v0.0.0',
    'v1.2.3',
    'v2.0.0',
    'v10.1.0',
    'v2.0.0+incompatible',
    'v1.0.0+incompatible',
    'v2.0.0+meta',
    'v0.0.1-go1.27.9.linux-amd64',
  );

  test('checkModuleVersion, and isModuleVersion says the same', async () => {
    await expectAgreement(oracle, 2500, {
      cases: fc.tuple(mostly(goodPaths, modulePaths), fc.oneof(cores, mutated(cores), majorVersions)),
      question: ([path, version]) => ['checkModule', path, version],
      ours: ([path, version]) => {
        const is = isModuleVersion(path, version);
        if (is) checkModuleVersion(path, version);
        else expect(() => checkModuleVersion(path, version)).toThrow(StoaError);
        if (!is) throw new StoaError('malformed', 'as the check has just said');
        return is;
      },
    });
  });

  test('isPseudoVersion', async () => {
    await expectAgreement(oracle, 2000, {
      cases: fc.oneof({ weight: 4, arbitrary: pseudoVersions }, { weight: 1, arbitrary: texts }),
      question: (version) => ['isPseudoVersion', version],
      ours: isPseudoVersion,
    });
  });

  test('pseudoVersionParts', async () => {
    await expectAgreement(oracle, 2500, {
      cases: fc.oneof({ weight: 8, arbitrary: pseudoVersions }, { weight: 1, arbitrary: texts }),
      question: (version) => ['pseudoParts', version],
      ours: (version) => {
        const { base, time, revision } = pseudoVersionParts(version);
        return { base, unix: time.getTime() / 1000, revision };
      },
    });
  });

  test('formatPseudoVersion', async () => {
    const seconds = fc.integer({
      min: Date.parse('0000-01-01T00:00:00Z') / 1000,
      max: Date.parse('9999-12-31T23:59:59Z') / 1000,
    });
    await expectAgreement(oracle, 1500, {
      cases: fc.tuple(
        fc.constantFrom('', 'v0', 'v1', 'v2'),
        fc.oneof(texts, cores),
        seconds,
        fc.constantFrom('daa7c04131f5', ''),
      ),
      question: (args) => ['formatPseudo', ...args],
      ours: ([pathMajor, base, unix, revision]) =>
        formatPseudoVersion(pathMajor, base, new Date(unix * 1000), revision),
    });
  });
});
