import fc from 'fast-check';
import { afterAll, beforeAll, describe, test } from 'vitest';
import { StoaError } from '../../src/errors.ts';
import {
  checkFilePath,
  checkImportPath,
  checkPath,
  escapePath,
  splitPathVersion,
  unescapePath,
} from '../../src/module/path.ts';
import { matchesPatterns } from '../../src/module/pattern.ts';
import { expectAgreement } from '../oracle/agree.ts';
import { anyText, filePaths, modulePaths, mutated, patternsWithPath } from '../oracle/cases.ts';
import { type Oracle, openOracle } from '../oracle/oracle.ts';
import { requireTool } from '../setup/require.ts';

describe.skipIf(requireTool('go') === undefined)('x/mod agrees about paths', () => {
  let oracle: Oracle;
  beforeAll(async () => {
    oracle = await openOracle();
  });
  afterAll(() => oracle?.close());

  const paths = fc.oneof(
    { weight: 6, arbitrary: modulePaths },
    { weight: 2, arbitrary: filePaths },
    { weight: 1, arbitrary: anyText },
  );
  const escapedPaths = mutated(
    fc.oneof(
      paths,
      modulePaths.map((path) => path.replace(/[A-Z]/g, (letter) => `!${letter.toLowerCase()}`)),
    ),
  );

  test.each(Object.entries({ checkPath, checkImportPath, checkFilePath }))('%s', async (name, check) => {
    await expectAgreement(oracle, 2500, {
      cases: paths,
      question: (path) => [name, path],
      ours: (path) => {
        check(path);
        return true;
      },
    });
  });

  test('escapePath', async () => {
    await expectAgreement(oracle, 1500, {
      cases: paths,
      question: (path) => ['escapePath', path],
      ours: escapePath,
    });
  });

  test('unescapePath', async () => {
    await expectAgreement(oracle, 1500, {
      cases: escapedPaths,
      question: (path) => ['unescapePath', path],
      ours: unescapePath,
    });
  });

  test('splitPathVersion', async () => {
    await expectAgreement(oracle, 2000, {
      cases: paths,
      question: (path) => ['splitPathVersion', path],
      ours: (path) => {
        const split = splitPathVersion(path);
        if (split === undefined) throw new StoaError('malformed', 'undefined stands for an error');
        return split;
      },
    });
  });

  test('matchesPatterns', async () => {
    await expectAgreement(oracle, 4000, {
      cases: patternsWithPath,
      question: ([patterns, path]) => ['matchesPatterns', patterns, path],
      ours: ([patterns, path]) => matchesPatterns(patterns, path),
    });
  });
});
