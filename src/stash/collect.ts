import { Writable } from 'node:stream';
import { StoaError } from '../errors.ts';
import type { Spool } from '../fetch/fetcher.ts';

/** A spool in memory, for the small files. */
export interface Collected extends Spool {
  /** What came, once the fetch that filled it was fulfilled. */
  bytes(): Buffer;
}

/** Collects at most `maxBytes`; what is larger ends with `integrity`, its message beginning with `subject`. */
export function createCollector(subject: string, maxBytes: number): Collected {
  let chunks: Buffer[] = [];

  return {
    begin({ source }) {
      chunks = [];
      let size = 0;
      return new Writable({
        write(chunk: Buffer, _encoding, callback) {
          size += chunk.length;
          if (size > maxBytes) {
            callback(new StoaError('integrity', `${subject}: ${source} sent more than ${maxBytes} bytes`));
            return;
          }
          chunks.push(chunk);
          callback();
        },
      });
    },
    bytes: () => Buffer.concat(chunks),
  };
}
