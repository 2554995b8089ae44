import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, test } from 'vitest';
import { isStoaError } from '../../src/errors.ts';
import { hash1 } from '../../src/module/dirhash.ts';
import { expectAgreement, judge } from '../oracle/agree.ts';
import { anyText, filePaths } from '../oracle/cases.ts';
import { type Answer, type Oracle, openOracle, type Question } from '../oracle/oracle.ts';
import { anyZips, soundZips, zipModule } from '../oracle/zips.ts';
import { requireTool } from '../setup/require.ts';
import { hashZip } from './read-zip.ts';

/**
 * Where ours refuses what archive/zip reads, on purpose: a zip that another program could read otherwise, or whose
 * parts contradict each other. No go command writes one.
 */
const stricter = [
  /^malformed zip: ".*" overlaps what follows it$/,
  /^malformed zip: its comment does not end with the file$/,
  /^malformed zip: the directory does not stand directly before the end record$/,
  /^malformed zip: its two end records disagree$/,
  /^malformed zip: the zip64 end record/,
  /^malformed zip: it is a part of several$/,
  /^malformed zip: the directory has no room for \d+ entries$/,
  /^malformed zip: its directory is longer than its entries$/,
  /^malformed zip: its last entry is longer than the directory$/,
  /^malformed zip: two entries are named "/,
  /^malformed zip: the local header of ".*" contradicts the directory$/,
  // The local header's; one in the directory is refused by zip.CheckZip too.
  /^malformed zip: the name of an entry is not UTF-8$/,
  /^malformed zip: an entry does not begin with a local header$/,
  /^malformed zip: ".*" is encrypted$/,
  // Of a folder's entry, whose data Go does not look at; a file's is refused by Go too.
  /^malformed zip: ".*\/" (has the unknown compression method|has \d+ bytes|is a folder with content)/,
  /^malformed zip: the data descriptor of ".*\/" contradicts the directory$/,
];

describe.skipIf(requireTool('go') === undefined)('x/mod agrees about zips', () => {
  let oracle: Oracle;
  beforeAll(async () => {
    oracle = await openOracle();
  });
  afterAll(() => oracle?.close());

  /** What Go says: `h1` is absent where zip.CheckZip or dirhash.HashZip refuse the zip. */
  const goSays = (answer: Answer): string | undefined => {
    const { h1, hashError, checkError } = (answer as { ok: Record<string, string> }).ok;
    return hashError === '' && checkError === '' ? h1 : undefined;
  };
  const oursSays = (zip: Buffer): { h1?: string; refusal?: string } => {
    try {
      return { h1: hashZip(zipModule, zip) };
    } catch (error) {
      if (!isStoaError(error, 'integrity')) throw error;
      return { refusal: error.message };
    }
  };
  const question = (zip: Buffer): Question => [
    'checkZip',
    zipModule.path,
    zipModule.version,
    zip.toString('base64'),
  ];

  test('a zip of sound structure is taken or refused as by zip.CheckZip, and has the same h1', async () => {
    await judge(oracle, 800, { cases: soundZips, question }, (zip, answer) => {
      const ours = oursSays(zip);
      return ours.h1 === goSays(answer) ? undefined : `ours says ${JSON.stringify(ours)}`;
    });
  });

  test('of any bytes, none is taken that Go refuses or reads otherwise, and refusing more has a known reason', async () => {
    await judge(oracle, 1500, { cases: anyZips, question }, (zip, answer) => {
      const { h1, refusal } = oursSays(zip);
      const go = goSays(answer);
      const isKnown = go === undefined || stricter.some((reason) => reason.test(refusal ?? ''));
      if (h1 === go || (h1 === undefined && isKnown)) return undefined;
      return `ours says ${JSON.stringify({ h1, refusal })}`;
    });
  });

  test('hash1', async () => {
    const files = fc.uniqueArray(fc.tuple(fc.oneof(filePaths, anyText), fc.string({ maxLength: 10 })), {
      maxLength: 8,
      selector: ([name]) => name,
    });
    await expectAgreement(oracle, 1000, {
      cases: files,
      question: (list) => ['hash1', list],
      ours: (list) =>
        hash1(
          list.map(([name, content]) => ({ name, sha256: createHash('sha256').update(content).digest() })),
        ),
    });
  });
});
