import { expect, test } from 'vitest';
import {
  formatVerifierKey,
  generateKey,
  openNote,
  parseSignerKey,
  parseVerifierKey,
  signNote,
} from '../../src/sumdb/note.ts';

const keys = generateKey('sum.example.com', Buffer.alloc(32, 7));
const others = generateKey('other.example.com', Buffer.alloc(32, 8));
const signer = parseSignerKey(keys.signerKey);
const verifier = parseVerifierKey(keys.verifierKey);

test('the key of the public database is read', () => {
  const { name, keyHash } = parseVerifierKey(
    'sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8',
  );
  expect(name).toBe('sum.golang.org');
  expect(keyHash).toBe(0x033de0ae);
});

test('a note that was signed can be opened, by whoever knows one of its keys', () => {
  const message = signNote('a text\n', [parseSignerKey(others.signerKey), signer]);
  expect(openNote(message, [verifier])).toEqual({ text: 'a text\n', signedBy: [verifier] });
  expect(openNote(message, [verifier, parseVerifierKey(others.verifierKey)]).signedBy).toHaveLength(2);
});

test('a signer tells the key for those who check', () => {
  expect(signer.verifierKey).toBe(keys.verifierKey);
});

test.each([
  ['another text', (note: string) => note.replace('a text', 'b text'), 'has a wrong signature'],
  ['no signatures', () => 'a text\n', 'has no signatures'],
  ['nothing below its text', () => 'a text\n\n', 'has no signatures'],
  ['a line without an end', (note: string) => note.slice(0, -1), 'has no signatures'],
  ['a line that is no signature', (note: string) => `${note}x\n`, 'is no signature'],
  ['a control character', (note: string) => note.replace(' ', '\r'), 'it is no text'],
  ['the signature of a stranger', () => signNote('a\n', [parseSignerKey(others.signerKey)]), 'by no key'],
  ['101 signatures', (note: string) => note + '— x AAAAAAAA\n'.repeat(100), 'too many signatures'],
  [
    'the signature of a key of the same name',
    () => signNote('a\n', [parseSignerKey(generateKey('sum.example.com', Buffer.alloc(32, 9)).signerKey)]),
    'by no key',
  ],
  [
    'the signature of another algorithm under the hash of the key',
    (note: string) => note.replace(/ (\S{6})\S*\n$/, ' $1AA\n'),
    'has a wrong signature',
  ],
])('a note with %s is refused', (_, edit, why) => {
  const message = edit(signNote('a text\n', [signer]).toString());
  expect(() => openNote(Buffer.from(message), [verifier])).toThrow(why);
});

test('bytes that are no UTF-8 are no note', () => {
  const message = Buffer.concat([Buffer.from([0xff]), signNote('a text\n', [signer])]);
  expect(() => openNote(message, [verifier])).toThrow('it is no text');
});

test('a text without a newline at its end is not signed', () => {
  expect(() => signNote('a text', [signer])).toThrow('must end with a newline');
});

test('a malformed key is refused and not shown', () => {
  const text = keys.signerKey.replace('PRIVATE+', '');
  expect(() => parseSignerKey(text)).toThrow(/^malformed signer key: it does not begin with PRIVATE\+KEY\+$/);
  expect(() => parseVerifierKey(keys.verifierKey.replace('sum', 'Sum'))).toThrow('is not its own');
  expect(() => parseSignerKey(keys.signerKey.replace('sum', 'Sum'))).toThrow('is not its own');
  expect(() => parseVerifierKey(`x+00000000+${Buffer.alloc(33, 2).toString('base64')}`)).toThrow('only 1');
});

test('what cannot be the name or the bytes of a key is told', () => {
  expect(() => generateKey('a+b', Buffer.alloc(32))).toThrow('"a+b" cannot be the name of a key');
  expect(() => formatVerifierKey('a', Buffer.alloc(31))).toThrow('a key has 32 bytes');
});
