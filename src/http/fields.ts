import type { Answer } from '../protocol/answer.ts';
import { isCompressible } from './compression.ts';

/** How a body is encoded; undefined: as it is. */
export type Encoding = 'gzip' | undefined;

/**
 * The header fields of an answer whose body has this length and encoding, a name, its value, a name, its value: all
 * but `answer.headers`.
 */
export function fieldsOf(answer: Answer, length: number | undefined, encoding?: Encoding): string[] {
  const { contentType, cacheControl, etag, ranges } = answer;
  const fields = ['Content-Type', contentType, 'Cache-Control', cacheControl];
  if (length !== undefined) fields.push('Content-Length', String(length));
  // A compressed form has other bytes, so it can't have the strong ETag; a weak one says that it means the same.
  if (etag !== undefined) fields.push('ETag', encoding === undefined ? etag : `W/${etag}`);
  if (ranges === true) fields.push('Accept-Ranges', 'bytes');
  if (encoding !== undefined) fields.push('Content-Encoding', encoding);
  if (hasForms(answer)) fields.push('Vary', 'Accept-Encoding');
  return fields;
}

/** True for an answer that exists compressed as well, so that a cache must tell the two apart. */
export function hasForms(answer: Answer): boolean {
  return answer.compress === true && answer.body instanceof Uint8Array && isCompressible(answer.body);
}
