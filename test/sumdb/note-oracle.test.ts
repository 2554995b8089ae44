import fc from 'fast-check';
import { afterAll, beforeAll, describe, test } from 'vitest';
import { generateKey, openNote, parseSignerKey, parseVerifierKey, signNote } from '../../src/sumdb/note.ts';
import { formatRecord, parseRecord } from '../../src/sumdb/record.ts';
import { expectAgreement } from '../oracle/agree.ts';
import { anyText, mostly, mutated, oneOf } from '../oracle/cases.ts';
import { type Oracle, openOracle } from '../oracle/oracle.ts';
import { requireTool } from '../setup/require.ts';

const names = mostly(
  oneOf('sum.example.com example.com/log a localhost:8080 é'),
  fc.oneof(mutated(oneOf('sum.example.com')), anyText),
).filter((name) => name.isWellFormed());
const seeds = fc.uint8Array({ minLength: 32, maxLength: 32 });
const [ours, second, stranger] = ['sum.example.com', 'sum.example.com', 'other.example.com'].map((name, i) =>
  generateKey(name, Buffer.alloc(32, i + 1)),
);
const known = [ours!.verifierKey, second!.verifierKey];

describe.skipIf(requireTool('go') === undefined)('x/mod agrees about notes', () => {
  let oracle: Oracle;
  beforeAll(async () => {
    oracle = await openOracle();
  });
  afterAll(() => oracle?.close());

  test('the keys of a seed', async () => {
    const cases = fc.tuple(names, seeds).filter(([name]) => name !== '' && !/[\s\u0085+]/.test(name));
    await expectAgreement(oracle, 500, {
      cases,
      question: ([name, seed]) => ['generateKey', name, Buffer.from(seed).toString('base64')],
      ours: ([name, seed]) => {
        const { signerKey, verifierKey } = generateKey(name, seed);
        return [signerKey, verifierKey];
      },
    });
  });

  const keys = fc.tuple(names, seeds).map(([name, seed]) => {
    const { signerKey, verifierKey } = generateKey('x', seed);
    // The hash is right for some: those of the name x.
    return [signerKey.replace('+x+', `+${name}+`), verifierKey.replace(/^x/, name)] as const;
  });
  const goodKeys = seeds.map((seed) => {
    const { signerKey, verifierKey } = generateKey('sum.example.com', seed);
    return [signerKey, verifierKey] as const;
  });
  const anyKeys = mostly(goodKeys, keys);

  test('verifier keys', async () => {
    await expectAgreement(oracle, 2000, {
      cases: mutated(anyKeys.map(([, key]) => key)).filter((text) => text.isWellFormed()),
      question: (text) => ['verifierKey', text],
      ours: (text) => {
        const { name, keyHash } = parseVerifierKey(text);
        return [name, keyHash];
      },
    });
  });

  test('signer keys', async () => {
    await expectAgreement(oracle, 2000, {
      cases: mutated(anyKeys.map(([key]) => key)).filter((text) => text.isWellFormed()),
      question: (text) => ['signerKey', text],
      ours: (text) => {
        const { name, keyHash } = parseSignerKey(text);
        return [name, keyHash];
      },
    });
  });

  const texts = fc
    .array(fc.oneof(oneOf('line é \t ─ — \ufeff'), anyText), { maxLength: 4 })
    .map((lines) => lines.map((line) => `${line}\n`).join(''))
    .filter((text) => text.isWellFormed());
  const signers = fc.subarray([ours!.signerKey, second!.signerKey, stranger!.signerKey], { minLength: 1 });

  test('the signing of notes', async () => {
    await expectAgreement(oracle, 500, {
      cases: fc.tuple(
        texts.filter((text) => text !== ''),
        signers,
      ),
      question: ([text, list]) => ['signNote', text, list],
      ours: ([text, list]) => signNote(text, list.map(parseSignerKey)).toString('base64'),
    });
  });

  const notes = fc
    .tuple(texts, signers)
    .map(([text, list]) => signNote(text === '' ? '\n' : text, list.map(parseSignerKey)).toString());
  const lines = fc.constantFrom(
    '',
    '— x AAAAAAAA\n',
    '— x AAAA\n',
    '— x y\n',
    'x\n',
    '\n',
    '— sum.example.com ',
  );
  const messages = fc
    .tuple(mutated(notes), lines, fc.nat({ max: 120 }))
    .map(([note, line, times]) => note + (times > 110 ? line.repeat(times - 10) : line))
    .filter((text) => text.isWellFormed());
  const broken = fc.tuple(notes, fc.nat(), fc.nat({ max: 255 })).map(([note, at, byte]) => {
    const bytes = Buffer.from(note);
    bytes[at % bytes.length] = byte;
    return bytes;
  });

  test('the opening of notes', async () => {
    const verifiers = known.map(parseVerifierKey);
    await expectAgreement(oracle, 3000, {
      cases: mostly(messages.map((text) => Buffer.from(text)) as fc.Arbitrary<Buffer>, broken),
      question: (message) => ['openNote', message.toString('base64'), known],
      ours: (message) => {
        const { text, signedBy } = openNote(message, verifiers);
        return [text, signedBy.map(({ name }) => name)];
      },
    });
  });

  const recordTexts = mutated(
    oneOf('example.com/m example.com/m/go.mod é').map((path) => `${path} v1.0.0 h1:abc=\n`),
  );
  const records = fc
    .tuple(
      fc.oneof(fc.nat().map(String), oneOf("5 007 -5 +5 1e3 '' x 450359962737049")),
      fc.oneof(recordTexts, fc.constantFrom('\n', '', 'a\n', 'a\nb\n', '\na\n', 'a\n\n')),
      fc.constantFrom('\n', '\n', '', '\nrest', '\n\n', '\ngo.sum database tree\n5\n'),
    )
    .map(([id, text, rest]) => `${id}\n${text}${rest}`);

  test('records', async () => {
    // Ours take no number that is written otherwise than Go writes it, and none beyond a log that we compute with.
    const isCanonical = (message: string) => !/^([+-]|0\d|\d{16})/.test(message);
    await expectAgreement(oracle, 3000, {
      cases: mutated(records).filter((text) => text.isWellFormed() && isCanonical(text)),
      question: (message) => ['parseRecord', Buffer.from(message).toString('base64')],
      ours: (message) => {
        const { id, text, rest } = parseRecord(Buffer.from(message));
        return [id, text.toString('base64'), rest.toString('base64')];
      },
    });
    await expectAgreement(oracle, 1000, {
      cases: fc.tuple(fc.nat(), mostly(recordTexts, fc.uint8Array({ maxLength: 8 }).map(String))),
      question: ([id, text]) => ['formatRecord', id, Buffer.from(text).toString('base64')],
      ours: ([id, text]) => formatRecord(id, Buffer.from(text)).toString('base64'),
    });
  });
});
