/**
 * Signed notes and their keys, the format of golang.org/x/mod/sumdb/note: a text, a blank line, and a line
 * `— name base64` for each signature. Keys are Ed25519, the only algorithm there is.
 */
import { isUtf8 } from 'node:buffer';
import { createHash, createPrivateKey, createPublicKey, type KeyObject, sign, verify } from 'node:crypto';
import { StoaError } from '../errors.ts';
import { quote } from '../module/quote.ts';
import { decodeBase64 } from './base64.ts';

/** Checks the signatures of one key. */
export interface Verifier {
  readonly name: string;
  /** 32 bits, by which a signature names its key. */
  readonly keyHash: number;
  verify(message: Uint8Array, signature: Uint8Array): boolean;
}

/** Signs with one key. */
export interface Signer {
  readonly name: string;
  readonly keyHash: number;
  /** What others need to check the signatures; no secret. */
  readonly verifierKey: string;
  sign(message: Uint8Array): Buffer;
}

/** A note at least one of whose signatures is by a known key. */
export interface Note {
  /** It ends with a newline. */
  readonly text: string;
  /** Those whose signatures are on it. */
  readonly signedBy: readonly Verifier[];
}

/** The verifier of a key such as `sum.golang.org+033de0ae+Ac4z…`. Throws `malformed` for any other text. */
export function parseVerifierKey(text: string): Verifier {
  const { name, keyHash, key } = parseKey(text, 'verifier');
  if (keyHash !== hashKey(name, key)) throw malformedKey('verifier', 'the hash in it is not its own');
  const publicKey = importPublicKey(key.subarray(1));
  return {
    name,
    keyHash,
    verify: (message, signature) => verify(null, message, publicKey, signature),
  };
}

/** The verifier key of a raw public key. Throws `malformed` for a name that can't be one. */
export function formatVerifierKey(name: string, publicKey: Uint8Array): string {
  return formatKey(name, hashKey(name, tagged(publicKey)), publicKey);
}

/** The signer of a key such as `PRIVATE+KEY+sum.example.com+…`. Throws `malformed`, without showing it, for any other text. */
export function parseSignerKey(text: string): Signer {
  if (!text.startsWith(privatePrefix))
    throw malformedKey('signer', `it does not begin with ${privatePrefix}`);
  const { name, keyHash, key } = parseKey(text.slice(privatePrefix.length), 'signer');
  const privateKey = importSeed(key.subarray(1));
  const publicKey = exportPublicKey(privateKey);
  if (keyHash !== hashKey(name, tagged(publicKey)))
    throw malformedKey('signer', 'the hash in it is not its own');
  return {
    name,
    keyHash,
    verifierKey: formatVerifierKey(name, publicKey),
    sign: (message) => sign(null, message, privateKey),
  };
}

/** The key pair of a seed: 32 random bytes, which nobody else may know. Throws `malformed` for a name that can't be one. */
export function generateKey(
  name: string,
  seed: Uint8Array,
): { readonly signerKey: string; readonly verifierKey: string } {
  const publicKey = exportPublicKey(importSeed(seed));
  const signerKey = privatePrefix + formatKey(name, hashKey(name, tagged(publicKey)), seed);
  return { signerKey, verifierKey: formatVerifierKey(name, publicKey) };
}

/**
 * The note that a message holds. Throws `integrity` when it is malformed, when no known key signed it, or when one of its
 * signatures names a known key and is not by it.
 */
export function openNote(message: Uint8Array, known: readonly Verifier[]): Note {
  const bytes = Buffer.from(message.buffer, message.byteOffset, message.length);
  if (!isUtf8(bytes) || bytes.some((byte) => byte < 0x20 && byte !== newline))
    throw malformedNote('it is no text');
  const split = bytes.lastIndexOf('\n\n');
  if (split < 0 || bytes.at(-1) !== newline || split + 2 === bytes.length)
    throw malformedNote('it has no signatures');
  const text = bytes.subarray(0, split + 1);
  const lines = bytes.toString('utf8', split + 2, bytes.length - 1).split('\n');
  if (lines.length > maxSignatures) throw malformedNote('it has too many signatures');
  const signedBy = new Set<Verifier>();
  for (const line of lines) {
    const { name, keyHash, signature } = parseSignature(line);
    const verifier = known.find((one) => one.name === name && one.keyHash === keyHash);
    if (verifier === undefined || signedBy.has(verifier)) continue;
    if (!verifier.verify(text, signature))
      throw new StoaError('integrity', `the note has a wrong signature for the key of ${quote(name)}`);
    signedBy.add(verifier);
  }
  if (signedBy.size === 0) throw new StoaError('integrity', 'the note is signed by no key that is known');
  return { text: text.toString(), signedBy: [...signedBy] };
}

