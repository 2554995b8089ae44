import fc from 'fast-check';
import { afterAll, beforeAll, describe, test } from 'vitest';
import { modulePath, parseModFile } from '../../src/module/modfile.ts';
import { expectAgreement } from '../oracle/agree.ts';
import { modulePaths, mutated } from '../oracle/cases.ts';
import { modFiles } from '../oracle/modfiles.ts';
import { type Oracle, openOracle } from '../oracle/oracle.ts';
import { requireTool } from '../setup/require.ts';

describe.skipIf(requireTool('go') === undefined)('x/mod agrees about go.mod files', () => {
  let oracle: Oracle;
  beforeAll(async () => {
    oracle = await openOracle();
  });
  afterAll(() => oracle?.close());

  test('parseModFile', async () => {
    await expectAgreement(oracle, 4000, {
      cases: modFiles,
      question: (text) => ['parseModFile', text],
      ours: (text) => ({ module: '', deprecated: '', go: '', toolchain: '', ...parseModFile(text) }),
    });
  });

  test('modulePath', async () => {
    const lines = fc
      .tuple(
        fc.constantFrom(
          'module ',
          'module\t',
          'module',
          ' module ',
          'module\u00a0',
          'modules ',
          'require ',
          '// module ',
          '\ufeffmodule ',
        ),
        modulePaths,
        fc.constantFrom('', ' // c', '//c', '\r', ' \u0085', ' x'),
        fc.constantFrom('', '"', '`', "'"),
      )
      .map(([verb, path, end, quote]) => `${verb}${quote}${path}${quote}${end}`);
    await expectAgreement(oracle, 2000, {
      cases: fc.oneof(modFiles, mutated(fc.array(lines, { maxLength: 3 }).map((list) => list.join('\n')))),
      question: (text) => ['modulePath', text],
      ours: (text) => modulePath(text) ?? '',
    });
  });
});
