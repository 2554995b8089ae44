import { createPrivateKey, type KeyObject, sign } from 'node:crypto';
import { StoaError } from '../errors.ts';

/** The private key of a GitHub App, as GitHub gives it away: PEM. Throws `config` for a text that is none. */
export function parseAppKey(pem: string): KeyObject {
  let key: KeyObject | undefined;
  try {
    key = createPrivateKey(pem);
  } catch {
    // The reason may show a part of it.
  }
  if (key?.asymmetricKeyType === 'rsa') return key;
  throw new StoaError('config', 'the private key of the App is no RSA key in PEM, as GitHub gives them away');
}

/**
 * A token by which an App tells GitHub who it is (JWT, RS256). It lasts for nine minutes, of which GitHub takes ten, and
 * began a minute ago, for the sake of clocks that are not the same.
 */
export function signAppToken(app: string, key: KeyObject, nowMs: number): string {
  const now = Math.floor(nowMs / 1000);
  const parts = [
    { alg: 'RS256', typ: 'JWT' },
    { iat: now - 60, exp: now + 540, iss: app },
  ];
  const text = parts.map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.');
  return `${text}.${sign('sha256', Buffer.from(text), key).toString('base64url')}`;
}
