import { gzipSync } from 'node:zlib';

/** Compressed forms of texts, kept as long as the text itself: a hot one is compressed once. */
export interface Compression {
  /** The gzip form; undefined where it is not worth it. */
  gzip(bytes: Uint8Array): Uint8Array | undefined;
}

/** Shorter texts are not worth the headers, longer ones would keep all other requests waiting. */
const minBytes = 1024;
const maxBytes = 256 * 1024;

/** Compresses on the calling thread: the pool's threads belong to what misses do, and a text within bounds takes about a millisecond. */
export function createCompression(): Compression {
  const forms = new WeakMap<Uint8Array, Uint8Array>();
  return {
    gzip(bytes) {
      let form = forms.get(bytes);
      if (form === undefined) {
        form = gzipSync(bytes, { level: 4 });
        forms.set(bytes, form.length < bytes.length ? form : bytes);
      }
      return form.length < bytes.length ? form : undefined;
    },
  };
}

/** True for a text of a length that is worth compressing. */
export function isCompressible(bytes: Uint8Array): boolean {
  return bytes.length >= minBytes && bytes.length <= maxBytes;
}

/** True when an Accept-Encoding header takes gzip, by its name or by `*`, with a weight above 0 (RFC 9110, section 12.5.3). */
export function acceptsGzip(value: string | undefined): boolean {
  if (value === undefined) return false;
  if (value === 'gzip') return true;
  let any = false;
  for (const part of value.split(',', 32)) {
    const [coding = '', ...parameters] = part.split(';').map((text) => text.trim().toLowerCase());
    if (coding !== 'gzip' && coding !== 'x-gzip' && coding !== '*') continue;
    const weight = parameters.find((parameter) => parameter.startsWith('q='));
    const accepted = weight === undefined || Number(weight.slice(2)) > 0;
    if (coding !== '*') return accepted;
    any = accepted;
  }
  return any;
}
