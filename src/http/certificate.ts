import { unwatchFile, watchFile } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createSecureContext } from 'node:tls';
import { StoaError } from '../errors.ts';

/** Where the certificate of the server is. */
export interface CertificateFiles {
  /** PEM: the certificate and what leads to its authority. */
  readonly certFile: string;
  /** PEM, without a pass phrase. */
  readonly keyFile: string;
}

/** What a TLS server takes. */
export interface Certificate {
  readonly cert: Buffer;
  readonly key: Buffer;
}

/** Reads a certificate and its key. Throws `config` where a file cannot be read or the two do not fit. */
export async function readCertificate(files: CertificateFiles): Promise<Certificate> {
  const [cert, key] = await Promise.all([readPem(files.certFile), readPem(files.keyFile)]);
  try {
    createSecureContext({ cert, key });
  } catch (cause) {
    throw new StoaError(
      'config',
      `TLS certificate ${files.certFile} with key ${files.keyFile}: ${reasonOf(cause)}`,
      { cause },
    );
  }
  return { cert, key };
}

/** Calls `changed` when one of the files was replaced or written; looks every so many milliseconds, until `stop`. */
export function watchCertificate(
  files: CertificateFiles,
  interval: number,
  changed: () => void,
): { stop(): void } {
  const names = [files.certFile, files.keyFile];
  for (const name of names) watchFile(name, { interval, persistent: false }, changed);
  return {
    stop: () => {
      for (const name of names) unwatchFile(name, changed);
    },
  };
}

async function readPem(file: string): Promise<Buffer> {
  try {
    return await readFile(file);
  } catch (cause) {
    throw new StoaError('config', `TLS file ${file}: ${reasonOf(cause)}`, { cause });
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
