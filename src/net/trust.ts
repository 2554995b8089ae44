import { X509Certificate } from 'node:crypto';
import { createSecureContext, getCACertificates, type SecureContext } from 'node:tls';
import { StoaError } from '../errors.ts';

/**
 * What connections of ours trust: the certificates Node brings (with NODE_EXTRA_CA_CERTS), those of the
 * system, as the go command does, and the given ones, each a PEM text of one or more. It is made at the first
 * call, since reading them all takes about 100 ms, and once, since every connection would else read them
 * again. Throws `config` at once for a text without a certificate.
 */
export function createTrust(pems: readonly string[]): () => SecureContext {
  const extra = pems.flatMap(parsePem);
  let context: SecureContext | undefined;
  return () => {
    context ??= createSecureContext({ ca: withThoseOfTheSystem(extra) });
    return context;
  };
}

/** The same certificates, each a PEM text, for programs that take a list of all. Throws as `createTrust`. */
export function trustedCertificates(pems: readonly string[]): string[] {
  return withThoseOfTheSystem(pems.flatMap(parsePem));
}

function withThoseOfTheSystem(extra: readonly string[]): string[] {
  return [...new Set([...getCACertificates('default'), ...getCACertificates('system'), ...extra])];
}

function parsePem(pem: string, index: number): string[] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----/gs) ?? [];
  try {
    if (blocks.length === 0) throw new Error('there is none in it');
    return blocks.map((block) => new X509Certificate(block).toString());
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new StoaError('config', `extra CA certificate ${index + 1} can't be read: ${reason}`, {
      cause: error,
    });
  }
}