/** The note of a text, which ends with a newline, with a signature of each signer. */
export function signNote(text: string, signers: readonly Signer[]): Buffer {
  if (!text.endsWith('\n')) throw new StoaError('internal', 'the text of a note must end with a newline');
  const message = Buffer.from(text);
  const signatures = signers.map((signer) => {
    const hash = Buffer.alloc(4);
    hash.writeUInt32BE(signer.keyHash);
    const signature = Buffer.concat([hash, signer.sign(message)]).toString('base64');
    return `${signaturePrefix}${signer.name} ${signature}\n`;
  });
  return Buffer.from(`${text}\n${signatures.join('')}`);
}

const newline = 0x0a;
const maxSignatures = 100;
const signaturePrefix = '— ';
const privatePrefix = 'PRIVATE+KEY+';
const keySize = 32;
/** The number of the algorithm, before the bytes of every key. */
const ed25519 = 1;
/** What stands before the bytes of a key in the encodings that Node reads. */
const spkiPrefix = Buffer.from('302a300506032b6570032100', 'hex');
const pkcs8Prefix = Buffer.from('302e020100300506032b657004220420', 'hex');

interface ParsedKey {
  readonly name: string;
  readonly keyHash: number;
  /** With the algorithm before it. */
  readonly key: Buffer;
}

function parseKey(text: string, kind: 'verifier' | 'signer'): ParsedKey {
  // Base64 has plus signs too, so only the first two separate.
  const [, name = '', hash = '', encoded = ''] = /^([^+]*)\+([\da-fA-F]{8})\+(.*)$/s.exec(text) ?? [];
  const key = decodeBase64(encoded);
  if (!isName(name) || key === undefined || key.length === 0)
    throw malformedKey(kind, 'it should be name+hash+base64');
  if (key[0] !== ed25519) throw malformedKey(kind, `its algorithm is ${key[0]}, only 1 is known`);
  if (key.length !== 1 + keySize) throw malformedKey(kind, `a key has ${keySize} bytes`);
  return { name, keyHash: Number.parseInt(hash, 16), key };
}

function formatKey(name: string, keyHash: number, bytes: Uint8Array): string {
  if (!isName(name)) throw new StoaError('malformed', `${quote(name)} cannot be the name of a key`);
  if (bytes.length !== keySize) throw new StoaError('malformed', `a key has ${keySize} bytes`);
  return `${name}+${keyHash.toString(16).padStart(8, '0')}+${tagged(bytes).toString('base64')}`;
}

function parseSignature(line: string): { name: string; keyHash: number; signature: Buffer } {
  const [, name = '', encoded = ''] = /^— ([^ ]*) (.+)$/.exec(line) ?? [];
  const decoded = decodeBase64(encoded);
  if (!isName(name) || decoded === undefined || decoded.length < 5)
    throw malformedNote('a line below its text is no signature');
  return { name, keyHash: decoded.readUInt32BE(), signature: decoded.subarray(4) };
}

/** Neither spaces nor a plus sign are in a name: they separate. */
function isName(name: string): boolean {
  return name !== '' && name.isWellFormed() && !/[\t-\r\u0085\p{Z}+]/u.test(name);
}

function tagged(bytes: Uint8Array): Buffer {
  return Buffer.concat([Uint8Array.of(ed25519), bytes]);
}

function hashKey(name: string, key: Uint8Array): number {
  return createHash('sha256').update(`${name}\n`).update(key).digest().readUInt32BE();
}

function importPublicKey(bytes: Uint8Array): KeyObject {
  return createPublicKey({ key: Buffer.concat([spkiPrefix, bytes]), format: 'der', type: 'spki' });
}

function importSeed(seed: Uint8Array): KeyObject {
  return createPrivateKey({ key: Buffer.concat([pkcs8Prefix, seed]), format: 'der', type: 'pkcs8' });
}

function exportPublicKey(privateKey: KeyObject): Buffer {
  return createPublicKey(privateKey).export({ format: 'der', type: 'spki' }).subarray(spkiPrefix.length);
}

function malformedKey(kind: string, why: string): StoaError {
  return new StoaError('malformed', `malformed ${kind} key: ${why}`);
}

function malformedNote(why: string): StoaError {
  return new StoaError('integrity', `malformed note: ${why}`);
}
